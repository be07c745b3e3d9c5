"""Weights that cannot be loaded: one line says what is wrong and what would fit."""

from __future__ import annotations

import functools
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.models.weights import load_weights

SUFFIXES = (".keras", ".h5", ".weights.h5")
WHOLE = (".keras", ".h5")
ENDLESS = (2**64 - 16).to_bytes(8, "little")
"""A length that, with the header's 16 bytes, is no step at all in 64 bits."""
BUILT: dict[str, Any] = {"alpha": 0.35, "size": 32, "classes": 5}


def saved(model: Any, path: Path) -> Path:
    model.save_weights(path) if path.name.endswith(".weights.h5") else model.save(path)
    return path


@functools.cache
def built(name: str, **options: Any) -> Any:
    """Build an architecture as ``BUILT`` says, but for the options; no test changes its weights."""
    return edgecnn.build(name, **{**BUILT, **options})


@pytest.fixture(scope="module")
def model() -> Any:
    """MobileNet v2 as it is wanted; no test changes its weights for good."""
    return built("mobilenet_v2")


def message(weights: Path, name: str = "mobilenet_v2", **options: Any) -> str:
    """Build the model as it is wanted and return why that failed."""
    with pytest.raises(InputError) as caught:
        edgecnn.build(name, weights=weights, **{**BUILT, **options})
    return one_line(caught.value, weights)


def refusal(model: Any, weights: Path) -> str:
    """Load a file into a built model and return why that failed."""
    before = model.get_weights()
    with pytest.raises(InputError) as caught:
        load_weights(model, weights)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # Nothing was loaded.
    return one_line(caught.value, weights)


def one_line(error: InputError, weights: Path) -> str:
    text = str(error)
    assert "\n" not in text
    assert repr(str(weights)) in text
    return text


@pytest.mark.parametrize(
    ("saved_with", "says"),
    [
        ({"alpha": 0.5}, "in another width: say alpha=0.5"),
        ({"alpha": 0.5, "classes": 7}, "say alpha=0.5, classes=7"),
        ({"alpha": 0.91}, "in another width: check alpha"),
    ],
)
def test_the_width_that_would_fit_is_said(
    saved_with: dict[str, Any], says: str, tmp_path: Path
) -> None:
    other = built("mobilenet_v2", **saved_with)
    assert message(saved(other, tmp_path / "a.keras")).endswith(says)


def test_what_would_fit_is_said_in_every_format(model: Any, tmp_path: Path) -> None:
    wider, more = built("mobilenet_v2", alpha=0.5), built("mobilenet_v2", classes=7)
    for suffix in SUFFIXES:
        says = refusal(model, saved(wider, tmp_path / f"a{suffix}"))
        assert says.endswith("has weights of mobilenet_v2 in another width: check --alpha")
        says = refusal(model, saved(more, tmp_path / f"b{suffix}"))
        assert says.endswith("has 7 classes where 5 are built: say --classes 7")


@pytest.mark.parametrize("name", ["squeezenet", "alexnet", "shufflenet_v2", "se_resnet50"])
def test_other_families_widths_and_classes(name: str, tmp_path: Path) -> None:
    path = saved(built(name, alpha=0.5), tmp_path / "a.weights.h5")
    assert message(path, name, alpha=0.25).endswith("say alpha=0.5")
    assert message(path, name, alpha=0.5, classes=9).endswith("say classes=5")


@pytest.mark.parametrize("suffix", WHOLE)
def test_another_architecture_is_named(model: Any, suffix: str, tmp_path: Path) -> None:
    path = saved(built("mobilenet_v1"), tmp_path / f"a{suffix}")
    assert refusal(model, path).endswith("give the name mobilenet_v1")
    # The same layers in other numbers.
    path = saved(built("resnet18"), tmp_path / f"b{suffix}")
    assert message(path, "resnet34").endswith("give the name resnet18")


def test_another_architectures_layers_are_named(model: Any, tmp_path: Path) -> None:
    path = saved(edgecnn.build("vgg11", alpha=0.05, size=32), tmp_path / "a.weights.h5")
    says = "10 layers that are not in the model (block1_conv1, "  # Eight convolutions, two dense.
    assert says in refusal(model, path)
    path = saved(built("resnet18"), tmp_path / "b.weights.h5")
    assert "another architecture" in message(path, "resnet34")


def test_a_model_of_ones_own_is_no_architecture(model: Any, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
    path = saved(keras.Sequential([*layers, keras.layers.Dense(5)]), tmp_path / "a.keras")
    assert "belongs to another architecture" in refusal(model, path)


def test_auxiliary_classifiers_that_a_file_lacks(tmp_path: Path) -> None:
    path = saved(built("inception_v1"), tmp_path / "a.keras")
    says = "it has no auxiliary classifiers: leave out auxiliary=True"
    assert message(path, "inception_v1", auxiliary=True).endswith(says)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_that_are_no_numbers(model: Any, suffix: str, tmp_path: Path) -> None:
    variance = next(w for w in model.weights if w.path == "block_3_depthwise_bn/moving_variance")
    before = variance.numpy()
    for value in (np.nan, np.inf):
        variance.assign(np.where(np.arange(variance.shape[0]) == 1, value, before))
        path = saved(model, tmp_path / f"a{suffix}")
        variance.assign(before)
        says = "values in block_3_depthwise_bn/moving_variance that are no finite"
        assert says in refusal(model, path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"text", "Keras did not save it: give a .h5 or .keras file"),
        (b"\x89HDF\r\n\x1a\n garbage", "truncated or corrupt"),
        (b"PK\x03\x04no", "truncated or corrupt"),
    ],
)
def test_broken_files(model: Any, content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    assert says in refusal(model, path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_short(model: Any, suffix: str, tmp_path: Path) -> None:
    path = saved(model, tmp_path / f"a{suffix}")
    whole = path.read_bytes()
    for part in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * part)])
        assert "truncated or corrupt" in refusal(model, path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("first_object", [b"\x01" + bytes(7) + ENDLESS, bytes(16)])
def test_strings_that_hdf5_would_read_for_ever(
    model: Any, first_object: bytes, suffix: str, tmp_path: Path
) -> None:
    path = saved(model, tmp_path / f"a{suffix}")
    if suffix != ".keras":
        path.write_bytes(damaged(path.read_bytes(), first_object))
        assert "truncated or corrupt" in refusal(model, path)
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["model.weights.h5"] = damaged(parts["model.weights.h5"], first_object)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "truncated or corrupt" in refusal(model, path)


def damaged(content: bytes, first_object: bytes) -> bytes:
    """Give the first object in a file's heap of strings another header."""
    at = content.index(b"GCOL") + 16
    return content[:at] + first_object + content[at + 16 :]


@pytest.mark.parametrize(
    "config", ["[]", "{}", "null", '{"config": {"layers": 3}}', '{"config": {"layers": [{}]}}']
)
def test_an_archive_whose_configuration_is_not_keras(
    model: Any, config: str, tmp_path: Path
) -> None:
    path = saved(model, tmp_path / "a.keras")
    with zipfile.ZipFile(path) as archive:
        content = archive.read("model.weights.h5")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(json.loads(config)))
        archive.writestr("model.weights.h5", content)
    assert "truncated or corrupt" in refusal(model, path)


def test_no_file(model: Any, tmp_path: Path) -> None:
    assert "is a folder" in refusal(model, tmp_path)
    assert "no such weights file" in refusal(model, tmp_path / "absent.h5")
    assert "File name too long" in refusal(model, tmp_path / f"{'n' * 300}.h5")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--alpha", "0.5"), "say --alpha 0.35"),
        (("--classes", "6", "--alpha", "0.35"), "say --classes 1000"),
        (("--alpha", "9"), "alpha must be above 0 and at most 8, not 9"),
        (("--size", "16"), "input size 16x16 is too small"),
    ],
)
def test_the_command_says_it_in_one_line(
    options: tuple[str, ...], says: str, tmp_path: Path, run_edgecnn: Any
) -> None:
    path = saved(built("mobilenet_v2", classes=1000), tmp_path / "a.keras")
    outcome = run_edgecnn(
        "convert", "mobilenet_v2", "--weights", path, "--quantize", "float32", *options,
        cwd=tmp_path,
    )  # fmt: skip
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("edgecnn: ")
    assert line.endswith(says) or says in line
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert [file.name for file in tmp_path.iterdir()] == ["a.keras"]

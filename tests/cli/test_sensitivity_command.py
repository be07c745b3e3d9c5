"""``edgecnn sensitivity`` as a user runs it: a real model, and what bad input gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and data, and bad ones."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("sensitivity")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    parts = [keras.Input((16, 16, 3)), layers.Conv2D(4, 3, activation="relu", name="first")]
    parts += [layers.GlobalAveragePooling2D(name="pool"), layers.Dense(3, name="scores")]
    model = keras.Sequential(parts)
    model.save(folder / "model.keras")
    model.export(folder / "saved", verbose=False)
    np.savez(folder / "x.npz", x=np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), "u1"))
    np.savez(folder / "few.npz", x=np.zeros((3, 16, 16, 3), np.uint8))
    (folder / "half.keras").write_bytes((folder / "model.keras").read_bytes()[:2000])
    return folder


def test_a_real_model_table_and_chart(run_edgecnn: Any, shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    result = run_edgecnn(
        "sensitivity", shared_data / "models" / "mobilenet_v1_0.25_224.keras", "--preprocess", "tf",
        "--calibrate", shared_data / "imagenet_sample", "--images", 16, "--plot", "noise.png",
        cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    head, *rows = result.stdout.split("\n\n")[0].splitlines()
    assert head.split()[:2] == ["layer", "kind"]
    assert {row.split()[0] for row in rows[:2]} == {"conv_dw_1", "conv_dw_2"}
    assert {row.split()[0] for row in rows[2:]} >= {"conv1", "conv_pw_13", "conv_preds"}
    assert "- conv_dw_2: its weights" in result.stdout
    with Image.open(tmp_path / "noise.png") as image:
        assert image.format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["noise.png"]


def test_json_alone_on_standard_output(run_edgecnn: Any, here: Path) -> None:
    result = run_edgecnn(
        "sensitivity", "model.keras", "--preprocess", "unit", "-c", "x.npz", "--json",
        "--samples", 20, cwd=here,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    values = json.loads(result.stdout)
    assert {layer["layer"] for layer in values["layers"]} == {"first", "pool", "scores"}
    assert values["images"] == 10
    assert any("10 images where 32 were asked for" in warning for warning in values["warnings"])


def test_a_saved_model_has_the_names_of_its_ops(run_edgecnn: Any, here: Path) -> None:
    result = run_edgecnn(
        "sensitivity", "saved", "--preprocess", "unit", "-c", "x.npz", "--samples", 20, cwd=here
    )
    assert result.returncode == 0, result.stderr
    assert "scores" in result.stdout


GOOD = ("model.keras", "--preprocess", "unit", "-c", "x.npz")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument 'MODEL'"),
        (("absent.keras",), "no such file: 'absent.keras'"),
        (("half.keras",), "'half.keras' is truncated or corrupt"),
        (("mobilnet_v2",), "did you mean mobilenet_v2"),
        (("mobilenet_v2",), "needs representative data: --calibrate FOLDER"),
        (("model.keras", "--preprocess", "unit"), "needs representative data"),
        (("model.keras", "-c", "x.npz", "--samples", "20"), "how its images were normalised"),
        ((*GOOD, "--weights", "imagenet"), "--weights goes with the name"),
        (("model.keras", "-c", "few.npz"), "has 3 image(s), too few"),
        (("model.keras", "-c", "nowhere"), "no data at 'nowhere'"),
        ((*GOOD, "--images", "0"), "--images must be 1 to 100, not 0"),
        ((*GOOD, "--images", "101"), "--images must be 1 to 100, not 101"),
        ((*GOOD, "--plot", "a.pdf"), "a chart is one of .png, .svg, .html, not 'a.pdf'"),
        ((*GOOD, "--plot", ""), "a chart is one of .png, .svg, .html"),
        ((*GOOD, "--plot", "no/such/a.png"), "folder 'no/such' does not exist"),
        ((*GOOD, "--plot", "model.keras/a.png"), "is a file, where a folder is needed"),
        ((*GOOD, "--plot", f"{'n' * 300}.png"), "File name too long"),
    ],
)
def test_bad_input_is_one_line(
    run_edgecnn: Any, here: Path, arguments: tuple[str, ...], says: str
) -> None:
    before = sorted(here.rglob("*"))
    result = run_edgecnn("sensitivity", *arguments, cwd=here)
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgecnn: ")
    assert says in line
    assert result.returncode == 2
    assert result.stdout == ""
    assert sorted(here.rglob("*")) == before


def test_help_has_an_example(run_edgecnn: Any) -> None:
    result = run_edgecnn("sensitivity", "--help")
    assert result.returncode == 0
    assert "  edgecnn sensitivity my_model.keras" in result.stdout

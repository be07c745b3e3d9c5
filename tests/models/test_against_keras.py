"""Every architecture that Keras has too gives the same numbers with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.models.registry import get_spec, list_models
from edgecnn.models.weights import WeightsReport

from .conftest import write_published_form

WITH_PEER = [spec.name for spec in list_models() if spec.keras_name]
OTHER_ALPHAS = [
    ("mobilenet_v1", 0.25),
    ("mobilenet_v2", 0.35),
    ("mobilenet_v3_small", 0.75),
    ("mobilenet_v3_large", 0.75),
]

FLATTENED = [name for name in WITH_PEER if name.startswith("vgg")]
"""Their dense layers have a weight for each position: more at another size of the input."""

INPUT_NORMALISATION = 7
"""Weights of the first layer in Keras' first EfficientNets, which the InputSpec replaces here."""


def arrays_of(model: Any) -> list[np.ndarray[Any, Any]]:
    return [
        np.asarray(weight)
        for layer in model.layers
        if type(layer).__name__ != "Normalization"
        for weight in layer.weights
        if "seed" not in weight.path
    ]


def noise(size: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)


def answers(model: Any) -> np.ndarray[Any, Any]:
    """Run a model of 96x96 images on noise; tracing it first, as ``predict`` does, takes longer."""
    return np.asarray(model(noise(96), training=False))


@pytest.mark.parametrize("name", FLATTENED)
def test_parameters_that_depend_on_the_size_are_theirs(name: str, peer: Any) -> None:
    spec = get_spec(name)
    theirs = peer(spec, size=spec.input.height, drawn=False)
    assert spec.parameters == theirs.count_params()


@pytest.mark.parametrize(("name", "alpha"), [(name, 1.0) for name in WITH_PEER] + OTHER_ALPHAS)
def test_outputs_equal_with_a_file_in_the_publishers_form(
    name: str, alpha: float, peer: Any, tmp_path: Path
) -> None:
    theirs = peer(get_spec(name), alpha=alpha)
    path = tmp_path / "published.h5"
    write_published_form(theirs, path)
    reports: list[WeightsReport] = []
    ours = edgecnn.build(
        name, alpha=alpha, size=96, softmax=False, weights=path, on_weights=reports.append
    )
    has_extra = name.startswith("efficientnet_b")
    if alpha == 1.0 and name not in FLATTENED:
        extra = INPUT_NORMALISATION if has_extra else 0
        assert theirs.count_params() - extra == get_spec(name).parameters
    assert [layer[:13] for layer in reports[0].left_out] == ["normalization"] * has_extra
    assert reports[0].parameters == ours.count_params()
    expected = answers(theirs)
    found = answers(ours)
    assert 0.01 < expected.std() < 100  # The comparison would see a difference.
    assert np.abs(found - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(("name", "alpha"), OTHER_ALPHAS)
def test_probabilities_are_the_softmax_of_the_logits(name: str, alpha: float) -> None:
    logits = answers(edgecnn.build(name, alpha=alpha, size=96, softmax=False))
    found = answers(edgecnn.build(name, alpha=alpha, size=96))  # The same weights each time.
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.abs(found - exponents / exponents.sum(axis=1, keepdims=True)).max() < 1e-4


@pytest.fixture(scope="module")
def legacy_file(peer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the publishers' form: Keras' legacy HDF5 of the model of ``keras.applications``."""
    path = tmp_path_factory.mktemp("legacy") / "mobilenet_v1.h5"
    peer(get_spec("mobilenet_v1"), alpha=0.25).save(path)
    return path


def test_a_legacy_hdf5_file_loads(legacy_file: Path, peer: Any) -> None:
    ours = edgecnn.build("mobilenet_v1", alpha=0.25, size=96, softmax=False, weights=legacy_file)
    expected = answers(peer(get_spec("mobilenet_v1"), alpha=0.25))
    assert np.abs(answers(ours) - expected).max() < 1e-4


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_file_with_input_normalisation_loads(suffix: str, peer: Any, tmp_path: Path) -> None:
    path = tmp_path / f"efficientnetb0{suffix}"
    theirs = peer(get_spec("efficientnet_b0"))
    theirs.save(path)
    ours = edgecnn.build("efficientnet_b0", size=96, softmax=False, weights=path)
    difference = answers(ours) - answers(theirs)
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_our_own_files_load_back(suffix: str, tmp_path: Path) -> None:
    first = edgecnn.build("mobilenet_v3_small", alpha=0.5, size=64, classes=7)
    for weight in first.weights:
        weight.assign(weight + 0.01)
    path = tmp_path / f"mine{suffix}"
    first.save(path) if suffix == ".keras" else first.save_weights(path)
    second = edgecnn.build("mobilenet_v3_small", alpha=0.5, size=64, classes=7, weights=path)
    for one, other in zip(arrays_of(first), arrays_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_published_weights_that_do_not_fit_are_named(legacy_file: Path) -> None:
    with pytest.raises(InputError, match=r"1000 classes .* say classes=1000$"):
        edgecnn.build("mobilenet_v1", alpha=0.25, classes=10, weights=legacy_file)
    with pytest.raises(InputError, match=r"another width: say alpha=0\.25$"):
        edgecnn.build("mobilenet_v1", alpha=0.5, weights=legacy_file)
    with pytest.raises(InputError, match=r"another width: say alpha=0\.25, classes=1000$"):
        edgecnn.build("mobilenet_v1", classes=10, weights=legacy_file)
    with pytest.raises(InputError, match="another architecture"):
        edgecnn.build("mobilenet_v2", alpha=0.25, weights=legacy_file)

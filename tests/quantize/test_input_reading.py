"""Which preprocessing a model was trained with, measured where nothing says it.

The models know ten colours: each answers which of them is the nearest to an image's mean colour, in
the numbers that one normalisation makes of pixels. So only images that are normalised like that get
right answers, and which they are follows from the definition.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset
from edgecnn.quantize.calibration.input_reading import measure_reading
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.serialization import read_graph, write_graph
from tests.colour_models import write_colour_model

SIDE = 4
GENERATOR = np.random.default_rng(3)
COLOURS = GENERATOR.integers(0, 256, (10, 1, 1, 3))
LABELS = np.arange(100) % len(COLOURS)
NOISE = GENERATOR.normal(0, 20, (len(LABELS), SIDE, SIDE, 3))
IMAGES = (COLOURS[LABELS] + NOISE).clip(0, 255).astype(np.uint8)

SPECS = {name: preset(name, SIDE, SIDE) for name in PREPROCESSING}
OF_NO_NAME = {
    "half": custom([127.5], [255], SIDE, SIDE),
    "tf in BGR": InputSpec(SIDE, SIDE, (127.5,) * 3, (127.5,) * 3, "BGR"),
}


def knowing(folder: Path, spec: InputSpec, *, is_trained: bool = True) -> Graph:
    """Return a graph that knows the colours as a normalisation makes them."""
    pixels = np.broadcast_to(COLOURS, (len(COLOURS), SIDE, SIDE, 3)).astype(np.uint8)
    centres = spec.normalize(pixels)[:, 0, 0]
    # The nearest centre has the greatest product with the input, less half of its own square.
    gain = 20 / np.abs(centres).max() ** 2
    weights, bias = gain * centres, -gain * (centres**2).sum(axis=1) / 2
    if not is_trained:
        weights, bias = GENERATOR.normal(size=weights.shape), np.zeros(len(weights))
    path = write_colour_model(folder / "colours.tflite", outputs=len(COLOURS))
    graph = read_graph(path.read_bytes())
    for name, values in (("weights", weights), ("bias", bias)):
        tensor = next(each for each in graph.tensors if each.name == name)
        tensor.values = values.astype(np.float32)
    return graph


def measured(graph: Graph, labels: npt.NDArray[np.int64] | None = LABELS) -> str | None:
    return measure_reading(graph, IMAGES, None if labels is None else labels.tolist()).preset


@pytest.mark.parametrize("name", PREPROCESSING)
def test_what_a_model_was_trained_with_is_found(name: str, tmp_path: Path) -> None:
    assert measured(knowing(tmp_path, SPECS[name])) == name


@pytest.mark.parametrize("name", OF_NO_NAME)
def test_what_has_no_name_is_not_taken_for_what_is_nearest(name: str, tmp_path: Path) -> None:
    assert measured(knowing(tmp_path, OF_NO_NAME[name])) is None


def test_random_weights_tell_nothing(tmp_path: Path) -> None:
    assert measured(knowing(tmp_path, SPECS["raw"], is_trained=False)) is None


def test_ten_classes_tell_nothing_without_labels(tmp_path: Path) -> None:
    assert measured(knowing(tmp_path, SPECS["tf"]), None) is None
    assert measured(knowing(tmp_path, SPECS["tf"]), np.roll(LABELS, 1)) is None


def test_a_model_that_answers_any_multiple_alike_is_not_judged(tmp_path: Path) -> None:
    """Without a bias the class is the same for x and for 255 x, and surer for the greater."""
    graph = knowing(tmp_path, SPECS["unit"])
    bias = next(each for each in graph.tensors if each.name == "bias")
    bias.values = np.zeros_like(bias.values)
    assert measured(graph) is None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "colours.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    return path


def test_it_is_taken_and_said_and_can_be_overruled(data: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "tf.tflite", tmp_path / "int8.tflite"
    source.write_bytes(write_graph(knowing(tmp_path, SPECS["tf"])))
    (made,) = edgecnn.convert(source, calibrate=data, output=target)
    assert made.input is not None and made.input["mean"] == SPECS["tf"].mean
    (said,) = (warning for warning in made.warnings if "was measured" in warning)
    assert "right for 100 % (tf)" in said and 'preprocess="tf"' in said
    (made,) = edgecnn.convert(source, calibrate=data, output=target, preprocess="unit")
    assert made.input is not None and made.input["mean"] == SPECS["unit"].mean
    assert not any("was measured" in warning for warning in made.warnings)


def test_what_is_not_clear_is_asked_with_what_was_measured(data: Path, tmp_path: Path) -> None:
    source = tmp_path / "half.tflite"
    source.write_bytes(write_graph(knowing(tmp_path, OF_NO_NAME["half"])))
    with pytest.raises(InputError, match=r"right for 100 % \(mean.*say preprocess=") as caught:
        edgecnn.convert(source, calibrate=data, output=tmp_path / "int8.tflite")
    assert not (tmp_path / "int8.tflite").exists(), caught.value

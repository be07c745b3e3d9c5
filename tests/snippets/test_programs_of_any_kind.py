"""Programs for files that are no classifiers of images."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.preprocessing import Preprocessing

from .test_snippets import run_program


def _strangers(shared_data: Path, name: str) -> str:
    return str(shared_data / "strangers" / f"{name}.tflite")


def test_a_map_becomes_a_picture_of_classes(shared_data: Path, tmp_path: Path) -> None:
    path = _strangers(shared_data, "selfie")
    pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    program = edgecnn.snippet(path, "python", Preprocessing.of("unit"))
    (line,) = run_program(program, tmp_path, tmp_path / "photo.png")
    classes = np.asarray(Image.open(tmp_path / "classes.png"))
    interpreter = Interpreter(path)
    interpreter.allocate_tensors()
    interpreter.set_tensor(
        interpreter.get_input_details()[0]["index"], np.float32(pixels[None]) / 255
    )
    interpreter.invoke()
    answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert np.array_equal(classes, np.uint8(answer[0, ..., 0] >= 0.5))
    assert line == f"positions of each class: {np.bincount(classes.flat).tolist()}"


def test_inputs_that_are_no_images_come_as_arrays(shared_data: Path, tmp_path: Path) -> None:
    path = _strangers(shared_data, "iris")
    program = edgecnn.snippet(path, "python")
    (name,) = (detail["name"] for detail in Interpreter(path).get_input_details())
    # A flower of the species 0 as Fisher measured it in 1936, in centimetres.
    np.savez(tmp_path / "inputs.npz", **{name: [5.1, 3.5, 1.4, 0.2]})
    (line,) = run_program(program, tmp_path, tmp_path / "inputs.npz")
    assert line.startswith("best class: 0 ")


def test_arrays_have_the_names_by_which_the_model_is_called(
    shared_data: Path, tmp_path: Path
) -> None:
    path = _strangers(shared_data, "swap3")
    given = {"first_input": 2.0, "second_input": 30.0, "third_input": 400.0}
    np.savez(tmp_path / "inputs.npz", **given)
    program = edgecnn.snippet(path, "python")
    lines = run_program(program, tmp_path, tmp_path / "inputs.npz")
    called = Interpreter(path).get_signature_runner()
    wanted = called(**{name: np.float32([[value]]) for name, value in given.items()})
    names = re.findall(r"# (output_\d)", program)
    assert lines == [f"numbers: {wanted[name].flatten()}" for name in names]


def test_of_features_of_sound_no_preprocessing_is_asked(shared_data: Path) -> None:
    with pytest.raises(InputError, match=r"takes no image, by the shape of its input .x49x10x1"):
        edgecnn.snippet(_strangers(shared_data, "kws"), "android")


def test_both_outputs_of_a_detector_are_shown(shared_data: Path, tmp_path: Path) -> None:
    program = edgecnn.snippet(
        _strangers(shared_data, "face_short"), "python", Preprocessing.of("tf")
    )
    Image.new("RGB", (128, 128)).save(tmp_path / "photo.png")
    text = "\n".join(run_program(program, tmp_path, tmp_path / "photo.png"))
    assert "candidates: (1, 896, 16)" in text
    assert "candidates: (1, 896, 1)" in text


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_other_platforms_say_what_the_file_is(platform: str, shared_data: Path) -> None:
    path = _strangers(shared_data, "selfie")
    with pytest.raises(InputError, match="is no classifier: it gives a class for each position"):
        edgecnn.snippet(path, platform, Preprocessing.of("unit"))

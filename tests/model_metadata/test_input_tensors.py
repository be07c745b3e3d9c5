"""How a file's images are prepared: who is believed, and the tensors."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.geometry import IMAGENET_CROP, KERAS_LOADER, MEDIAPIPE_TASKS
from edgecnn.data.inputspec import PREPROCESSING, custom, preset
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.inspection.inputs_outputs import normalization
from edgecnn.model_metadata.input_tensors import (
    image_input,
    input_spec,
    quantised_preset,
    scores_output,
    to_levels,
    to_tensor,
)
from edgecnn.tflite.reading import TfliteModel, read_model
from edgecnn.tflite.structure import TensorInfo

METADATA = "TFLITE_METADATA"


@pytest.fixture(scope="module")
def peer(shared_data: Path) -> TfliteModel:
    """A maker's float file, whose public metadata has mean and std 127.5."""
    return read_model(shared_data / "peers" / "mobilenet_v1_0.25_224_float_metadata.tflite")


def test_public_metadata_tells_the_normalisation(peer: TfliteModel) -> None:
    assert input_spec(peer) == preset("tf", 224, 224).with_geometry(MEDIAPIPE_TASKS)


def test_the_user_comes_before_public_metadata(peer: TfliteModel) -> None:
    unit = preset("unit", 224, 224).with_geometry(MEDIAPIPE_TASKS)
    assert input_spec(peer, Preprocessing("unit")) == unit
    cropped = input_spec(peer, Preprocessing.of("unit", resize="crop"))
    assert cropped == unit.with_geometry(IMAGENET_CROP)


def test_public_metadata_that_is_broken_or_does_not_fit(peer: TfliteModel) -> None:
    broken = dataclasses.replace(peer, metadata={METADATA: peer.metadata[METADATA][:40]})
    with pytest.raises(InputError, match="its metadata cannot be used"):
        input_spec(broken, label="'a.tflite'")
    wanted = preset("tf", 224, 224).with_geometry(MEDIAPIPE_TASKS)
    assert input_spec(broken, Preprocessing("tf")) == wanted
    silent = dataclasses.replace(peer, metadata={})
    with pytest.raises(InputError, match="--preprocess"):
        input_spec(silent)


def test_geometry_of_files_that_do_not_say_it(tmp_path: Path, colour_model: Any) -> None:
    """MediaPipe takes any uint8 input; a bare float file is described by the user's own script."""
    pixels = read_model(colour_model(tmp_path / "pixels.tflite", dtype="uint8"))
    assert input_spec(pixels).geometry == MEDIAPIPE_TASKS
    bare = read_model(colour_model(tmp_path / "bare.tflite"))
    assert input_spec(bare, Preprocessing("tf")).geometry == KERAS_LOADER


def test_old_files_of_ours_keep_the_crop_that_they_state(tmp_path: Path, colour_model: Any) -> None:
    described = {"height": 4, "width": 4, "mean": [0] * 3, "std": [1] * 3, "color_order": "RGB"}
    old = {**described, "crop_fraction": 0.875, "interpolation": "bilinear"}
    model = read_model(colour_model(tmp_path / "old.tflite", metadata={"input": old}))
    assert input_spec(model).geometry == IMAGENET_CROP
    with pytest.raises(InputError, match=r"centre crop of 87.5 %.*--resize stretch contradicts"):
        input_spec(model, Preprocessing.of(resize="stretch"))


def test_unknown_preprocessing_lists_the_choices(tmp_path: Path, colour_model: Any) -> None:
    model = read_model(colour_model(tmp_path / "model.tflite"))
    with pytest.raises(InputError, match="--preprocess") as caught:
        input_spec(model)
    assert all(name in str(caught.value) for name in PREPROCESSING)
    assert input_spec(read_model(colour_model(tmp_path / "u.tflite", dtype="uint8"))).is_raw


def test_metadata_of_another_size_is_refused(tmp_path: Path, colour_model: Any) -> None:
    metadata = {"input": preset("raw", 5, 4).to_dict()}
    model = read_model(colour_model(tmp_path / "model.tflite", metadata=metadata))
    with pytest.raises(InputError, match="contradicts itself"):
        input_spec(model)


@pytest.mark.parametrize(
    ("scale", "zero_point", "custom"),
    [
        # The real values that -128 and 127 stand for: scale * (integer - zero point).
        (1 / 255, -128, "unit"),
        (1.0, -128, "raw"),
        (1 / 127.5, 0, "tf"),
        (1 / 127.5, -1, "tf"),
        (2 / 255, 0, "tf"),
        (1 / 255, 0, None),
        (1.0, 0, None),
        (0.5847, 83, None),
        (0.0187, -14, None),
        (float("nan"), -128, None),
    ],
)
def test_an_int8_input_that_states_a_custom_range_needs_no_word_of_the_user(
    peer: TfliteModel, scale: float, zero_point: int, custom: str | None
) -> None:
    (image,) = peer.inputs
    quantised = dataclasses.replace(image, dtype="int8", scale=(scale,), zero_point=(zero_point,))
    silent = dataclasses.replace(peer, inputs=(quantised,), metadata={})
    assert quantised_preset(quantised) == custom
    shown = normalization(silent, None)
    if custom is None:
        assert shown is None
        with pytest.raises(InputError, match="--preprocess"):
            input_spec(silent)
    else:
        spec = input_spec(silent)
        assert spec == preset(custom, 224, 224)
        assert shown is not None and (shown.mean, shown.std) == (spec.mean[:1], spec.std[:1])
        # Black and white are the least and the greatest integer, or next to them.
        ends = np.array([0, 255], np.uint8).repeat(3).reshape(2, 1, 3)
        levels = to_tensor(ends, spec, quantised)
        assert abs(int(levels.min()) + 128) <= 1 and abs(int(levels.max()) - 127) <= 1
        # The user's word comes first.
        assert input_spec(silent, Preprocessing("torch")) == preset("torch", 224, 224)


def test_int8_input_is_quantised_and_clipped() -> None:
    tensor = TensorInfo("x", (1, 1, 2, 3), "int8", (0.5,), (-3,), 0)
    image = np.array([[[0, 1, 2], [3, 100, 255]]], np.uint8)
    levels = to_tensor(image, custom((0,), (1,), 1, 2), tensor)
    assert levels.dtype == np.int8
    assert levels.tolist() == [[[-3, -1, 1], [3, 127, 127]]]


@pytest.mark.parametrize("how", sorted(PREPROCESSING))
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_levels_are_what_a_tensor_has(how: str, dtype: str) -> None:
    tensor = TensorInfo("x", (1, 8, 32, 3), dtype, (0.0078125,), (3,), 0)
    image = np.random.default_rng(0).integers(0, 256, (8, 32, 3), np.uint8)
    spec = preset(how, 8, 32)
    levels = to_levels(spec, tensor)
    # Of pixels that go in as they are there is nothing to look up, nor where channels differ.
    assert (levels is None) == (dtype == "uint8" or how in ("torch", "caffe"))
    if levels is not None:
        wanted = to_tensor(image, spec, tensor)
        assert levels.dtype == wanted.dtype
        np.testing.assert_array_equal(levels[image], wanted)


def test_int8_input_without_a_scale_and_models_that_are_no_classifiers(peer: TfliteModel) -> None:
    (image,), (scores,) = peer.inputs, peer.outputs
    int8 = dataclasses.replace(image, dtype="int8")
    with pytest.raises(InputError, match="no scale"):
        image_input(dataclasses.replace(peer, inputs=(int8,)))
    with pytest.raises(InputError, match="dtype int16"):
        image_input(dataclasses.replace(peer, inputs=(dataclasses.replace(image, dtype="int16"),)))
    with pytest.raises(InputError, match=r"1x224x224x3, .* and no image alone"):
        image_input(dataclasses.replace(peer, inputs=(image, image)))
    with pytest.raises(InputError, match="no classifier"):
        scores_output(dataclasses.replace(peer, outputs=(scores, scores)))

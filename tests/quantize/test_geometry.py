"""Converted files say how images come to their size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.geometry import IMAGENET_CROP, KERAS_LOADER, Geometry
from edgecnn.data.inputspec import InputSpec
from edgecnn.tflite.reading import read_model


@pytest.fixture(scope="module")
def mean_of_pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 8x8 pixels that answers each channel's mean."""
    keras = pytest.importorskip("keras")
    image = keras.Input((8, 8, 3))
    path = tmp_path_factory.mktemp("models") / "mean.keras"
    keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)).save(path)
    return path


def geometry_of(path: Path) -> Geometry:
    return InputSpec.from_dict((read_model(path).edgecnn or {})["input"]).geometry


@pytest.mark.parametrize(
    ("said", "wanted", "reason"),
    [
        ({}, KERAS_LOADER, "image_dataset_from_directory"),
        ({"resize": "crop"}, IMAGENET_CROP, 'as resize="crop" says'),
        ({"crop_fraction": 0.5}, Geometry("crop", 0.5, "bilinear"), "as crop_fraction=0.5 says"),
        ({"resize": "pad", "interpolation": "nearest"}, Geometry("pad", 1, "nearest"), "pad"),
    ],
)
def test_a_users_model_is_loaded_as_by_keras_or_as_the_user_says(
    said: dict[str, Any], wanted: Geometry, reason: str, mean_of_pixels: Path, tmp_path: Path
) -> None:
    (made,) = edgecnn.convert(
        mean_of_pixels, quantize="float32", preprocess="raw", output=tmp_path, **said
    )
    assert geometry_of(made.path) == wanted
    assert made.images is not None
    assert wanted.text(8, 8) in made.images
    assert reason in made.images


def test_geometry_that_cannot_be_packed_is_refused(mean_of_pixels: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="say preprocess="):
        edgecnn.convert(mean_of_pixels, quantize="float32", output=tmp_path, resize="crop")
    assert list(tmp_path.iterdir()) == []

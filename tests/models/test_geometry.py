"""How photographs come to an architecture's size: as for published weights, or as Keras loads."""

from __future__ import annotations

import pytest

from edgecnn.data.geometry import IMAGENET_CROP, KERAS_LOADER, Geometry
from edgecnn.models.build import input_spec


@pytest.mark.parametrize("size", [None, 160, (96, 128)])
def test_published_weights_know_their_crop(size: int | tuple[int, int] | None) -> None:
    assert input_spec("mobilenet_v1", size, "imagenet").geometry == IMAGENET_CROP
    assert input_spec("mobilenet_v2", size, "imagenet").geometry == IMAGENET_CROP


@pytest.mark.parametrize("weights", [None, "none", "mine.weights.h5"])
def test_other_weights_are_taken_to_be_trained_with_keras_loader(weights: str | None) -> None:
    assert input_spec("mobilenet_v2", weights=weights).geometry == KERAS_LOADER
    assert input_spec("efficientnet_b1", weights=weights).geometry == KERAS_LOADER


def test_efficientnet_has_its_authors_own_crop() -> None:
    """32 pixels more than the input in their preprocessing.py: 240 of 272 for B1."""
    b1 = input_spec("efficientnet_b1", weights="imagenet").geometry
    assert b1 == Geometry("crop", 240 / 272, "bicubic")

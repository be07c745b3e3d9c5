"""Images are known again by their pixels, and by nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from edgecnn.model_metadata.calibration_digests import (
    DIGEST_BYTES,
    CalibrationDigests,
    ImageUse,
    image_digest,
)


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3), np.uint8)


def test_a_digest_is_that_of_all_pixels_of_a_small_image(images: Any) -> None:
    expected = hashlib.blake2b(images[0].tobytes(), digest_size=DIGEST_BYTES).digest()
    assert image_digest(images[0]) == expected
    assert image_digest(np.asfortranarray(images[0])) == expected


@pytest.mark.parametrize("shape", [(224, 224, 3), (96, 96, 1), (65, 300, 3)])
def test_images_differ_that_differ_by_a_little_noise(shape: tuple[int, int, int]) -> None:
    generator = np.random.default_rng(1)
    one = generator.integers(0, 255, shape, np.uint8)
    noisy = one + (generator.random(shape) < 0.02)
    assert image_digest(one) == image_digest(one.copy()) != image_digest(noisy.astype(np.uint8))


def test_what_an_image_did_is_known_and_others_did_nothing(images: Any) -> None:
    digests = CalibrationDigests.of(images[:5], fitted=3)
    uses = [digests.use_of(image) for image in images]
    assert uses == [ImageUse.FITTED] * 3 + [ImageUse.HELD_OUT] * 2 + [None]
    assert len(digests) == 5


def test_an_image_that_was_fitted_to_and_held_out_was_fitted_to(images: Any) -> None:
    twice = CalibrationDigests.of(images[[0, 1, 0]], fitted=2)
    assert twice.use_of(images[0]) is ImageUse.FITTED


def test_it_is_the_same_after_json_and_small_there(images: Any) -> None:
    digests = CalibrationDigests.of(images, fitted=4)
    text = json.dumps(digests.to_dict())
    assert CalibrationDigests.from_dict(json.loads(text)) == digests
    # Base64 has four characters for three bytes.
    assert len(digests.to_dict()["digests"]) == 4 * (6 * DIGEST_BYTES) / 3


@pytest.mark.parametrize(
    "change",
    [
        {"digests": "AAAA"}, {"digests": "no base64!"}, {"digests": None}, {"fitted": 7},
        {"fitted": -1, "held_out": 7}, {"held_out": "2"}, {"fitted": None},
    ],
)  # fmt: skip
def test_what_is_broken_is_refused(change: dict[str, Any], images: Any) -> None:
    values = CalibrationDigests.of(images, fitted=4).to_dict()
    with pytest.raises((ValueError, TypeError, LookupError)):
        CalibrationDigests.from_dict({**values, **change})

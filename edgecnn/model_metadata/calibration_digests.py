"""Short digests of the images that a file was made with, by which they are known again elsewhere.

A digest is made of an image's pixels as the model sees them, cut to its size and not yet
normalised. So neither the name nor the folder of an image matters, nor whether its pixels come from
an image file or an array. A digest tells nothing of what an image shows.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DIGEST_BYTES = 5
"""Bytes of a digest. A file holds some two hundred digests, so another image is taken for one of
them with a probability of 200 / 2**40: for one of 50,000 images, in 1 of 110,000 measurements."""

GRID = 64
"""Most rows and columns of an image, at even distances, whose pixels the digest is made of. All
pixels of a photograph would take several times as long, and no two photographs agree in so many."""


class ImageUse(Enum):
    """What an image did when a file was made."""

    FITTED = "fitted"
    """Ranges, weights or biases were fitted to the image."""
    HELD_OUT = "held out"
    """What the file lost was measured on the image, and its steps were chosen by that."""


@dataclass(frozen=True)
class CalibrationDigests:
    """The images that a file was made with, known by their digests.

    Args:
        fitted: Digests of the images that the file was fitted to.
        held_out: Digests of the images that its steps were proved on.

    Example:
        >>> digests = CalibrationDigests.of(images, fitted=100)
        >>> digests.use_of(images[0])
        <ImageUse.FITTED: 'fitted'>
    """

    fitted: tuple[bytes, ...]
    held_out: tuple[bytes, ...]

    @classmethod
    def of(cls, images: npt.NDArray[np.uint8], fitted: int) -> CalibrationDigests:
        """Return the digests of images.

        Args:
            images: The images cut to the model's size, uint8, shape (count, height, width,
                channels).
            fitted: How many images the file was fitted to: the first ones.
        """
        digests = tuple(map(image_digest, images))
        return cls(digests[:fitted], digests[fitted:])

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.fitted) + len(self.held_out)

    def use_of(self, image: npt.NDArray[np.uint8]) -> ImageUse | None:
        """Return what an image did when the file was made; None for an image that was not there.

        Args:
            image: Pixels cut to the model's size, uint8, shape (height, width, channels).
        """
        return self._uses.get(image_digest(image))

    @cached_property
    def _uses(self) -> dict[bytes, ImageUse]:
        held_out = dict.fromkeys(self.held_out, ImageUse.HELD_OUT)
        return {**held_out, **dict.fromkeys(self.fitted, ImageUse.FITTED)}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        packed = base64.b64encode(b"".join((*self.fitted, *self.held_out))).decode()
        return {
            "fitted": len(self.fitted), "held_out": len(self.held_out), "digests": packed
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CalibrationDigests:
        """Read what :meth:`to_dict` returned.

        Raises:
            ValueError: There are more digests than images, or fewer, or they are no base64.
            LookupError: A value is missing.
            TypeError: A value has another type.
        """
        packed = base64.b64decode(values["digests"], validate=True)
        fitted, held_out = values["fitted"], values["held_out"]
        if min(fitted, held_out) < 0 or len(packed) != (fitted + held_out) * DIGEST_BYTES:
            raise ValueError(f"digests of other than {fitted} and {held_out} images")
        digests = tuple(
            packed[start : start + DIGEST_BYTES] for start in range(0, len(packed), DIGEST_BYTES)
        )
        return cls(digests[:fitted], digests[fitted:])


def image_digest(image: npt.NDArray[np.uint8]) -> bytes:
    """Return the digest of an image: BLAKE2b of the pixels on an even grid of it.

    Args:
        image: Pixels cut to a model's size, uint8, shape (height, width, channels).
    """
    height, width, _ = image.shape
    drawn = image[:: -(-height // GRID), :: -(-width // GRID)]
    return hashlib.blake2b(drawn.tobytes(), digest_size=DIGEST_BYTES).digest()

"""The built-in data: 1,797 handwritten digits, 8x8 pixels (Alpaydin and Kaynak 1998, CC BY 4.0).

A fifth of each digit's images is held out for accuracy; the rest is for training and calibration.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import numpy.typing as npt

DIGITS = ("digits", "digits-train")
"""Names of the two parts as ``DATA``: the held-out fifth, and the rest."""

CLASS_NAMES = tuple(str(digit) for digit in range(10))
HELD_OUT = 5
"""One image in so many of each digit is held out, in the data's own order."""


def read_digits(name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return the images and the digits of one of the two parts.

    Args:
        name: ``"digits"`` (held out, 364 images) or ``"digits-train"`` (1,433).

    Returns:
        Images, uint8 of shape (count, 8, 8, 1), and the digit that each shows, shape (count,).

    Example:
        >>> read_digits("digits")[0].shape
        (364, 8, 8, 1)
    """
    images, labels = _load()
    chosen = held_out(labels) == (name == "digits")
    return images[chosen], labels[chosen]


def held_out(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Say which images are held out: every fifth of each class."""
    turn = np.zeros(len(labels), np.int64)
    for digit in np.unique(labels):
        mine = labels == digit
        turn[mine] = np.arange(mine.sum())
    is_held_out: npt.NDArray[np.bool_] = turn % HELD_OUT == 0
    return is_held_out


def _load() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    file = resources.files("edgecnn.data") / "digits.npz"
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        return arrays["x"][..., None], arrays["y"]

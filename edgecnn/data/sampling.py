"""Bilinear interpolation between the four nearest pixels, which Pillow lacks for smaller images.

An image that shrinks is not smoothed before, as in ``tf.image.resize``, MediaPipe and Android: its
fine detail aliases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.data.geometry import ASYMMETRIC, NO_ANTIALIAS

Pixels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.int32]

BAND_ROWS = 64
"""Rows that are made at a time, so that what is computed on the way stays in the CPU's cache."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SamplingGrid:
    """Where in an image each pixel of a smaller or larger one is sampled.

    Args:
        centre: What is counted of a pixel: 0.5 for its centre, 0 for its beginning. Pixel ``i``
            lies ``(i + centre) x scale - centre`` behind the beginning of the part that is sampled.
        bits: Bits of the fraction of a place, to which places are rounded.
    """

    centre: float
    bits: int


CENTRED = SamplingGrid(centre=0.5, bits=11)
"""The places of ``tf.image.resize``. With 11 bits of a fraction, sums of four levels fit 32 bits,
and what is lost by rounding the places is less than a quarter of what is by rounding to levels."""

WARPED = SamplingGrid(centre=0.0, bits=5)
"""The places of MediaPipe's tasks on a CPU: OpenCV's ``warpPerspective`` rounds them to 1/32 of a
pixel (``INTER_BITS`` in its imgproc module)."""

SAMPLING = {NO_ANTIALIAS: CENTRED, ASYMMETRIC: WARPED}
"""Filters without antialiasing -> where they sample."""


def sampled(pixels: Pixels, size: tuple[int, int], box: Box, grid: SamplingGrid) -> Pixels:
    """Return a part of an image at another size, each pixel mixed from the four nearest ones.

    Args:
        pixels: uint8, shape (height, width, channels) or (height, width).
        size: New width and height in pixels.
        box: Left, top, right and bottom of the part, in pixels of the image.
        grid: Where pixels are sampled.

    Returns:
        uint8, shape (height, width, channels) or (height, width); levels are rounded once, halves
        upwards.

    Example:
        >>> grey = np.array([[0, 100, 200, 50]], np.uint8)
        >>> sampled(grey, (2, 1), (0, 0, 4, 1), CENTRED)
        array([[ 50, 125]], dtype=uint8)
    """
    columns = _taps(box[0], box[2], pixels.shape[1], size[0], grid)
    rows = _taps(box[1], box[3], pixels.shape[0], size[1], grid)
    bands = [rows.part(at, at + BAND_ROWS) for at in range(0, size[1], BAND_ROWS)]
    return np.concatenate([_band(pixels, band, columns, grid.bits) for band in bands])


@dataclass(frozen=True)
class _Taps:
    """For each new pixel along a side the two nearest old ones, and the share of the second."""

    first: Levels
    second: Levels
    shares: Levels

    def part(self, begin: int, end: int) -> _Taps:
        return _Taps(self.first[begin:end], self.second[begin:end], self.shares[begin:end])


def _band(pixels: Pixels, rows: _Taps, columns: _Taps, bits: int) -> Pixels:
    """Return some rows of the new image."""
    needed, places = np.unique([rows.first, rows.second], return_inverse=True)
    first, second = places.reshape(2, -1)
    strip = pixels.take(needed, axis=0)
    across = columns.shares.reshape(1, -1, *(1,) * (pixels.ndim - 2))
    # numpy is slow where it repeats a number over the last axis.
    across = np.ascontiguousarray(
        np.broadcast_to(across, (1, *across.shape[1:2], *strip.shape[2:]))
    )
    left, right = (
        strip.take(side, axis=1).astype(np.int32) for side in (columns.first, columns.second)
    )
    mixed = _mixed(left, right, across, bits)
    down = rows.shares.reshape(-1, *(1,) * (pixels.ndim - 1))
    levels = _mixed(mixed.take(first, axis=0), mixed.take(second, axis=0), down, bits)
    levels += 1 << (2 * bits - 1)
    levels >>= 2 * bits
    return levels.astype(np.uint8)


def _mixed(one: Levels, other: Levels, shares: Levels, bits: int) -> Levels:
    """Return the sum of two arrays, both of which it uses up.

    The other array has ``shares`` of ``1 << bits`` in the sum, which is not divided by that.
    """
    other -= one
    other *= shares
    one <<= bits
    other += one
    return other


def _taps(begin: float, end: float, side: int, size: int, grid: SamplingGrid) -> _Taps:
    exact = begin + (np.arange(size) + grid.centre) * ((end - begin) / size) - grid.centre
    last = (side - 1) << grid.bits
    places = np.clip(np.rint(exact * (1 << grid.bits)), 0, last).astype(np.int32)
    first = places >> grid.bits
    shares = places & ((1 << grid.bits) - 1)
    return _Taps(first, np.minimum(first + 1, side - 1), shares)

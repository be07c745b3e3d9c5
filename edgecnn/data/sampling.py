"""Bilinear interpolation between the four nearest pixels, which Pillow lacks for smaller images.

An image that shrinks is not smoothed before, as in ``tf.image.resize``, MediaPipe and Android: its
fine detail aliases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.int32]
Places = npt.NDArray[np.int32]

WEIGHT_BITS = 22
"""Bits of a weight's fraction, as in Pillow's Resample.c: 255 of them still fit 32 bits."""

BAND_ROWS = 64
"""Rows that are made at a time, so that what is computed on the way stays in the CPU's cache."""


WARP_BITS = 5
"""Bits of the fraction of a place in OpenCV's ``warpPerspective`` (``INTER_BITS`` in imgproc)."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Taps:
    """The two source pixels of each new pixel along a side, and their weights."""

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    first_weights: Levels
    second_weights: Levels

    def part(self, begin: int, end: int) -> _Taps:
        return _Taps(*(values[begin:end] for values in vars(self).values()))


def sampled(
    pixels: Pixels,
    size: tuple[int, int],
    box: Box,
    *,
    height_first: bool,
) -> Pixels:
    """Return a part of an image at another size, each pixel mixed from the four nearest ones.

    Pixels count by their centres, as in ``tf.image.resize``. Levels are rounded to 8 bits after
    each side, so that an image that grows comes out as from Pillow's bilinear filter, to the byte.

    Args:
        pixels: uint8, shape (height, width, channels) or (height, width).
        size: New width and height in pixels.
        box: Left, top, right and bottom of the part, in pixels of the image.
        height_first: Whether levels are mixed along the height before the width.

    Returns:
        uint8, shape (height, width, channels) or (height, width).

    Example:
        >>> grey = np.array([[0, 100, 200, 50]], np.uint8)
        >>> sampled(grey, (2, 1), (0, 0, 4, 1), height_first=False)
        array([[ 50, 125]], dtype=uint8)
    """
    columns = _taps(box[0], box[2], pixels.shape[1], size[0])
    rows = _taps(box[1], box[3], pixels.shape[0], size[1])
    bands = [rows.part(at, at + BAND_ROWS) for at in range(0, size[1], BAND_ROWS)]
    return np.concatenate([_band(pixels, band, columns, height_first) for band in bands])


def _band(pixels: Pixels, rows: _Taps, columns: _Taps, height_first: bool) -> Pixels:
    top, low = pixels.take(rows.first, axis=0), pixels.take(rows.second, axis=0)
    if height_first:
        left, right = (
            _mixed(top.take(column, axis=1), low.take(column, axis=1), rows, 0)
            for column in (columns.first, columns.second)
        )
        return _mixed(left, right, columns, 1)
    upper, lower = (
        _mixed(row.take(columns.first, axis=1), row.take(columns.second, axis=1), columns, 1)
        for row in (top, low)
    )
    return _mixed(upper, lower, rows, 0)


def _taps(begin: float, end: float, side: int, size: int) -> _Taps:
    # A box travels through Pillow in single precision, and so do pictures that grow.
    begin, end = float(np.float32(begin)), float(np.float32(end))
    centres = begin + (np.arange(size) + 0.5) * (float(np.float32(end - begin)) / size)
    first = np.maximum(np.trunc(centres - 0.5), 0).astype(np.intp)
    second = np.minimum(first + 1, side - 1)
    near = np.maximum(1 - np.abs(first - centres + 0.5), 0)
    far = np.where(
        first + 1 < np.minimum(np.trunc(centres + 1.5), side),
        np.maximum(1 - np.abs(first + 1 - centres + 0.5), 0),
        0,
    )
    scale = (1 << WEIGHT_BITS) / (near + far)
    weights = [(part * scale + 0.5).astype(np.int32) for part in (near, far)]
    return _Taps(first, second, *weights)


def _mixed(one: Pixels, other: Pixels, taps: _Taps, axis: int) -> Pixels:
    """Return one x first weight + other x second weight in 8 bits, in few passes over memory."""

    def along(weights: Levels) -> Levels:
        return weights[:, None] if axis == 0 else weights.repeat(math.prod(one.shape[2:]))[None]

    first = one.reshape(len(one), -1)
    levels = other.reshape(first.shape).astype(np.int32)
    levels -= first
    levels *= along(taps.second_weights)
    # Both weights may have been rounded up.
    excess = taps.first_weights + taps.second_weights - (1 << WEIGHT_BITS)
    if excess.any():
        levels += first * along(excess)
    levels += 1 << (WEIGHT_BITS - 1)
    levels >>= WEIGHT_BITS
    levels += first
    return levels.astype(np.uint8).reshape(one.shape)


def warped(pixels: Pixels, size: tuple[int, int], box: Box) -> Pixels:
    """Return a part of an image at another size, to the byte as MediaPipe's tasks make it on a CPU.

    New pixel ``i`` is sampled ``i x scale`` pixels behind the part's beginning, not at its centre.
    MediaPipe has OpenCV's ``warpPerspective`` do it, which rounds a place to 1/32 of a pixel.

    Args:
        pixels: uint8, shape (height, width, channels) or (height, width).
        size: New width and height in pixels.
        box: Left, top, right and bottom of the part, in pixels of the image.

    Returns:
        uint8, shape (height, width, channels) or (height, width).

    Example:
        >>> warped(np.array([[0, 100, 200, 50]], np.uint8), (2, 1), (0, 0, 4, 1))
        array([[  0, 200]], dtype=uint8)
    """
    left, right, across = _warp_taps(box[0], box[2], pixels.shape[1], size[0])
    top, low, down = _warp_taps(box[1], box[3], pixels.shape[0], size[1])
    across = across.reshape(1, -1, *(1,) * (pixels.ndim - 2))
    down = down.reshape(-1, *(1,) * (pixels.ndim - 1))
    upper, lower = (
        _weighted(row.take(left, axis=1), row.take(right, axis=1), across)
        for row in (pixels.take(top, axis=0), pixels.take(low, axis=0))
    )
    levels = _weighted(upper, lower, down)
    levels += 1 << (2 * WARP_BITS - 1)
    levels >>= 2 * WARP_BITS
    return levels.astype(np.uint8)


def _weighted(one: Pixels | Levels, other: Pixels | Levels, shares: Levels) -> Levels:
    """Return the sum of both, in which the other has ``shares`` of 32."""
    levels = other.astype(np.int32)
    levels -= one
    levels *= shares
    levels += one.astype(np.int32) << WARP_BITS
    return levels


def _warp_taps(begin: float, end: float, side: int, size: int) -> tuple[Places, Places, Levels]:
    scale = (end - begin) / size
    places = np.rint((begin + np.arange(size) * scale) * (1 << WARP_BITS)).astype(np.int32)
    first = np.clip(places >> WARP_BITS, 0, side - 1)
    return first, np.minimum(first + 1, side - 1), places & ((1 << WARP_BITS) - 1)

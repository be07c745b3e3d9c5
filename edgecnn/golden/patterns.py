"""Pictures made of whole numbers alone: the same bytes on every machine and in every language.

Random bytes are SHA-256 of ``"edgecnn-patterns-1/PATTERN/SEED/NUMBER"`` for NUMBER 0, 1, 2, ...,
one digest after the other. All else is sums, products, shifts and divisions of integers, which
round down; a picture is made at the size that is wanted, so nothing is resized.

Noise alone makes networks answer one class whatever the seed. A ball, warped stripes and a soft
texture are far enough from each other that trained networks give different, clear answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

GENERATOR = "edgecnn-patterns-1"
"""Name of the algorithms below; another one needs another name."""

DEFAULT_PICTURES = (("ball", 0), ("stripes", 39), ("texture", 3))
"""(pattern, seed) of what goes into a file.

Of the first forty seeds of each, one with which trained networks of 32x32 and 224x224 pixels (a
ResNet-8, MobileNets v1 0.25 and v2) put a class first by 0.4 or more, and each pattern another.
"""

MAX_PATTERN_PIXELS = 1 << 20
"""Of a picture, so that making it takes little memory."""

FULL = 65536
"""The side of a picture in whatever is drawn, however many pixels it has."""

ONE = 256
"""1 in weights and shares."""

Integers = npt.NDArray[np.int64]
Shape = tuple[int, int, int]


def picture(pattern: str, seed: int, shape: Shape) -> npt.NDArray[np.uint8]:
    """Draw a picture.

    Args:
        pattern: ``"ball"``, ``"stripes"`` or ``"texture"``.
        seed: Which of them.
        shape: (height, width, channels).

    Returns:
        uint8 of that shape, RGB or grey.

    Raises:
        InputError: There is no such pattern, or the shape is none of a picture.

    Example:
        >>> picture("ball", 0, (224, 224, 3)).shape
        (224, 224, 3)
    """
    if pattern not in PATTERNS:
        raise InputError(f"no pattern {pattern!r}: there are {', '.join(PATTERNS)}")
    height, width, channels = shape
    if min(shape) < 1 or height * width > MAX_PATTERN_PIXELS or channels not in (1, 3):
        raise InputError(f"no picture has the shape {shape}")
    return PATTERNS[pattern](_random_bytes(pattern, seed), shape).astype(np.uint8)


def _ball(random: Iterator[int], shape: Shape) -> Integers:
    """A ball with light from the upper left, on a soft ground."""
    y, x = _positions(shape)
    top, left, radius = (FULL * (80 + next(random) // 4) // 256 for _ in range(3))
    radius //= 2
    inside = (y - top) ** 2 + (x - left) ** 2 < radius**2
    from_light = ((y - top + radius) ** 2 + (x - left + radius) ** 2) * ONE // (9 * radius**2)
    color, ground = _colors(random, 2, shape)
    lit = (color + 60) * np.maximum(ONE - from_light // 2, 40) // ONE
    return np.where(inside, np.minimum(lit, 255), (_soft(random, shape) + ground) // 2)


def _stripes(random: Iterator[int], shape: Shape) -> Integers:
    """Slanted, warped stripes of two colours."""
    y, x = _positions(shape)
    across, down = 6 + next(random) % 8, next(random) % 4
    warp = _upsampled(_grid(random, 3, 1), shape)
    is_first = (x * across + y * down + 3 * warp) // (FULL // 2) % 2 == 0
    first, second = _colors(random, 2, shape)
    return (3 * np.where(is_first, first, second) + _soft(random, shape)) // 4


def _texture(random: Iterator[int], shape: Shape) -> Integers:
    """Smooth noise, coarse and fine."""
    return _octaves(random, shape, ((2, 8), (5, 4), (12, 2), (30, 1)))


def _soft(random: Iterator[int], shape: Shape) -> Integers:
    return _octaves(random, shape, ((2, 4), (6, 2), (28, 1)))


PATTERNS: dict[str, Callable[[Iterator[int], Shape], Integers]] = {
    "ball": _ball,
    "stripes": _stripes,
    "texture": _texture,
}


def _random_bytes(pattern: str, seed: int) -> Iterator[int]:
    number = 0
    while True:
        yield from hashlib.sha256(f"{GENERATOR}/{pattern}/{seed}/{number}".encode()).digest()
        number += 1


def _positions(shape: Shape) -> tuple[Integers, Integers]:
    """Return each pixel's y and x, 0 to ``FULL``; shapes (height, 1, 1) and (1, width, 1)."""
    height, width, _ = shape
    y, x = np.arange(height, dtype=np.int64), np.arange(width, dtype=np.int64)
    return (y * FULL // height)[:, None, None], (x * FULL // width)[None, :, None]


def _colors(random: Iterator[int], count: int, shape: Shape) -> list[Integers]:
    return [np.array([next(random) for _ in range(shape[2])], np.int64) for _ in range(count)]


def _octaves(random: Iterator[int], shape: Shape, octaves: tuple[tuple[int, int], ...]) -> Integers:
    """Sum grids of random numbers, each of so many cells a side and with its weight; 0 to 255."""
    total = np.zeros(shape, np.int64)
    for cells, weight in octaves:
        total += weight * _upsampled(_grid(random, cells, shape[2]), shape)
    low, high = int(total.min()), int(total.max())
    return (total - low) * 255 // max(1, high - low)


def _grid(random: Iterator[int], cells: int, channels: int) -> Integers:
    shape = (cells + 1, cells + 1, channels)
    count = shape[0] * shape[1] * shape[2]
    return np.array([next(random) for _ in range(count)], np.int64).reshape(shape)


def _upsampled(grid: Integers, shape: Shape) -> Integers:
    """Interpolate a grid to a picture's pixels, linearly in both directions; times ``ONE``."""
    cells = len(grid) - 1
    y, down = _places(shape[0], cells)
    x, across = _places(shape[1], cells)
    down, across = down[:, None, None], across[None, :, None]
    upper: Integers = grid[y][:, x] * (ONE - across) + grid[y][:, x + 1] * across
    lower: Integers = grid[y + 1][:, x] * (ONE - across) + grid[y + 1][:, x + 1] * across
    blended: Integers = upper * (ONE - down) + lower * down
    return blended // ONE


def _places(pixels: int, cells: int) -> tuple[Integers, Integers]:
    """Return the cell in which the middle of each pixel is, and how far in it, 0 to ``ONE``."""
    places = (2 * np.arange(pixels, dtype=np.int64) + 1) * cells * ONE // (2 * pixels)
    return places // ONE, places % ONE

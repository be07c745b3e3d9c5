"""Arrays drawn from whole numbers: the same numbers on every machine and in every language.

They are what :mod:`~edgecnn.golden.patterns` is for inputs that take no image. An array is drawn
as levels of 0 to 65,535, and these are then spread over the range of the input. Random levels are
two bytes each, the high byte first, of SHA-256 of
``"edgecnn-arrays-1/PATTERN/SEED/INPUT/NUMBER"`` for NUMBER 0, 1, 2, ..., one digest after the
other; INPUT is the place of the input among the model's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

ARRAYS_GENERATOR = "edgecnn-arrays-1"
"""Name of this module's algorithms; a change of what they draw needs another name."""

DEFAULT_ARRAYS = (("noise", 0), ("waves", 0), ("steps", 0))
"""(pattern, seed) of the samples of a golden sample."""

MAX_ARRAY_ELEMENTS = 1 << 22
"""Most numbers of an array, so that drawing it takes little time and memory."""

LEVELS = 65536
CELLS = 4
"""Parts of the first side in which waves and steps take another course."""

Integers = npt.NDArray[np.int64]
Sides = tuple[int, int, int]


def draw_levels(pattern: str, seed: int, place: int, shape: tuple[int, ...]) -> Integers:
    """Draw the levels of an array.

    Args:
        pattern: ``"noise"``, whose levels know nothing of each other; ``"waves"``, which change
            slowly along the first side behind the batch; ``"steps"``, which jump along it.
        seed: Number that chooses one array of the pattern.
        place: Place of the input among the model's.
        shape: Shape of the array with the batch.

    Returns:
        Levels from 0 to 65,535, of that shape.

    Raises:
        InputError: There is no such pattern, or the array is too large.

    Example:
        >>> draw_levels("waves", 0, 0, (1, 32, 6)).shape
        (1, 32, 6)
    """
    if pattern not in ARRAY_PATTERNS:
        raise InputError(f"no pattern {pattern!r}: there are {', '.join(ARRAY_PATTERNS)}")
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ARRAY_ELEMENTS:
        raise InputError(f"no array of a golden sample has the shape {shape}")
    batch, rows = (*shape[:2], 1, 1)[:2] if len(shape) > 1 else (1, math.prod(shape))
    sides = (batch, rows, math.prod(shape) // (batch * rows))
    draw = ARRAY_PATTERNS[pattern]
    return draw(f"{ARRAYS_GENERATOR}/{pattern}/{seed}/{place}", sides).reshape(shape)


def spread(
    levels: Integers, dtype: np.dtype[np.generic], low: float, high: float
) -> npt.NDArray[np.generic]:
    """Return the numbers that levels stand for.

    Args:
        levels: Levels from 0 to 65,535.
        dtype: Type of the numbers: floats, whole numbers or truth values.
        low: The number of level 0.
        high: The number of the highest level.

    Example:
        >>> spread(np.array([0, 65535]), np.dtype("float32"), -1.0, 1.0)
        array([-1.,  1.], dtype=float32)
    """
    if dtype.kind == "f":
        return (low + levels * ((high - low) / (LEVELS - 1))).astype(dtype)
    if dtype.kind == "b":
        return levels >= LEVELS // 2
    first, count = int(low), int(high) - int(low) + 1
    return (first + levels * count // LEVELS).astype(dtype)


def _noise(name: str, sides: Sides) -> Integers:
    return _random(name, math.prod(sides)).reshape(sides)


def _waves(name: str, sides: Sides) -> Integers:
    """Straight lines between random levels, which a fourth of the first side lies between."""
    batch, rows, columns = sides
    ends = _random(name, batch * (CELLS + 1) * columns).reshape(batch, CELLS + 1, columns)
    places = np.arange(rows, dtype=np.int64) * CELLS * 256 // rows
    cells, shares = places // 256, (places % 256)[:, None]
    return (ends[:, cells] * (256 - shares) + ends[:, cells + 1] * shares) // 256


def _steps(name: str, sides: Sides) -> Integers:
    """Random levels, each of which stays for a fourth of the first side."""
    batch, rows, columns = sides
    levels = _random(name, batch * CELLS * columns).reshape(batch, CELLS, columns)
    return levels[:, np.arange(rows, dtype=np.int64) * CELLS // rows]


ARRAY_PATTERNS: dict[str, Callable[[str, Sides], Integers]] = {
    "noise": _noise,
    "waves": _waves,
    "steps": _steps,
}


def _random(name: str, count: int) -> Integers:
    digests = -(-2 * count // hashlib.sha256().digest_size)
    content = b"".join(hashlib.sha256(f"{name}/{n}".encode()).digest() for n in range(digests))
    return np.frombuffer(content, ">u2", count).astype(np.int64)

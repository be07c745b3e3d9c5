"""The golden pictures: the same on every machine, of any size, and unlike each other."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.golden.patterns import DEFAULT_PICTURES, PATTERNS, draw_picture


def slow_texture(seed: int, side: int) -> list[int]:
    """A grey texture as its definition has it, pixel by pixel in Python's own integers."""
    random = iter(
        b"".join(
            hashlib.sha256(f"edgecnn-patterns-1/texture/{seed}/{number}".encode()).digest()
            for number in range(40)
        )
    )
    total = [0] * (side * side)
    for cells, weight in ((2, 8), (5, 4), (12, 2), (30, 1)):
        grid = [[next(random) for _ in range(cells + 1)] for _ in range(cells + 1)]
        places = [divmod((2 * n + 1) * cells * 256 // (2 * side), 256) for n in range(side)]
        for row, (y, down) in enumerate(places):
            for column, (x, across) in enumerate(places):
                upper = grid[y][x] * (256 - across) + grid[y][x + 1] * across
                lower = grid[y + 1][x] * (256 - across) + grid[y + 1][x + 1] * across
                value = (upper * (256 - down) + lower * down) // 256
                total[row * side + column] += weight * value
    low, high = min(total), max(total)
    return [(value - low) * 255 // (high - low) for value in total]


def test_a_texture_is_what_its_definition_says() -> None:
    assert draw_picture("texture", 3, (9, 9, 1)).reshape(-1).tolist() == slow_texture(3, 9)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 3), (96, 128, 3), (224, 224, 3)])
def test_pictures_of_any_size(pattern: str, shape: tuple[int, int, int]) -> None:
    made = draw_picture(pattern, 0, shape)
    assert made.shape == shape
    assert made.dtype == np.uint8
    assert np.array_equal(made, draw_picture(pattern, 0, shape))


def test_pictures_have_contrast_and_differ() -> None:
    made = [
        draw_picture(pattern, seed, (64, 64, 3)).astype(int) for pattern, seed in DEFAULT_PICTURES
    ]
    assert all(image.std() > 20 for image in made)
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert all(np.abs(made[a] - made[b]).mean() > 20 for a, b in pairs)
    assert (draw_picture("ball", 1, (64, 64, 3)) != draw_picture("ball", 2, (64, 64, 3))).any()


@pytest.mark.parametrize(
    ("pattern", "shape"),
    [
        ("cat", (8, 8, 3)),
        ("ball", (8, 8, 4)),
        ("ball", (0, 8, 3)),
        ("ball", (100_000, 100_000, 3)),
    ],
)
def test_what_is_no_picture_is_refused(pattern: str, shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        draw_picture(pattern, 0, shape)

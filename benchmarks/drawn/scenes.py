"""Pictures of shapes: backgrounds, outlines and noise, all from one random generator."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Array = npt.NDArray[np.generic]
Points = list[tuple[float, float]]

FINE = 2
"""Shapes are drawn at so many times the size and reduced: smooth edges."""
SHAPES = ("disc", "box", "triangle", "cross", "star")
OBJECTS = ("disc", "triangle", "cross")
"""The shapes that detectors find."""

STAR_DEPTH = 0.45
"""Inner radius of a star over its outer one."""
CROSS_WIDTH = 0.35
"""Half the width of a cross's bar over its radius."""


def background(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Return a picture of a colour that differs a little from place to place."""
    patches = rng.uniform(40, 110, 3) + rng.normal(0, 16, (4, 5, 3))
    patches = np.clip(patches, 0, 255).astype(np.uint8)
    return Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC)


def outline(kind: str, x: float, y: float, radius: float, angle: float) -> Points:
    """Return the corners of a shape around a centre.

    Args:
        kind: One of ``SHAPES``.
        x: Centre in pixels from the left.
        y: Centre in pixels from the top.
        radius: Distance of the farthest corner in pixels.
        angle: Turn in radians.
    """
    if kind == "disc":
        corners = [(radius, turn) for turn in np.linspace(0, math.tau, 40, endpoint=False)]
    elif kind == "box":
        corners = [(radius, math.tau * (n + 0.5) / 4) for n in range(4)]
    elif kind == "triangle":
        corners = [(radius, math.tau * n / 3) for n in range(3)]
    elif kind == "star":
        corners = [(radius * (1, STAR_DEPTH)[n % 2], math.tau * n / 10) for n in range(10)]
    else:
        corners = _cross(radius)
    return [(x + r * math.cos(angle + a), y + r * math.sin(angle + a)) for r, a in corners]


def _cross(radius: float) -> list[tuple[float, float]]:
    """Return a cross's corners as distance and direction."""
    half = CROSS_WIDTH * radius
    arm = [(half, half), (radius, half), (radius, -half)]
    corners = []
    for quarter in range(4):
        turn = -math.tau * quarter / 4
        corners += [(math.hypot(u, v), math.atan2(v, u) + turn) for u, v in arm]
    return corners


def fill(picture: Image.Image, corners: Points, colour: tuple[int, ...]) -> Image.Image:
    """Return a picture with a filled polygon on it, its edge smooth."""
    picture.paste(colour, mask=covered(picture.size, corners, smooth=True))
    return picture


def covered(size: tuple[int, int], corners: Points, smooth: bool = False) -> Image.Image:
    """Return a grey picture of the pixels that a polygon covers.

    Args:
        size: Width and height in pixels.
        corners: Its corners in pixels.
        smooth: Whether pixels at the edge are covered in part; else those of 128 and more are 255.
    """
    large = Image.new("L", (size[0] * FINE, size[1] * FINE))
    ImageDraw.Draw(large).polygon([(x * FINE, y * FINE) for x, y in corners], fill=255)
    small = large.resize(size, Image.Resampling.BOX)
    return small if smooth else small.point(lambda value: 255 * (value >= 128))


def line(
    picture: Image.Image, points: Points, width: float, colour: tuple[int, ...]
) -> Image.Image:
    """Return a picture with a line through points on it, its edge smooth."""
    large = Image.new("L", (picture.width * FINE, picture.height * FINE))
    scaled = [(x * FINE, y * FINE) for x, y in points]
    ImageDraw.Draw(large).line(scaled, fill=255, width=round(width * FINE), joint="curve")
    picture.paste(colour, mask=large.resize(picture.size, Image.Resampling.BOX))
    return picture


def bright(rng: np.random.Generator) -> tuple[int, ...]:
    """Return a colour brighter than backgrounds in each channel: networks learn it in minutes."""
    return tuple(int(channel) for channel in rng.integers(150, 256, 3))


def dark(rng: np.random.Generator) -> tuple[int, ...]:
    """Return a colour that is darker than backgrounds."""
    return tuple(int(channel) for channel in rng.integers(0, 30, 3))


def noisy(rng: np.random.Generator, picture: Image.Image, deviation: float) -> Image.Image:
    """Return a picture with normal noise of a deviation in pixel values."""
    pixels = np.asarray(picture).astype(np.float32)
    pixels += rng.normal(0, deviation, pixels.shape)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def bounds(corners: Points, width: int, height: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of what of a polygon is within a picture, in pixels."""
    xs, ys = zip(*corners, strict=True)
    return max(min(xs), 0.0), max(min(ys), 0.0), min(max(xs), width), min(max(ys), height)

"""Data sets of whole pictures: classes, two classes, several labels, identities, pairs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from .formats import folder, pixels, read_table, save, write_table
from .samples import SIZE, TRAIN, DataSet, Samples, numbered
from .scenes import SHAPES, background, bright, fill, line, noisy, outline

PLATES = ("good", "scratched")
SCRATCH_LIGHT = (20, 110)
"""How much brighter a scratch is, in pixel values: not all are seen in the noise."""
IDENTITIES = {TRAIN: 30}
HELD_OUT = 20
"""Identities of the test part, none of which is in training."""
CELLS = 5
"""Height and width of an identity's pattern, of which the right is the left's mirror image."""


def draw_shapes(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/SHAPE/*.png: one shape each."""
    for number, name in enumerate(numbered(count, ".png")):
        picture, kind = background(rng, SIZE, SIZE), SHAPES[number % len(SHAPES)]
        x, y = rng.uniform(18, SIZE - 18, 2)
        corners = outline(kind, x, y, rng.uniform(4, 12), rng.uniform(0, math.tau))
        fill(picture, corners, bright(rng))
        save(noisy(rng, picture, 28), folder(root / part / kind) / name)


def draw_plates(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/good/*.png, PART/scratched/*.png, and PART.csv with file and label 0 or 1."""
    rows = []
    for number, name in enumerate(numbered(count, ".png")):
        is_scratched, picture = number % 2, background(rng, SIZE, SIZE)
        if is_scratched:
            start, turn = rng.uniform(12, SIZE - 12, 2), rng.uniform(0, math.tau)
            way = np.array([math.cos(turn), math.sin(turn)]) * rng.uniform(12, 40)
            light = np.asarray(picture).reshape(-1, 3).mean(0) + rng.uniform(*SCRATCH_LIGHT)
            colour = tuple(int(value) for value in np.clip(light, 0, 255))
            line(picture, [tuple(start), tuple(start + way)], rng.uniform(1.5, 3), colour)
        kind = PLATES[is_scratched]
        save(noisy(rng, picture, 14), folder(root / part / kind) / name)
        rows.append([f"{part}/{kind}/{name}", is_scratched])
    write_table(root / f"{part}.csv", ["file", "label"], rows)


def read_classes(root: Path, part: str) -> Samples:
    """Return the pictures of class folders, and the index of each folder by its name's order."""
    folders = sorted(path for path in (root / part).iterdir() if path.is_dir())
    files = [sorted(path.iterdir()) for path in folders]
    truth = np.repeat(np.arange(len(folders)), [len(each) for each in files])
    return Samples((pixels([path for each in files for path in each]),), truth)


def draw_labelled(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/*.png of several shapes, PART.csv (names in a cell), PART_columns.csv (0 or 1)."""
    names, columns = [], []
    for name in numbered(count, ".png"):
        picture = background(rng, SIZE, SIZE)
        there = rng.random(len(SHAPES)) < 0.45
        for place, kind in zip(_places(rng), SHAPES, strict=True):
            if there[SHAPES.index(kind)]:
                corners = outline(kind, *place, rng.uniform(7, 11), rng.uniform(0, math.tau))
                fill(picture, corners, bright(rng))
        save(noisy(rng, picture, 12), folder(root / part) / name)
        file = f"{part}/{name}"
        kinds = [kind for kind, is_there in zip(SHAPES, there, strict=True) if is_there]
        names.append([file, "|".join(kinds)])
        columns.append([file, *(int(each) for each in there)])
    write_table(root / f"{part}.csv", ["file", "labels"], names)
    write_table(root / f"{part}_columns.csv", ["file", *SHAPES], columns)
    (root / "labels.txt").write_text("\n".join(SHAPES) + "\n")


def _places(rng: np.random.Generator) -> np.ndarray:
    """Return a place for each shape, in cells of a grid that differ, shape (shapes, 2)."""
    cells = rng.permutation(9)[: len(SHAPES)]
    grid = np.stack([cells % 3, cells // 3], axis=1) * 20 + 12
    return grid + rng.uniform(-3, 3, grid.shape)


def read_labelled(root: Path, part: str) -> Samples:
    """Return pictures, and 0 or 1 of each shape, shape (samples, shapes)."""
    rows = read_table(root / f"{part}_columns.csv")
    truth = np.array([row[1:] for row in rows], np.int64)
    return Samples((pixels([root / row[0] for row in rows]),), truth)


def draw_identities(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/id_NNN/*.png: the same pattern on other grounds, turned, moved, in other light."""
    identities = IDENTITIES.get(part, HELD_OUT)
    for identity in range(identities):
        half = rng.random((CELLS, CELLS // 2 + 1)) < 0.5
        pattern = np.concatenate([half, half[:, -2::-1]], axis=1)
        colour = rng.integers(150, 256, 3)
        target = folder(root / part / f"{part}_{identity:03d}")
        for name in numbered(count // identities, ".png"):
            picture = _badge(rng, pattern, colour * rng.uniform(0.75, 1.0))
            save(noisy(rng, picture, 20), target / name)


def _badge(rng: np.random.Generator, pattern: np.ndarray, colour: np.ndarray) -> Image.Image:
    large = Image.fromarray((255 * pattern).astype(np.uint8)).resize((80, 80), 0)
    size = int(rng.integers(40, 52))
    mask = large.rotate(rng.uniform(-12, 12), expand=True).resize((size, size), 2)
    picture = background(rng, SIZE, SIZE)
    place = rng.integers(2, SIZE - size - 1, 2)
    picture.paste(tuple(int(channel) for channel in colour), tuple(place.tolist()), mask)
    return picture


def draw_pairs(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/noisy/*.png and PART/clean/*.png: the same picture with noise and without."""
    for name in numbered(count, ".png"):
        picture = background(rng, SIZE, SIZE)
        for _ in range(rng.integers(2, 6)):
            kind, place = SHAPES[rng.integers(len(SHAPES))], rng.uniform(5, SIZE - 5, 2)
            corners = outline(kind, *place, rng.uniform(5, 16), rng.uniform(0, math.tau))
            fill(picture, corners, tuple(int(value) for value in rng.integers(0, 256, 3)))
        save(picture, folder(root / part / "clean") / name)
        save(noisy(rng, picture, 28), folder(root / part / "noisy") / name)


def read_pairs(root: Path, part: str) -> Samples:
    """Return the pictures with noise, and those without, both in 0..255."""
    files = sorted((root / part / "noisy").iterdir())
    clean = pixels([root / part / "clean" / path.name for path in files])
    return Samples((pixels(files),), clean)


SHAPE_CLASSES = DataSet("shapes", draw_shapes, read_classes)
PLATE_CLASSES = DataSet("plates", draw_plates, read_classes)
LABELLED = DataSet("labelled", draw_labelled, read_labelled)
BADGES = DataSet("badges", draw_identities, read_classes)
PAIRS = DataSet("pairs", draw_pairs, read_pairs)

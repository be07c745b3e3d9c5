"""Data sets for segmentation: shapes in PASCAL VOC's layout, streets in Cityscapes'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from .formats import IGNORED, folder, indices, pixels, save, save_palette_mask
from .samples import SIZE, TEST, TRAIN, DataSet, Samples, numbered
from .scenes import Array, Points, background, covered, fill, noisy, outline

VOC_CLASSES = ("background", "disc", "box", "triangle", "cross")
TINTS = ((0, 0, 0), (215, 165, 165), (165, 215, 165), (165, 165, 215), (205, 205, 160))
TINT_SPREAD = 22
"""Standard deviation of a shape's colour about that of its class, in pixel values."""

STREET_WIDTH = 128
STREET_IDS = {7: 0, 8: 1, 11: 2, 21: 8, 23: 10, 24: 11, 26: 13}
"""Cityscapes' labelIds that are drawn, and their trainIds: road, sidewalk, building, vegetation,
sky, person, car."""
STREET_CLASSES = 19
EGO_VEHICLE = 1
"""The labelId of the car that carries the camera: not judged."""
PARTS = {TRAIN: "train", TEST: "val"}
"""Names of Cityscapes' parts."""


def draw_voc(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write JPEGImages/*.jpg and SegmentationClass/*.png of 1 to 3 shapes, which may overlap."""
    images = folder(root / part / "JPEGImages")
    masks = folder(root / part / "SegmentationClass")
    (root / "labels.txt").write_text("\n".join(VOC_CLASSES) + "\n")
    for name in numbered(count, ""):
        picture, mask = _shapes(rng)
        noisy(rng, picture, 12).save(images / f"{name}.jpg", quality=95)
        save_palette_mask(mask, masks / f"{name}.png")


def _shapes(rng: np.random.Generator) -> tuple[Image.Image, Array]:
    picture = background(rng, SIZE, SIZE)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(rng.integers(1, 4)):
        kind = int(rng.integers(1, len(VOC_CLASSES)))
        x, y = rng.uniform(10, SIZE - 10, 2)
        corners = outline(VOC_CLASSES[kind], x, y, rng.uniform(8, 17), rng.uniform(0, 6.3))
        colour = np.clip(rng.normal(TINTS[kind], TINT_SPREAD), 0, 255)
        fill(picture, corners, tuple(int(channel) for channel in colour))
        shape = covered(picture.size, corners)
        wider = np.asarray(shape.filter(ImageFilter.MaxFilter(3))) > 0
        narrower = np.asarray(shape.filter(ImageFilter.MinFilter(3))) > 0
        mask[wider] = IGNORED
        mask[narrower] = kind
    return picture, mask


def read_voc(root: Path, part: str) -> Samples:
    """Return pictures, and masks of class indices with 255 where nothing is judged."""
    masks = sorted((root / part / "SegmentationClass").iterdir())
    images = [root / part / "JPEGImages" / f"{mask.stem}.jpg" for mask in masks]
    return Samples((pixels(images),), indices(masks))


def draw_streets(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write leftImg8bit/*/drawn/*.png and gtFine/*/drawn/*_labelIds.png, 64x128 pixels."""
    images = folder(root / "leftImg8bit" / PARTS[part] / "drawn")
    masks = folder(root / "gtFine" / PARTS[part] / "drawn")
    for number in range(count):
        picture, mask = _street(rng)
        name = f"drawn_{number:06d}_000019"
        save(noisy(rng, picture, 22), images / f"{name}_leftImg8bit.png")
        save(Image.fromarray(mask), masks / f"{name}_gtFine_labelIds.png")


def _street(rng: np.random.Generator) -> tuple[Image.Image, Array]:
    """Return a street's picture, and its mask of labelIds."""
    height, width = SIZE, STREET_WIDTH
    light = rng.uniform(0.5, 1.15)
    picture = Image.new("RGB", (width, height))
    mask = np.zeros((height, width), np.uint8)

    def put(label: int, corners: Points, colour: tuple[float, ...], spread: float = 30) -> None:
        shade = np.clip((np.array(colour) + rng.normal(0, spread, 3)) * light, 0, 255)
        fill(picture, corners, tuple(int(value) for value in shade))
        mask[np.asarray(covered(picture.size, corners)) > 0] = label

    horizon = rng.uniform(24, 34)
    put(23, _box(0, 0, width, height), (150, 175, 205))
    for left in range(0, width, 16):
        top = rng.uniform(2, horizon - 4)
        if rng.random() < 0.65:
            put(11, _box(left, top, left + rng.uniform(10, 22), horizon), (115, 105, 95))
        else:
            put(21, outline("disc", left + 8, horizon - 5, rng.uniform(6, 11), 0), (70, 110, 60))
    put(8, _box(0, horizon, width, height), (150, 135, 145), 18)
    near, far = rng.uniform(0.05, 0.3, 2) * width
    road = [(width / 2 - 9, horizon), (width / 2 + 9, horizon)]
    put(7, [*road, (width - far / 2, height), (near / 2, height)], (105, 100, 110), 18)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(20, width - 20), rng.uniform(horizon + 4, height - 10)
        half = (y - horizon) * 0.35 + 3
        put(26, _box(x - half, y - half, x + half, y + half * 0.4), (120, 90, 100), 70)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(5, width - 5), rng.uniform(horizon + 6, height - 6)
        half = (y - horizon) * 0.12 + 1.5
        put(24, _box(x - half, y - half * 5, x + half, y), (130, 95, 85), 60)
    put(EGO_VEHICLE, _box(0, height - 4, width, height), (40, 40, 45), 5)
    return picture, mask


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def read_streets(root: Path, part: str) -> Samples:
    """Return pictures, and masks of trainIds with 255 where nothing is judged."""
    masks = sorted((root / "gtFine" / PARTS[part]).rglob("*_labelIds.png"))
    ends = "_gtFine_labelIds.png", "_leftImg8bit.png"
    images = [
        root / "leftImg8bit" / PARTS[part] / mask.parent.name / mask.name.replace(*ends)
        for mask in masks
    ]
    trained = np.full(256, IGNORED, np.uint8)
    trained[list(STREET_IDS)] = list(STREET_IDS.values())
    return Samples((pixels(images),), trained[indices(masks)])


VOC = DataSet("voc", draw_voc, read_voc)
STREETS = DataSet("cityscapes", draw_streets, read_streets)

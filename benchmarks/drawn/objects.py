"""Data sets with places in pictures: boxes, points, a dial's value, one class and its box."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from .anchors import anchor_boxes
from .formats import (
    folder,
    pixels,
    read_coco,
    read_table,
    read_yolo,
    save,
    write_coco,
    write_table,
    write_yolo,
)
from .samples import SIZE, DataSet, Samples, numbered
from .scenes import (
    OBJECTS,
    Array,
    Points,
    background,
    bounds,
    bright,
    dark,
    fill,
    line,
    noisy,
    outline,
)

ANCHORS_FILE = "anchors.npy"
POINTS = 4
"""Joints of the arm that is drawn."""


def _objects(rng: np.random.Generator) -> tuple[Image.Image, Array]:
    """Return a picture of 1 to 4 shapes apart from each other, and a row of class and box each."""
    picture = background(rng, SIZE, SIZE)
    rows: list[list[float]] = []
    for _ in range(rng.integers(1, 5)):
        kind = int(rng.integers(len(OBJECTS)))
        radius = rng.uniform(7, 15)
        x, y = rng.uniform(radius * 0.7, SIZE - radius * 0.7, 2)
        corners = outline(OBJECTS[kind], x, y, radius, rng.uniform(0, math.tau))
        box = bounds(corners, SIZE, SIZE)
        if all(_apart(box, other[1:]) for other in rows):
            fill(picture, corners, bright(rng))
            rows.append([kind, *box])
    return noisy(rng, picture, 12), np.array(rows)


def _apart(one: tuple[float, ...], other: list[float]) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across < 0 or down < 0


def draw_coco(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/images/*.jpg, PART/annotations.json, and the anchors of a detector."""
    np.save(root / ANCHORS_FILE, anchor_boxes())
    images = folder(root / part / "images")
    names, boxes = list(numbered(count, ".jpg")), []
    for name in names:
        picture, rows = _objects(rng)
        picture.save(images / name, quality=95)
        boxes.append(rows)
    write_coco(root / part / "annotations.json", names, SIZE, boxes, OBJECTS)
    (root / "labels.txt").write_text("\n".join(OBJECTS) + "\n")


def read_coco_set(root: Path, part: str) -> Samples:
    """Return pictures, and of each its boxes: class, left, top, right, bottom in pixels."""
    names, boxes = read_coco(root / part / "annotations.json")
    return Samples((pixels([root / part / "images" / name for name in names]),), boxes)


def draw_yolo(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/images/*.jpg, PART/labels/*.txt and data.yaml."""
    images, labels = folder(root / part / "images"), folder(root / part / "labels")
    for name in numbered(count, ""):
        picture, rows = _objects(rng)
        picture.save(images / f"{name}.jpg", quality=95)
        write_yolo(labels / f"{name}.txt", rows, SIZE)
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(OBJECTS))
    (root / "data.yaml").write_text(f"train: train/images\nval: test/images\nnames:\n{names}")


def read_yolo_set(root: Path, part: str) -> Samples:
    """Return pictures, and of each its boxes: class, left, top, right, bottom in pixels."""
    images = sorted((root / part / "images").iterdir())
    boxes = [read_yolo(root / part / "labels" / f"{image.stem}.txt", SIZE) for image in images]
    return Samples((pixels(images),), boxes)


def draw_points(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/*.png and PART.csv: an arm of three parts, its thick end first."""
    header = ["file", *(f"{axis}{n}" for n in range(1, POINTS + 1) for axis in "xy")]
    rows = []
    for name in numbered(count, ".png"):
        picture = background(rng, SIZE, SIZE)
        joints = _joints(rng)
        colour = bright(rng)
        line(picture, joints, rng.uniform(2, 4), colour)
        fill(picture, outline("disc", *joints[0], 4.5, 0), colour)
        save(noisy(rng, picture, 14), folder(root / part) / name)
        rows.append([f"{part}/{name}", *(f"{value:.2f}" for joint in joints for value in joint)])
    write_table(root / f"{part}.csv", header, rows)


def _joints(rng: np.random.Generator) -> Points:
    """Return the joints of an arm that lies within the picture."""
    while True:
        joints = [tuple(rng.uniform(8, SIZE - 8, 2))]
        turn = rng.uniform(0, math.tau)
        for _ in range(POINTS - 1):
            length = rng.uniform(10, 18)
            x, y = joints[-1]
            joints.append((x + length * math.cos(turn), y + length * math.sin(turn)))
            turn += rng.uniform(-1.3, 1.3)
        if all(4 <= value <= SIZE - 4 for joint in joints for value in joint):
            return joints


def draw_dials(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/*.png and PART.csv: dials whose hands point to 0 to 100."""
    rows = []
    for name in numbered(count, ".png"):
        picture, value = background(rng, SIZE, SIZE), rng.uniform(0, 100)
        x, y, radius = SIZE / 2 + rng.uniform(-6, 6), SIZE / 2 + rng.uniform(-6, 6), 24
        fill(picture, outline("disc", x, y, radius, 0), bright(rng))
        turn = math.radians(135 + 2.7 * value)
        tip = (x + 20 * math.cos(turn), y + 20 * math.sin(turn))
        line(picture, [(x, y), tip], rng.uniform(2, 4), dark(rng))
        save(noisy(rng, picture, 14), folder(root / part) / name)
        rows.append([f"{part}/{name}", f"{value:.2f}"])
    write_table(root / f"{part}.csv", ["file", "value"], rows)


def read_numbers(root: Path, part: str) -> Samples:
    """Return pictures and their numbers, shape (samples, numbers)."""
    rows = read_table(root / f"{part}.csv")
    truth = np.array([row[1:] for row in rows], np.float32)
    return Samples((pixels([root / row[0] for row in rows]),), truth)


def draw_places(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART/*.png and PART.csv: one shape each, its class and its box in pixels."""
    rows = []
    for name in numbered(count, ".png"):
        picture, kind = background(rng, SIZE, SIZE), int(rng.integers(len(OBJECTS)))
        x, y = rng.uniform(12, SIZE - 12, 2)
        corners = outline(OBJECTS[kind], x, y, rng.uniform(8, 18), rng.uniform(0, math.tau))
        fill(picture, corners, bright(rng))
        save(noisy(rng, picture, 14), folder(root / part) / name)
        box = [f"{value:.2f}" for value in bounds(corners, SIZE, SIZE)]
        rows.append([f"{part}/{name}", kind, *box])
    write_table(root / f"{part}.csv", ["file", "label", "xmin", "ymin", "xmax", "ymax"], rows)


def read_places(root: Path, part: str) -> Samples:
    """Return pictures, and (classes, boxes) of shapes (samples,) and (samples, 4)."""
    rows = read_table(root / f"{part}.csv")
    classes = np.array([row[1] for row in rows], np.int64)
    boxes = np.array([row[2:] for row in rows], np.float32)
    return Samples((pixels([root / row[0] for row in rows]),), (classes, boxes))


COCO = DataSet("coco", draw_coco, read_coco_set)
YOLO = DataSet("yolo", draw_yolo, read_yolo_set)
ARMS = DataSet("arms", draw_points, read_numbers)
DIALS = DataSet("dials", draw_dials, read_numbers)
PLACES = DataSet("places", draw_places, read_places)

"""Boxes as detectors answer them: anchors, what fits them, and boxes again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .samples import SIZE
from .scenes import OBJECTS, Array

CELL = 8
"""Pixels from one place of anchors to the next."""
SIDES = (10.0, 16.0, 24.0)
"""Of the anchors, which are squares, in pixels."""
VARIANCES = np.array([0.1, 0.1, 0.2, 0.2])
"""Offsets are divided by these (Liu et al. 2016): 10 and 5 in TensorFlow's object detection."""
FITS, FAR = 0.5, 0.4
"""An anchor has an object from this overlap on; below the other it has none."""

YOLO_CELLS = 16
"""Places along a side of the picture for the detector with one output."""
INNER = 0.5
"""Places within this share of a box around its centre answer for it (Tian et al. 2019)."""

SAME = 0.5
"""Overlap from which two boxes of a class are one object."""
LEAST = 0.02
"""Lowest score that counts."""
MOST = 50
"""Boxes of a picture."""


def anchor_boxes() -> Array:
    """Return the anchors as centre y, centre x, height, width in pixels, shape (anchors, 4)."""
    centres = (np.arange(SIZE // CELL) + 0.5) * CELL
    return np.array([[y, x, side, side] for y in centres for x in centres for side in SIDES])


def overlaps(one: Array, other: Array) -> Array:
    """Return intersection over union of boxes as left, top, right, bottom; shape (one, other)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    return both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)


def _corners(centred: Array) -> Array:
    """Return left, top, right, bottom of boxes as centre y, centre x, height, width."""
    y, x, height, width = centred.T
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def anchor_targets(objects: Sequence[Array]) -> tuple[Array, Array]:
    """Return offsets (pictures, anchors, 4) and classes (pictures, anchors).

    Class 0 is background, 1 the first class, -1 not to be judged.
    """
    anchors = anchor_boxes()
    offsets = np.zeros((len(objects), len(anchors), 4), np.float32)
    classes = np.zeros((len(objects), len(anchors)), np.int32)
    for offset, kind, rows in zip(offsets, classes, objects, strict=True):
        overlap = overlaps(_corners(anchors), rows[:, 1:])
        best, found = overlap.max(1), overlap.argmax(1)
        nearest = overlap.argmax(0)
        best[nearest], found[nearest] = 1, np.arange(len(rows))
        left, top, right, bottom = rows[found, 1:].T
        sizes = np.stack([bottom - top, right - left], axis=1)
        centres = np.stack([top + bottom, left + right], axis=1) / 2
        moved = (centres - anchors[:, :2]) / anchors[:, 2:]
        offset[:] = np.concatenate([moved, np.log(sizes / anchors[:, 2:])], axis=1) / VARIANCES
        kind[:] = np.where(best >= FITS, rows[found, 0] + 1, np.where(best < FAR, 0, -1))
    return offsets, classes


def ssd_detections(boxes: Array, scores: Array) -> list[Array]:
    """Return detections of an SSD's outputs: rows of class, score, left, top, right, bottom."""
    anchors = anchor_boxes()
    moved = boxes * VARIANCES
    centres = anchors[:, :2] + moved[..., :2] * anchors[:, 2:]
    sizes = anchors[:, 2:] * np.exp(moved[..., 2:])
    centred = np.concatenate([centres, sizes], axis=-1)
    return [
        _without_repeats(_corners(each), kinds[:, 1:])
        for each, kinds in zip(centred, scores, strict=True)
    ]


def cell_targets(objects: Sequence[Array]) -> Array:
    """Return for each place a box as x, y, width, height in shares, and its classes' scores.

    Shape (pictures, 4 + classes + 1, places); the last row is 1 where a place has an object.
    """
    ground = (np.arange(YOLO_CELLS) + 0.5) * SIZE / YOLO_CELLS
    y, x = (axis.ravel() for axis in np.meshgrid(ground, ground, indexing="ij"))
    targets = np.zeros((len(objects), 5 + len(OBJECTS), YOLO_CELLS**2), np.float32)
    for target, rows in zip(targets, objects, strict=True):
        for kind, left, top, right, bottom in rows:
            centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
            width, height = right - left, bottom - top
            far = np.maximum(abs(x - centre_x) / width, abs(y - centre_y) / height)
            there = (far <= INNER / 2) | (far == far.min())
            box = np.array([centre_x, centre_y, width, height]) / SIZE
            target[:4, there] = box[:, None]
            target[4:, there] = 0
            target[4 + int(kind), there] = target[-1, there] = 1
    return targets


def yolo_detections(answers: Array) -> list[Array]:
    """Return detections of YOLO's output: rows of class, score, left, top, right, bottom."""
    return [_without_repeats(_corners(each[[1, 0, 3, 2]].T * SIZE), each[4:].T) for each in answers]


def _without_repeats(boxes: Array, scores: Array) -> Array:
    """Return the best boxes of each class, none of which overlap much (greedy suppression)."""
    rows: list[Array] = []
    boxes = np.clip(boxes, 0, SIZE)
    for kind, column in enumerate(scores.T):
        order = np.argsort(-column, kind="stable")[: np.count_nonzero(column >= LEAST)]
        overlap = overlaps(boxes[order], boxes[order])
        left = np.ones(len(order), bool)
        for place, index in enumerate(order):
            if left[place]:
                left[place + 1 :] &= overlap[place, place + 1 :] < SAME
                rows.append(np.array([kind, column[index], *boxes[index]]))
    rows.sort(key=lambda row: -row[1])
    return np.array(rows[:MOST]).reshape(-1, 6)

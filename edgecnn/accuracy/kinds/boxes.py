"""Boxes that a model gives, decoded from its outputs into pixels of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.tflite.output_kinds import DETECTION_OP
from edgecnn.tflite.reading import TfliteModel

Floats = npt.NDArray[np.float64]

LEAST_BOX_SCORE = 0.001
"""Score below which a candidate counts for nothing, as detectors are evaluated by custom."""

MOST_OVERLAP = 0.7
"""Intersection over union above which the weaker of two boxes of a class is the same object."""

MOST_DETECTIONS = 100
"""Detections of an image that COCO's evaluation looks at."""

SHARES_UP_TO = 2.0
"""Greatest coordinate that shares of the input's sides have: boxes reach a little beyond 1."""


@dataclass(frozen=True)
class Detections:
    """Objects that a model found in one image.

    Args:
        boxes: Left, top, right and bottom, float64, shape (detections, 4): shares of the input's
            sides, or pixels of the image.
        scores: Their scores, float64, shape (detections,).
        classes: Number of each one's class, int64, shape (detections,).
    """

    boxes: Floats
    scores: Floats
    classes: npt.NDArray[np.int64]

    def chosen(self, rows: Array) -> Detections:
        """Return some of the detections.

        Args:
            rows: Their numbers, or whether each is among them.
        """
        return Detections(self.boxes[rows], self.scores[rows], self.classes[rows])


def post_processed_outputs(model: TfliteModel) -> tuple[int, ...] | None:
    """Return which outputs hold boxes, classes, scores and the count of a list of detections.

    Args:
        model: Structure of a file.

    Returns:
        The numbers of the four outputs; None where no op makes such a list.
    """
    for op in model.operators:
        if op.name == DETECTION_OP:
            places = {tensor.index: number for number, tensor in enumerate(model.outputs)}
            found = [places.get(tensor.index) for tensor in op.outputs[:4]]
            numbers = tuple(number for number in found if number is not None)
            return numbers if len(numbers) == 4 else None
    return None


def listed_detections(values: Sequence[Array]) -> Detections:
    """Return the detections of ``TFLite_Detection_PostProcess``.

    Args:
        values: Boxes (top, left, bottom, right as shares of the input's sides), classes, scores and
            the number of detections.
    """
    boxes, classes, scores, count = (np.asarray(each, np.float64).reshape(-1) for each in values)
    some = int(count[0]) if len(count) else len(scores)
    corners = boxes.reshape(-1, 4)[:some, [1, 0, 3, 2]]
    return Detections(corners, scores[:some], np.round(classes[:some]).astype(np.int64))


def candidate_columns(shape: Sequence[int], classes: int) -> tuple[bool, bool]:
    """Say how candidates lie in the output of a detector of YOLO's kind.

    Args:
        shape: Shape of the output with the batch: a box and a score for each class, and in older
            detectors of the kind one score for whether there is an object at all.
        classes: Number of classes.

    Returns:
        Whether candidates are the last side, and whether there is a score for any object.

    Raises:
        InputError: The output has other sides.
    """
    sides = shape[1:]
    if len(sides) == 2:
        for has_object in (False, True):
            columns = 4 + has_object + classes
            if columns in sides and sides[0] != sides[1]:
                return sides[0] == columns, has_object
    raise InputError(
        f"its output of shape {tuple(shape)} is no list of boxes with {classes} classes (4 + "
        "classes, or 5 + classes, for each candidate)"
    )


def candidates_of(
    values: Array, is_last: bool, has_object: bool, height: int, width: int
) -> Detections:
    """Return what a detector of YOLO's kind found, each object once.

    Args:
        values: The output: centre x, centre y, width, height of a box, and scores from 0 to 1.
        is_last: Whether candidates are the last side.
        has_object: Whether the fifth number is a score for any object, a factor of the others.
        height: Height of the model's input; boxes are shares of it, or pixels.
        width: Width of the model's input.
    """
    table = np.asarray(values, np.float64).reshape(values.shape[-2:])
    table = table.T if is_last else table
    scores = table[:, 5:] * table[:, 4:5] if has_object else table[:, 4:]
    middles, halves = table[:, :2], table[:, 2:4] / 2
    boxes = np.concatenate([middles - halves, middles + halves], axis=1)
    if np.abs(table[:, :4]).max(initial=0) > SHARES_UP_TO:
        boxes = boxes / np.array([width, height, width, height])
    rows, classes = np.nonzero(scores > LEAST_BOX_SCORE)
    found = Detections(boxes[rows], scores[rows, classes], classes.astype(np.int64))
    return suppressed(found)


def suppressed(found: Detections) -> Detections:
    """Return detections without the weaker ones of the same object (non-maximum suppression).

    Of two boxes of one class that overlap by more than :data:`MOST_OVERLAP` the one with the higher
    score stays.

    Args:
        found: Detections in any order.

    Returns:
        At most :data:`MOST_DETECTIONS`, the highest scores first.
    """
    found = found.chosen(np.argsort(-found.scores, kind="stable"))
    kept: list[int] = []
    is_left = np.ones(len(found.scores), np.bool_)
    for place in range(len(found.scores)):
        if not is_left[place]:
            continue
        kept.append(place)
        if len(kept) == MOST_DETECTIONS:
            break
        same = (found.classes == found.classes[place]) & is_left
        same[: place + 1] = False
        others = np.flatnonzero(same)
        overlaps = overlap(found.boxes[place : place + 1], found.boxes[others])[0]
        is_left[others[overlaps > MOST_OVERLAP]] = False
    return found.chosen(np.array(kept, np.int64))


def overlap(one: Floats, other: Floats) -> Floats:
    """Return the intersection over union of each pair of boxes.

    Args:
        one: Left, top, right, bottom, shape (n, 4).
        other: Left, top, right, bottom, shape (m, 4).

    Returns:
        0 to 1, shape (n, m).

    Example:
        >>> overlap(np.array([[0.0, 0, 2, 1]]), np.array([[1.0, 0, 3, 1]])).round(4).tolist()
        [[0.3333]]
    """
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(each[:, 2:] - each[:, :2], 0, None).prod(axis=1) for each in (one, other)]
    union = areas[0][:, None] + areas[1][None] - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))

"""Detections: mean average precision as COCO evaluates it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgecnn.accuracy.kinds.boxes import (
    Detections,
    Floats,
    candidate_columns,
    candidates_of,
    listed_detections,
    overlap,
    post_processed_outputs,
)
from edgecnn.accuracy.kinds.coco_evaluation import CocoEvaluation, JudgedImage, coco
from edgecnn.accuracy.kinds.figures import KindFigure, mean_figure, resampled_figure
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.accuracy.kinds.raw_heads import RawHeads
from edgecnn.core.errors import InputError
from edgecnn.core.text import first_few
from edgecnn.data.boxes import BoxTargets, Objects
from edgecnn.data.images import seen_region
from edgecnn.data.inputspec import InputSpec
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.reading import TfliteModel

SURE_SCORE = 0.5
"""Score from which a detection is compared with another model's, and the overlap of the same."""

OVERLAPS = {"mAP": None, "mAP at 0.5": 1}
"""Figure -> how many of COCO's overlaps count, from 0.5 on; None for all, up to 0.95."""

EVALUATIONS = 200
"""Times that images are drawn anew for the interval of mAP: each costs a whole evaluation."""


class DetectionJudge:
    """Judges boxes with scores by mean average precision.

    Args:
        model: Structure of the file: with ``TFLite_Detection_PostProcess`` at its end, with one
            output that holds a box and scores for each candidate, or with raw outputs, which
            ``heads`` decodes.
        targets: The objects of each image.
        spec: How images become the model's input.
        labels: Labels of the model's classes; empty where they are not known.
        offset: Number that leads from a category's number to the model's class; None where the
            user does not say it.
        heads: The raw outputs with their anchors; None where the user names no anchors.

    Raises:
        InputError: The outputs cannot be decoded, or it is not known which class stands for which
            category.
        MissingExtraError: pycocotools is not installed.
    """

    takes_places = False

    def __init__(
        self,
        model: TfliteModel,
        targets: BoxTargets,
        spec: InputSpec,
        labels: Sequence[str] = (),
        offset: int | None = None,
        heads: RawHeads | None = None,
    ) -> None:
        coco.COCO  # noqa: B018 - a missing extra is told before anything is run
        self._spec, self._targets = spec, targets
        columns = None if heads is None else heads.columns
        is_listed = heads is None and post_processed_outputs(model) is not None
        if heads is None:
            decoding = _decoding(model, spec, len(labels) or len(targets.ids))
            self.outputs, self._decode = decoding
        self._class_of, reading = _classes(targets, labels, offset, is_listed, columns)
        if heads is not None:
            self.outputs, wanted = heads.outputs, sorted(self._class_of.values())
            self._decode = lambda values: heads.detections(values, wanted)
        self.name = model.outputs[self.outputs[0]].name
        told = (reading, "" if heads is None else heads.reading)
        self.reading = "; ".join(each for each in told if each)

    def target(self, index: int, spec: InputSpec | None) -> tuple[Objects, tuple[int, int]]:
        """Return the objects of an image, and its height and width."""
        return self._targets.in_pixels(index), self._targets.size(index)

    def row(self, values: Sequence[Array], target: tuple[Objects, tuple[int, int]]) -> JudgedImage:
        """Return what was found in an image, in its own pixels, and what is there."""
        found, (wanted, size) = self._decode(values), target
        left, top, right, bottom = seen_region(self._spec, *size)
        sides = np.array([right - left, bottom - top] * 2)
        boxes = found.boxes * sides + np.array([left, top] * 2)
        return JudgedImage(Detections(boxes, found.scores, found.classes), wanted)

    def answer(self, values: Sequence[Array]) -> Detections:
        """Return what was found, the sure ones alone."""
        found = self._decode(values)
        return found.chosen(found.scores > SURE_SCORE)

    def figures(self, rows: Sequence[JudgedImage]) -> list[KindFigure]:
        """Return mAP over the overlaps 0.5 to 0.95, and at 0.5."""
        evaluation = CocoEvaluation(rows, self._class_of)

        def precision(overlaps: int | None) -> Callable[[Floats], Floats]:
            return lambda weights: evaluation.mean_precision(weights, overlaps)

        return [
            resampled_figure(name, Unit.PERCENT, precision(overlaps), len(rows), EVALUATIONS)
            for name, overlaps in OVERLAPS.items()
        ]

    def agreement(self, answers: Sequence[Detections], others: Sequence[Detections]) -> KindFigure:
        """Return the share of sure detections that both models have."""
        alike = [_shared(one, other) for one, other in zip(answers, others, strict=True)]
        return mean_figure("the same detections", Unit.PERCENT, np.array(alike))


Decoder = Callable[[Sequence[Array]], Detections]


def _decoding(model: TfliteModel, spec: InputSpec, classes: int) -> tuple[tuple[int, ...], Decoder]:
    """Return which outputs are decoded, and how, of a file without raw outputs."""
    if (listed := post_processed_outputs(model)) is not None:
        return listed, listed_detections
    if len(model.outputs) != 1:
        raise InputError(
            "its boxes and scores are raw heads, which only their anchors decode: name them with "
            "--anchors FILE, or give a file that ends in TFLite_Detection_PostProcess, or with one "
            "output of boxes and scores"
        )
    layout = candidate_columns(model.outputs[0].shape, classes)
    return (0,), lambda values: candidates_of(values[0], *layout, spec.height, spec.width)


def _classes(
    targets: BoxTargets,
    labels: Sequence[str],
    offset: int | None,
    is_listed: bool,
    columns: int | None = None,
) -> tuple[dict[int, int], str]:
    """Return the model's class of each category, and how it was found.

    Args:
        targets: The objects of each image.
        labels: Labels of the model's classes; empty where they are not known.
        offset: Number that leads from a category's number to the model's class, as the user says.
        is_listed: Whether the file gives a list of detections.
        columns: Scores of each anchor, of which one may be the background's; None where that is
            not to be asked.
    """
    ids, names = targets.ids, targets.names
    if columns is not None and offset is None and columns not in (len(labels), len(ids)):
        raise InputError(
            f"it has {columns} scores for each anchor, and the data {len(ids)} categories: say "
            f"with --label-offset N that category 0 is score N ({1 - min(ids)} where the first "
            "score is the background's, and the categories follow in the order of their ids)"
        )
    if offset is not None:
        return {number: number + offset for number in ids}, ""
    if labels and names:
        places = {label: place for place, label in enumerate(labels)}
        missing = [name for name in names if name not in places]
        if missing:
            raise InputError(
                f"the categories {first_few(missing)} are not among the model's labels: give its "
                "labels with --labels FILE, or say with --label-offset N that category 0 is class N"
            )
        return {number: places[name] for number, name in zip(ids, names, strict=True)}, ""
    if targets.states_indices or len(ids) == 1:
        return {number: place for place, number in enumerate(ids)}, ""
    if is_listed:
        raise InputError(
            "it is not known which class of the model is which category: give its labels with "
            "--labels FILE, or say with --label-offset N that category 0 is class N (-1 where the "
            "model's classes are COCO's ids less one)"
        )
    reading = "classes were taken for the data's categories in the order of their ids"
    return {number: place for place, number in enumerate(ids)}, reading


def _shared(one: Detections, other: Detections) -> float:
    """Return twice the detections that both have over those of both; 1 where neither has any."""
    count = len(one.scores) + len(other.scores)
    if not count:
        return 1.0
    overlaps = overlap(one.boxes, other.boxes)
    overlaps = overlaps * (one.classes[:, None] == other.classes[None])
    shared = 0
    while overlaps.size and overlaps.max() >= SURE_SCORE:
        row, column = np.unravel_index(overlaps.argmax(), overlaps.shape)
        overlaps[row], overlaps[:, column] = 0, 0
        shared += 1
    return 2 * shared / count

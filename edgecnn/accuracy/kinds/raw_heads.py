"""The raw outputs of a detector of SSD's kind: offsets from anchors, and scores of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.accuracy.kinds.boxes import (
    LEAST_BOX_SCORE,
    SHARES_UP_TO,
    Detections,
    suppressed,
)
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.anchors import Anchors
from edgecnn.data.inputspec import InputSpec
from edgecnn.tflite.output_kinds import BOX_SIDES, JudgedOutput
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo


@dataclass(frozen=True)
class RawHeads:
    """The outputs of a detector whose boxes are offsets from anchors.

    W. Liu et al., "SSD: Single Shot MultiBox Detector" (2016): a centre is moved by shares of the
    anchor's sides, and a side is the anchor's times the exponential of its offset.

    Args:
        outputs: Numbers of the output of boxes and of that of scores.
        columns: Number of scores of each anchor.
        anchors: The anchors.
        height: Height of the model's input.
        width: Width of the model's input.
    """

    outputs: tuple[int, int]
    columns: int
    anchors: Anchors
    height: int
    width: int

    @classmethod
    def of(
        cls,
        model: TfliteModel,
        judged: Sequence[JudgedOutput],
        anchors: Anchors,
        spec: InputSpec,
    ) -> RawHeads:
        """Return the raw outputs of a file.

        Args:
            model: Structure of the file.
            judged: The kind of each output.
            anchors: The anchors that the user named.
            spec: How images become the model's input.

        Raises:
            InputError: The file has no such outputs, other anchors belong to it, or its scores are
                no probabilities.
        """
        count, shapes = len(anchors), [tensor.shape for tensor in model.outputs]
        tables = [n for n, shape in enumerate(shapes) if shape[:-1] == (1, count)]
        scores = [n for n in tables if judged[n].gives_probabilities]
        boxes = [n for n in tables if n not in scores and shapes[n][-1] == BOX_SIDES]
        if len(boxes) != 1 or len(scores) != 1:
            raise InputError(_why_no_heads(model.outputs, anchors, bool(scores)))
        heads = (boxes[0], scores[0])
        return cls(heads, shapes[scores[0]][-1], anchors, spec.height, spec.width)

    @property
    def reading(self) -> str:
        """How the anchors were read, in words."""
        unit = "pixels of the input" if self._are_pixels else "shares of the input's sides"
        return f"the anchors of {quoted(self.anchors.name)} were taken for {unit}"

    @property
    def _are_pixels(self) -> bool:
        return float(np.abs(self.anchors.boxes).max()) > SHARES_UP_TO

    def detections(self, values: Sequence[Array], classes: Sequence[int]) -> Detections:
        """Return what was found of some classes, each object once.

        The background's score is not among these classes: nearly all anchors have a high one, and
        their boxes would be all that an image may have.

        Args:
            values: Offsets, shape (1, anchors, 4), and scores from 0 to 1.
            classes: Numbers of the classes among the scores.
        """
        offsets = np.asarray(values[0], np.float64).reshape(-1, BOX_SIDES)
        scores = np.asarray(values[1], np.float64).reshape(-1, self.columns)
        if self.anchors.box_order == "xywh":
            offsets = offsets[:, [1, 0, 3, 2]]
        moved, anchors = offsets * np.array(self.anchors.variances), self.anchors.boxes
        centres = anchors[:, :2] + moved[:, :2] * anchors[:, 2:]
        # No box of a picture is as large: without a bound a wrong order overflows.
        halves = anchors[:, 2:] * np.exp(np.minimum(moved[:, 2:], 50)) / 2
        corners = np.concatenate([centres - halves, centres + halves], axis=1)[:, [1, 0, 3, 2]]
        if self._are_pixels:
            corners = corners / np.array([self.width, self.height] * 2)
        numbers = np.array([n for n in classes if 0 <= n < self.columns], np.intp)
        rows, places = np.nonzero(scores[:, numbers] > LEAST_BOX_SCORE)
        found = numbers[places]
        return suppressed(Detections(corners[rows], scores[rows, found], found))


def _why_no_heads(outputs: Sequence[TensorInfo], anchors: Anchors, has_probabilities: bool) -> str:
    shapes = ", ".join(f"{quoted(each.name)} {each.shape}" for each in outputs)
    wanted = (
        f"{quoted(anchors.name)} has {len(anchors)} anchors, for which one output of boxes (1, "
        f"{len(anchors)}, {BOX_SIDES}) and one of probabilities (1, {len(anchors)}, classes) are "
        f"needed, and the outputs are {shapes}"
    )
    if has_probabilities or not any(each.shape[:-1] == (1, len(anchors)) for each in outputs):
        return wanted
    return f"{wanted}, none of which ends in softmax or sigmoid: convert it so that its scores do"

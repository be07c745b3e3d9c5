"""Maps of classes: intersection over union, and the share of right pixels."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.figures import (
    Floats,
    KindFigure,
    mean_figure,
    resampled_figure,
)
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.masks import IGNORED, MaskFiles
from edgecnn.data.targets import ArrayTargets
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.output_kinds import INDEX_TYPES
from edgecnn.tflite.structure import TensorInfo

MASK_CLASSES = 255
"""Classes of a mask at most: one index stands for what is ignored."""


class MapJudge:
    """Judges a map that gives each position a class.

    Args:
        number: Number of the output.
        output: The output: scores of classes for each position, shape (1, height, width, classes);
            one score for each position, of which the greater ones are class 1; or class indices.
        targets: Masks, or an array of class indices, shape (samples, height, width).
        gives_probabilities: Whether scores are probabilities.
        classes: Number of classes where the output holds their indices; None where not known.
        offset: Output of class 0 of the masks; classes that come below output 0 are ignored.

    Raises:
        InputError: The output is no map.
    """

    def __init__(
        self,
        number: int,
        output: TensorInfo,
        targets: MaskFiles | ArrayTargets,
        gives_probabilities: bool,
        classes: int | None = None,
        offset: int = 0,
    ) -> None:
        self.outputs: tuple[int, ...] = (number,)
        self.name = output.name
        self._has_indices = output.dtype in INDEX_TYPES
        sides = output.shape[1:]
        self.takes_places = not self._has_indices and len(sides) == 3 and sides[-1] > 1
        if len(sides) not in (2, 3) or (self._has_indices and len(sides) == 3 and sides[-1] > 1):
            raise InputError(f"the output {quoted(output.name)} of {output.shape} is no map")
        self.height, self.width = sides[:2]
        self._threshold = 0.5 if gives_probabilities else 0.0
        self.classes = sides[-1] if self.takes_places else classes if self._has_indices else 2
        self._columns = MASK_CLASSES + 1 if self._has_indices else self.classes or 2
        self._offset = offset
        read = targets.for_classes(self.classes) if isinstance(targets, MaskFiles) else targets
        self._targets = read
        self.reading = read.reading if isinstance(read, MaskFiles) else ""

    def target(self, index: int, spec: InputSpec | None) -> npt.NDArray[np.uint8]:
        """Return the classes that are wanted, uint8, shape (height, width)."""
        if isinstance(self._targets, MaskFiles):
            assert spec is not None
            mask = self._targets.cut(index, spec, self.height, self.width)
            where = quoted(self._targets.paths[index])
        else:
            mask = self._of_array(index)
            where = f"{quoted(self._targets.name)}[{index}]"
        if self._offset:
            moved = mask.astype(np.int64) + self._offset
            is_class = (mask != IGNORED) & (moved >= 0)
            mask = np.where(is_class, moved, IGNORED).astype(np.uint8)
        most = MASK_CLASSES if self.classes is None else self.classes
        beyond = np.unique(mask[(mask >= most) & (mask != IGNORED)]).tolist()
        if beyond:
            raise InputError(
                f"{where} holds {first_few(map(str, beyond))}, and the model has {most} classes, 0 "
                f"to {most - 1}: give masks of the model's own classes, or say with "
                "--label-offset N that class 0 of the masks is output N"
            )
        return mask

    def _of_array(self, index: int) -> npt.NDArray[np.uint8]:
        assert isinstance(self._targets, ArrayTargets)
        values = np.asarray(self._targets.values[index])
        if values.ndim == 3 and values.shape[-1] == 1:
            values = values[..., 0]
        if values.shape != (self.height, self.width) or values.dtype.kind not in "iub":
            raise InputError(
                f"{quoted(self._targets.name)} has {values.dtype} of shape {values.shape} for a "
                f"sample, where the map of {quoted(self.name)} wants class indices of shape "
                f"{(self.height, self.width)}"
            )
        return np.where(values < 0, IGNORED, np.minimum(values, IGNORED)).astype(np.uint8)

    def row(self, values: Sequence[Array], target: Array) -> npt.NDArray[np.int64]:
        """Return pixels that are right, wanted and answered, int64, shape (3, classes)."""
        answered = self._map(values)
        counts = target != IGNORED
        columns = self._columns
        wanted = np.bincount(target[counts], minlength=columns)
        given = np.bincount(answered[counts], minlength=columns)
        right = np.bincount(target[counts & (answered == target)], minlength=columns)
        return np.stack([right, wanted, given])

    def answer(self, values: Sequence[Array]) -> bytes:
        """Return the map, compressed."""
        return zlib.compress(self._map(values).astype(np.uint16).tobytes(), 1)

    def figures(self, rows: Sequence[Any]) -> list[KindFigure]:
        """Return mIoU and the share of right pixels."""
        pixels = np.stack(rows).astype(np.float64)
        count, shape = len(pixels), pixels.shape[1:]
        flat = pixels.reshape(count, -1)

        def miou(weights: Floats) -> Floats:
            return mean_iou((weights @ flat).reshape(-1, *shape))

        def right(weights: Floats) -> Floats:
            totals = (weights @ flat).reshape(-1, *shape).sum(axis=2)
            return np.asarray(totals[:, 0] / np.maximum(totals[:, 1], 1), np.float64)

        return [
            resampled_figure("mIoU", Unit.PERCENT, miou, count),
            resampled_figure("pixel accuracy", Unit.PERCENT, right, count),
        ]

    def agreement(self, answers: Sequence[bytes], others: Sequence[bytes]) -> KindFigure:
        """Return the share of pixels to which both give the same class."""
        alike = [
            float((_pixels(one) == _pixels(other)).mean())
            for one, other in zip(answers, others, strict=True)
        ]
        return mean_figure("the same class of pixels", Unit.PERCENT, np.array(alike))

    def _map(self, values: Sequence[Array]) -> npt.NDArray[np.int64]:
        given = values[0].reshape(self.height, self.width)
        if not self.takes_places and not self._has_indices:
            given = given > self._threshold
        # An index that no mask can have is right for none.
        return np.clip(given.astype(np.int64), 0, MASK_CLASSES)


def mean_iou(pixels: Floats) -> Floats:
    """Return the mean intersection over union of the classes that occur.

    M. Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective" (2015):
    pixels are counted over all images. A class that is neither wanted nor answered anywhere does
    not count.

    Args:
        pixels: Pixels of each class that are right, wanted and answered, shape (..., 3, classes).

    Returns:
        The means, 0 to 1, shape (...).

    Example:
        >>> float(mean_iou(np.array([[2.0, 1.0], [3.0, 2.0], [3.0, 2.0]])))
        0.41666666666666663
    """
    right, wanted, given = pixels[..., 0, :], pixels[..., 1, :], pixels[..., 2, :]
    union = wanted + given - right
    share = np.divide(right, union, out=np.zeros_like(right), where=union > 0)
    occurring = (union > 0).sum(axis=-1)
    return np.asarray(share.sum(axis=-1) / np.maximum(occurring, 1), np.float64)


def _pixels(answer: bytes) -> npt.NDArray[np.uint16]:
    return np.frombuffer(zlib.decompress(answer), np.uint16)

"""Classes of samples that are no images: the best class, and the best five."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.figures import KindFigure, mean_figure, share_figure
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.accuracy.result import TOP_K
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.npz_labels import class_indices
from edgecnn.data.targets import ArrayTargets
from edgecnn.records.leading import TOP1
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.structure import TensorInfo


class ClassJudge:
    """Judges a row of scores by the class that is wanted.

    Args:
        number: Number of the output.
        output: The output, a row of scores.
        targets: Class index of each sample, or one-hot rows.
        offset: Output of class 0.

    Raises:
        InputError: The targets are no classes, or such as the output does not have.
    """

    takes_places = False
    reading = ""

    def __init__(
        self, number: int, output: TensorInfo, targets: ArrayTargets, offset: int = 0
    ) -> None:
        self.outputs: tuple[int, ...] = (number,)
        self.name = output.name
        values = targets.values
        labels = class_indices(values, len(values), targets.name, "the data")
        self._labels = np.asarray(labels, np.int64) + offset
        low, high = int(self._labels.min()), int(self._labels.max())
        if low < 0 or high >= output.elements:
            raise InputError(
                f"{quoted(targets.name)} holds classes that are outputs {low} to {high}, and "
                f"{quoted(output.name)} has {output.elements}: give data of the model's own "
                "classes, or say with --label-offset N that class 0 of the data is output N"
            )

    def target(self, index: int, spec: InputSpec | None) -> int:
        """Return the output that is to be the best."""
        return int(self._labels[index])

    def row(self, values: Sequence[Array], target: int) -> tuple[int, int]:
        """Return how many outputs come before the wanted one, and how many there are."""
        scores = np.asarray(values[0], np.float64).reshape(-1)
        better = int((scores > scores[target]).sum() + (scores[:target] == scores[target]).sum())
        return better, len(scores)

    def answer(self, values: Sequence[Array]) -> int:
        """Return the best output."""
        return int(np.asarray(values[0]).reshape(-1).argmax())

    def hits(self, rows: Sequence[tuple[int, int]], best: int) -> npt.NDArray[np.bool_]:
        """Return whether the wanted output is among the best ones, for each sample."""
        return np.array([before < best for before, _ in rows])

    def figures(self, rows: Sequence[tuple[int, int]]) -> list[KindFigure]:
        """Return top-1, and top-5 where there are more outputs than five."""
        figures = [share_figure(TOP1, self.hits(rows, 1))]
        if rows[0][1] > TOP_K:
            figures.append(share_figure("top-5", self.hits(rows, TOP_K)))
        return figures

    def agreement(self, answers: Sequence[int], others: Sequence[int]) -> KindFigure:
        """Return the share of samples to which two models give the same class."""
        alike = np.array(answers) == np.array(others)
        return mean_figure("the same class", Unit.PERCENT, alike.astype(np.float64))

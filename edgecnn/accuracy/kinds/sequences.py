"""Sequences: the share of steps to which a model gives the right class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.figures import Floats, KindFigure, mean_figure, resampled_figure
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.targets import ArrayTargets
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.structure import TensorInfo


class SequenceJudge:
    """Judges the best class of each step.

    Args:
        number: Number of the output.
        output: The output, scores of shape (1, steps, classes).
        targets: Class of each step, whole numbers, shape (samples, steps); steps with a negative
            number do not count.

    Raises:
        InputError: The targets are of another shape or type, or have classes that the output lacks.
    """

    takes_places = True
    reading = ""

    def __init__(self, number: int, output: TensorInfo, targets: ArrayTargets) -> None:
        self.outputs: tuple[int, ...] = (number,)
        self.name = output.name
        values, (steps, classes) = targets.values, output.shape[-2:]
        if values.ndim == 3 and values.shape[-1] == 1:
            values = values[..., 0]
        if values.shape[1:] != (steps,) or values.dtype.kind not in "iu":
            raise InputError(
                f"{quoted(targets.name)} holds {targets.values.dtype} of shape "
                f"{targets.values.shape}, where the {steps} steps of {quoted(output.name)} want "
                f"class indices of shape (samples, {steps})"
            )
        if values.max(initial=0) >= classes:
            raise InputError(
                f"{quoted(targets.name)} holds class {values.max()}, and the output "
                f"{quoted(output.name)} has {classes}"
            )
        self._values = values

    def target(self, index: int, spec: InputSpec | None) -> Array:
        """Return the class of each step that is wanted."""
        return np.asarray(self._values[index])

    def row(self, values: Sequence[Array], target: Array) -> tuple[int, int]:
        """Return how many steps are right, and how many count."""
        counts = target >= 0
        return int((values[0].reshape(-1)[counts] == target[counts]).sum()), int(counts.sum())

    def answer(self, values: Sequence[Array]) -> npt.NDArray[np.int64]:
        """Return the class of each step."""
        return values[0].reshape(-1).astype(np.int64)

    def figures(self, rows: Sequence[tuple[int, int]]) -> list[KindFigure]:
        """Return the share of steps that are right."""
        right, counted = np.array(rows, np.float64).T

        def share(weights: Floats) -> Floats:
            return np.asarray((weights @ right) / np.maximum(weights @ counted, 1), np.float64)

        return [resampled_figure("accuracy of steps", Unit.PERCENT, share, len(rows))]

    def agreement(self, answers: Sequence[Array], others: Sequence[Array]) -> KindFigure:
        """Return the share of steps to which two models give the same class."""
        alike = (np.stack(answers) == np.stack(others)).mean(axis=1)
        return mean_figure("the same class of steps", Unit.PERCENT, alike)

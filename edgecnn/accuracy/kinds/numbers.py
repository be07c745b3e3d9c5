"""Numbers that are measured in a unit: regression, key points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.accuracy.kinds.figures import (
    Floats,
    KindFigure,
    mean_figure,
    resampled_figure,
)
from edgecnn.accuracy.kinds.rows import Row, RowJudge
from edgecnn.records.recorded_figure import Unit

MOST_COLUMNS = 20
"""Numbers of a sample at most whose errors are told one by one."""


class NumberJudge(RowJudge):
    """Judges numbers by how far they are from those that are wanted."""

    def figures(self, rows: Sequence[Row]) -> list[KindFigure]:
        """Return mean absolute error, R2 and the largest error."""
        given, wanted = (np.stack(each) for each in zip(*rows, strict=True))
        errors = np.abs(given - wanted)
        figures = [
            mean_figure("MAE", Unit.OUTPUT, errors.mean(axis=1)),
            resampled_figure(
                "R2", Unit.PLAIN, lambda weights: r_squared(given, wanted, weights), len(rows)
            ),
            KindFigure("largest error", float(errors.max()), Unit.OUTPUT),
        ]
        columns = self.targets.columns
        if 1 < len(columns) <= MOST_COLUMNS:
            figures += [
                mean_figure(f"MAE of {name}", Unit.OUTPUT, errors[:, place])
                for place, name in enumerate(columns)
            ]
        return figures

    def agreement(self, answers: Sequence[Floats], others: Sequence[Floats]) -> KindFigure:
        """Return the mean distance between two models' numbers."""
        apart = np.abs(np.stack(answers) - np.stack(others)).mean(axis=1)
        return mean_figure("mean distance", Unit.OUTPUT, apart)


def r_squared(given: Floats, wanted: Floats, weights: Floats) -> Floats:
    """Return the coefficient of determination, the mean over the numbers of a sample.

    Args:
        given: Numbers of a model, float64, shape (samples, numbers).
        wanted: Numbers that are wanted, of the same shape.
        weights: How often each sample counts, shape (draws, samples).

    Returns:
        1 less squared errors over squared distances from the mean, shape (draws,). A number that is
        the same for all samples does not count; NaN where all are.

    Example:
        >>> float(r_squared(*(np.array([[1.0], [2.0], [4.0]]),) * 2, np.ones((1, 3)))[0])
        1.0
    """
    total = weights.sum(axis=1, keepdims=True)
    mean = weights @ wanted / total
    # Distances from the mean of all samples first: squares of large numbers would cancel.
    centre = wanted.mean(axis=0)
    squares = weights @ (wanted - centre) ** 2 - total * (mean - centre) ** 2
    lost = weights @ (given - wanted) ** 2
    varies = squares > 1e-12 * np.maximum(1.0, np.abs(centre)) ** 2
    share = np.divide(lost, squares, out=np.zeros_like(lost), where=varies)
    counted = varies.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(varies, 1 - share, 0).sum(axis=1) / counted, np.float64)

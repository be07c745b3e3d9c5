"""Several labels that may all be true, and one probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.figures import (
    Floats,
    KindFigure,
    mean_figure,
    resampled_figure,
    share_figure,
)
from edgecnn.accuracy.kinds.ranking import average_precision, roc_auc
from edgecnn.accuracy.kinds.rows import Row, RowJudge, refuse_other_than_0_and_1
from edgecnn.data.targets import ArrayTargets
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.structure import TensorInfo


class LabelSetJudge(RowJudge):
    """Judges scores of several labels, each of which may be true.

    Args:
        number: Number of the output.
        output: The output.
        targets: 0 or 1 for each label.
        gives_probabilities: Whether scores are probabilities; others are logits.

    Raises:
        InputError: The targets are of another size, or hold other numbers.
    """

    what = "each of several labels"

    def __init__(
        self, number: int, output: TensorInfo, targets: ArrayTargets, gives_probabilities: bool
    ) -> None:
        super().__init__(number, output, targets)
        refuse_other_than_0_and_1(targets, self.what)
        self.threshold = 0.5 if gives_probabilities else 0.0

    def figures(self, rows: Sequence[Row]) -> list[KindFigure]:
        """Return F1 over all labels together, F1 and average precision as means over labels."""
        scores, wanted = (np.stack(each) for each in zip(*rows, strict=True))
        true, count = wanted > 0.5, len(rows)
        given = scores > self.threshold
        cells = np.stack([given & true, given & ~true, ~given & true], axis=1).astype(np.float64)
        flat = cells.reshape(count, -1)

        def f1(weights: Floats, is_micro: bool) -> Floats:
            summed = (weights @ flat).reshape(len(weights), 3, -1)
            return f1_of(summed.sum(axis=2, keepdims=True) if is_micro else summed)

        def precision(weights: Floats) -> Floats:
            return _mean_over_labels(average_precision, scores, true, weights)

        return [
            resampled_figure("F1 (micro)", Unit.PERCENT, lambda w: f1(w, True), count),
            resampled_figure("F1 (macro)", Unit.PERCENT, lambda w: f1(w, False), count),
            resampled_figure("mean average precision", Unit.PERCENT, precision, count),
        ]

    def agreement(self, answers: Sequence[Floats], others: Sequence[Floats]) -> KindFigure:
        """Return the share of decisions that two models have in common."""
        decisions = [np.stack(each) > self.threshold for each in (answers, others)]
        alike = (decisions[0] == decisions[1]).mean(axis=1)
        return mean_figure("the same decision", Unit.PERCENT, alike)


class ProbabilityJudge(LabelSetJudge):
    """Judges one probability, by whether it is on the right side of 0.5, and by its order."""

    what = "a probability"

    def figures(self, rows: Sequence[Row]) -> list[KindFigure]:
        """Return accuracy at 0.5 and the area under the ROC curve."""
        scores, wanted = (np.stack(each)[:, 0] for each in zip(*rows, strict=True))
        true = wanted > 0.5
        figures = [share_figure("accuracy at 0.5", (scores > self.threshold) == true)]
        if true.any() and not true.all():

            def area(weights: Floats) -> Floats:
                return roc_auc(scores, true, weights)

            figures.append(resampled_figure("ROC AUC", Unit.PERCENT, area, len(rows)))
        return figures


def f1_of(cells: Floats) -> Floats:
    """Return the mean F1 of labels: 2 right / (2 right + given in vain + missed).

    Args:
        cells: For each label the numbers of samples for which it was right, given in vain and
            missed, shape (..., 3, labels).

    Returns:
        The means, 0 to 1, shape (...); a label that is neither true nor given anywhere does not
        count, and NaN stands where none counts.

    Example:
        >>> float(f1_of(np.array([[2.0, 0.0], [1.0, 0.0], [1.0, 0.0]])))
        0.6666666666666666
    """
    right, vain, missed = (cells[..., place, :] for place in range(3))
    below = 2 * right + vain + missed
    share = np.divide(2 * right, below, out=np.zeros_like(right), where=below > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(share.sum(axis=-1) / (below > 0).sum(axis=-1), np.float64)


def _mean_over_labels(
    figure: object, scores: Floats, true: npt.NDArray[np.bool_], weights: Floats
) -> Floats:
    assert callable(figure)
    every = [
        figure(scores[:, place], true[:, place], weights)
        for place in range(scores.shape[1])
        if true[:, place].any()
    ]
    if not every:
        return np.full(len(weights), np.nan)
    values = np.stack(every)
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0), np.float64)

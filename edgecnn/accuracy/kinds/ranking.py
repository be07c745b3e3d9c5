"""Figures of an order: average precision, and the area under the ROC curve."""

from __future__ import annotations

import numpy as np

from edgecnn.accuracy.kinds.figures import Bools, Floats


def average_precision(scores: Floats, true: Bools, weights: Floats) -> Floats:
    """Return the average precision: the mean of precision over the steps of recall.

    Samples of equal scores are found together, so that their order does not matter; nothing is
    interpolated, as in scikit-learn's ``average_precision_score``.

    Args:
        scores: Scores, float64, shape (samples,).
        true: Whether a sample is to be found, bool, shape (samples,).
        weights: How often each sample counts, shape (draws, samples).

    Returns:
        One value for each draw, 0 to 1; NaN where nothing is to be found.

    Example:
        >>> scores, true = np.array([0.9, 0.8, 0.1]), np.array([True, False, True])
        >>> round(float(average_precision(scores, true, np.ones((1, 3)))[0]), 4)
        0.8333
    """
    found, vain = _found_and_vain(scores, true, weights)
    steps = np.diff(found, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(steps > 0, found / (found + vain), 0)
        return np.asarray((steps * precision).sum(axis=1) / found[:, -1], np.float64)


def roc_auc(scores: Floats, true: Bools, weights: Floats) -> Floats:
    """Return the area under the ROC curve: how often a true sample has the higher score.

    Equal scores count half (J. A. Hanley and B. J. McNeil, 1982).

    Args:
        scores: Scores, float64, shape (samples,).
        true: Whether a sample is true, bool, shape (samples,).
        weights: How often each sample counts, shape (draws, samples).

    Returns:
        One value for each draw, 0 to 1; NaN where a draw lacks one of the two.

    Example:
        >>> float(roc_auc(np.array([0.2, 0.7]), np.array([False, True]), np.ones((1, 2)))[0])
        1.0
    """
    found, vain = _found_and_vain(scores, true, weights)
    heights = (found + np.concatenate([np.zeros((len(found), 1)), found[:, :-1]], axis=1)) / 2
    widths = np.diff(vain, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (widths * heights).sum(axis=1) / (found[:, -1] * vain[:, -1])
    return np.asarray(area, np.float64)


def _found_and_vain(scores: Floats, true: Bools, weights: Floats) -> tuple[Floats, Floats]:
    """Return how many true and other samples lie at or above each different score."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    drawn, is_true = weights[:, order], true[order]
    found = np.cumsum(drawn * is_true, axis=1)[:, ends]
    vain = np.cumsum(drawn * ~is_true, axis=1)[:, ends]
    return found, vain

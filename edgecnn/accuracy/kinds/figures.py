"""Figures of accuracy with their intervals, which come from resampling the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.shares import CONFIDENCE, Bounds, wilson
from edgecnn.records.recorded_figure import RecordedFigure, Unit

REPLICATES = 1000
"""Times that the samples are drawn anew for an interval."""

AT_ONCE = 50
"""Draws in memory at a time: 50 of 50,000 samples take 20 MB."""

FEWEST_DRAWN = 5
"""Samples of which an interval is told: drawing from fewer says nothing of others."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class KindFigure(RecordedFigure):
    """One figure of accuracy, with what tells how it differs from that of another model.

    Args:
        name: Name of the figure: ``"mIoU"``.
        value: The value; of a share 0 to 100.
        unit: What it is counted in, one of :class:`~edgecnn.records.recorded_figure.Unit`.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end of that interval.
        hits: Of a share of samples whether each is right, bool, shape (samples,).
        drawn: The figure of samples drawn anew, float64, shape (draws,), with NaN where a draw has
            none. The draws depend on the number of samples alone, so that figures of two models on
            the same samples are compared draw by draw.
    """

    hits: Bools | None = field(default=None, compare=False, repr=False)
    drawn: Floats | None = field(default=None, compare=False, repr=False)


def share_figure(name: str, hits: Bools) -> KindFigure:
    """Return a share of things that are right or wrong each, with Wilson's interval.

    Args:
        name: Name of the figure.
        hits: Whether each is right, bool, shape (things,), at least one.

    Example:
        >>> round(share_figure("accuracy at 0.5", np.arange(10) < 9).low, 1)
        59.6
    """
    right, count = int(hits.sum()), len(hits)
    low, high = wilson(right / count, count)
    return KindFigure(name, 100 * right / count, Unit.PERCENT, 100 * low, 100 * high, hits)


def resampled_figure(
    name: str,
    unit: str,
    statistic: Callable[[Floats], Floats],
    samples: int,
    replicates: int = REPLICATES,
) -> KindFigure:
    """Return a figure of all samples with its interval from samples drawn anew.

    The percentile interval of the bootstrap (B. Efron, "Bootstrap Methods: Another Look at the
    Jackknife", 1979): images are drawn with replacement, as often as there are images.

    Args:
        name: Name of the figure.
        unit: What it is counted in; shares come from ``statistic`` as 0 to 1.
        statistic: Given how often each sample counts, float64 of shape (draws, samples), returns
            the figure of each draw, shape (draws,); NaN where a draw has none.
        samples: Number of samples.
        replicates: Times that the samples are drawn anew.

    Example:
        >>> errors = np.array([1.0, 2.0, 3.0])
        >>> resampled_figure("MAE", Unit.OUTPUT, lambda w: w @ errors / w.sum(axis=1), 3).value
        2.0
    """
    factor = 100 if unit is Unit.PERCENT else 1
    value = factor * float(statistic(np.ones((1, samples)))[0])
    if samples < FEWEST_DRAWN:
        return KindFigure(name, value, unit)
    drawn = factor * _drawn(statistic, samples, replicates)
    ends = _ends(drawn)
    if ends is None or not np.isfinite(value):
        return KindFigure(name, value, unit)
    low, high = min(ends[0], value), max(ends[1], value)
    return KindFigure(name, value, unit, low, high, drawn=drawn)


def mean_figure(name: str, unit: str, values: npt.NDArray[np.float64]) -> KindFigure:
    """Return the mean of a value of each sample, with its interval.

    Args:
        name: Name of the figure.
        unit: What it is counted in; shares are 0 to 1.
        values: One value for each sample, float64, shape (samples,).
    """
    return resampled_figure(
        name, unit, lambda weights: weights @ values / weights.sum(axis=1), len(values)
    )


def _drawn(statistic: Callable[[Floats], Floats], samples: int, replicates: int) -> Floats:
    """Return a figure of samples drawn anew; the same samples are drawn for each figure."""
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(replicates // AT_ONCE):
        weights = random.multinomial(samples, np.full(samples, 1 / samples), AT_ONCE)
        drawn.append(statistic(weights.astype(np.float64)))
    return np.concatenate(drawn)


def _ends(drawn: Floats) -> Bounds | None:
    values = drawn[np.isfinite(drawn)]
    if not len(values):
        return None
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)

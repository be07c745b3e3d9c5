"""Figures of accuracy with their intervals, which come from resampling the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.shares import CONFIDENCE, Bounds, wilson

REPLICATES = 1000
"""Times that the samples are drawn anew for an interval."""

AT_ONCE = 50
"""Draws in memory at a time: 50 of 50,000 samples take 20 MB."""

FEWEST_DRAWN = 5
"""Samples of which an interval is told: drawing from fewer says nothing of others."""

Floats = npt.NDArray[np.float64]


class Unit(Enum):
    """What a figure is counted in."""

    PERCENT = "%"
    DECIBEL = "dB"
    OUTPUT = "the output's unit"
    PLAIN = ""


@dataclass(frozen=True)
class KindFigure:
    """One figure of accuracy.

    Args:
        name: Name of the figure: ``"mIoU"``.
        value: The value; of a share 0 to 100.
        unit: What it is counted in.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end of that interval.
    """

    name: str
    value: float
    unit: Unit
    low: float | None = None
    high: float | None = None


def share_figure(name: str, right: int, count: int) -> KindFigure:
    """Return a share of things that are right or wrong each, with Wilson's interval.

    Args:
        name: Name of the figure.
        right: Number of things that are right.
        count: Number of things, 1 or more.

    Example:
        >>> round(share_figure("accuracy at 0.5", 9, 10).low, 1)
        59.6
    """
    low, high = wilson(right / count, count)
    return KindFigure(name, 100 * right / count, Unit.PERCENT, 100 * low, 100 * high)


def resampled_figure(
    name: str,
    unit: Unit,
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
    ends = _interval(statistic, samples, replicates)
    if ends is None or not np.isfinite(value):
        return KindFigure(name, value, unit)
    low, high = (factor * end for end in ends)
    return KindFigure(name, value, unit, min(low, value), max(high, value))


def mean_figure(name: str, unit: Unit, values: npt.NDArray[np.float64]) -> KindFigure:
    """Return the mean of a value of each sample, with its interval.

    Args:
        name: Name of the figure.
        unit: What it is counted in; shares are 0 to 1.
        values: One value for each sample, float64, shape (samples,).
    """
    return resampled_figure(
        name, unit, lambda weights: weights @ values / weights.sum(axis=1), len(values)
    )


def _interval(
    statistic: Callable[[Floats], Floats], samples: int, replicates: int
) -> Bounds | None:
    if samples < FEWEST_DRAWN:
        return None
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(replicates // AT_ONCE):
        weights = random.multinomial(samples, np.full(samples, 1 / samples), AT_ONCE)
        drawn.append(statistic(weights.astype(np.float64)))
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)

"""How sure a change is: ratios of latencies and differences of accuracies, with intervals.

:mod:`edgecnn.records.bootstrap` says how sure one run is, and assumes by how much runs of a file
differ; where runs are repeated, that is learnt here as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.accuracy.shares import difference, normal_quantile, paired_difference
from edgecnn.records.bootstrap import BETWEEN_RUNS, DECISION_CONFIDENCE, DRAWS, Resampled

ASSUMED_RUNS = 3
"""Degrees of freedom that the assumed variance between runs counts for, beside repeated runs."""


@dataclass(frozen=True)
class Interval:
    """A change and where it lies; 0 is no change.

    Args:
        change: Relative change (0.05 is 5 % more) of a latency, percentage points of an accuracy.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    change: float
    low: float
    high: float

    @property
    def is_different(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def widened(self, down: float, up: float) -> Interval:
        """Return the interval of a ratio with its ends further apart.

        Args:
            down: Logarithm of the factor by which the new side may be too high.
            up: Logarithm of the factor by which the base side may be too high.
        """
        low, high = math.log1p(self.low) - down, math.log1p(self.high) + up
        return Interval(self.change, math.expm1(low), math.expm1(high))


def ratio_interval(
    base: Sequence[Sequence[float]], new: Sequence[Sequence[float]], percent: float | None
) -> Interval:
    """Compare latencies of one or several runs of each side.

    Args:
        base: Samples of each run of the base, in the order they were taken; all above 0.
        new: Samples of each run of the new side.
        percent: Which percentile; None compares means.

    Example:
        >>> ratio_interval([[3.0] * 50], [[6.0] * 50], 50).change
        1.0
    """
    random = np.random.default_rng(0)
    sides = [[Resampled.of(samples, percent, random) for samples in side] for side in (base, new)]
    between = math.sqrt(_between_variance(sides))
    draws = []
    for side in sides:
        one = sum(random.choice(run.replicates, DRAWS) for run in side) / len(side)
        draws.append(one + random.normal(0, between / math.sqrt(len(side)), DRAWS))
    change = np.mean([run.value for run in sides[1]]) - np.mean([run.value for run in sides[0]])
    tail = 50 * (1 - DECISION_CONFIDENCE)
    low, high = np.percentile(draws[1] - draws[0], [tail, 100 - tail])
    return Interval(math.expm1(change), math.expm1(low), math.expm1(high))


def single_interval(base: float, new: float) -> Interval:
    """Compare a single number of each side by the assumed spread between runs.

    Args:
        base: Number of the base side, above 0.
        new: Number of the new side, above 0.
    """
    change = math.log(new / base)
    half = normal_quantile(DECISION_CONFIDENCE) * math.sqrt(2) * BETWEEN_RUNS
    return Interval(math.expm1(change), math.expm1(change - half), math.expm1(change + half))


def points_interval(base: float, new: float, base_images: int, new_images: int) -> Interval:
    """Compare two shares of images.

    They are taken for shares of different images. Two files are more alike on the same images, so
    that the interval is then too wide, never too narrow.

    Args:
        base: Share of the base side, percent.
        new: Share of the new side, percent.
        base_images: Number of images of the base side.
        new_images: Number of images of the new side.
    """
    low, high = difference(new / 100, base / 100, new_images, base_images, DECISION_CONFIDENCE)
    return Interval(new - base, 100 * low, 100 * high)


def paired_points_interval(both: int, only_new: int, only_base: int, neither: int) -> Interval:
    """Compare top-1 on the same images, where it is known who is right on which.

    Args:
        both: Number of images that both are right on.
        only_new: Number of images that the new file alone is right on.
        only_base: Number of images that the base file alone is right on.
        neither: Number of images that both are wrong on.
    """
    cells = (both, only_new, only_base, neither)
    low, high = paired_difference(*cells, confidence=DECISION_CONFIDENCE)
    return Interval(100 * (only_new - only_base) / sum(cells), 100 * low, 100 * high)


def _between_variance(sides: Sequence[Sequence[Resampled]]) -> float:
    """Return the variance between runs: the assumed one, updated by runs that were repeated."""
    runs = [run for side in sides for run in side]
    assumed = BETWEEN_RUNS**2 + sum(run.wandering for run in runs) / len(runs)
    squares = sum(float(np.var([run.value for run in side])) * len(side) for side in sides)
    free = sum(len(side) - 1 for side in sides)
    return (ASSUMED_RUNS * assumed + squares) / (ASSUMED_RUNS + free)

"""How sure a change is: ratios of latencies and differences of accuracies, with intervals.

How sure one run is, :mod:`edgecnn.measure.bootstrap` says. What differs between runs is assumed
there; here it is learnt as well, from runs that are repeated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from edgecnn.measure.bootstrap import BETWEEN_RUNS, CONFIDENCE, DRAWS, Resampled

ASSUMED_RUNS = 3
"""How many repeated runs (degrees of freedom) the assumed variance is worth beside real ones."""


@dataclass(frozen=True)
class Interval:
    """A change and where it lies; 0 is no change.

    Args:
        change: Relative (0.05 is 5 % more) for ratios, percentage points for accuracies.
        low: Lower end of the interval.
        high: Upper end.
    """

    change: float
    low: float
    high: float

    @property
    def is_different(self) -> bool:
        """Whether no change lies outside."""
        return self.low > 0 or self.high < 0


def ratio_interval(
    base: Sequence[Sequence[float]], new: Sequence[Sequence[float]], percent: float | None
) -> Interval:
    """Compare latencies of one or several runs of each side.

    Args:
        base: Samples of each run, in the order they were taken; all above 0.
        new: The same of the other side.
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
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(draws[1] - draws[0], [tail, 100 - tail])
    return Interval(math.expm1(change), math.expm1(low), math.expm1(high))


def single_interval(base: float, new: float) -> Interval:
    """Compare one number of each side, of which only the spread between runs is known."""
    change = math.log(new / base)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(2) * BETWEEN_RUNS
    return Interval(math.expm1(change), math.expm1(change - half), math.expm1(change + half))


def points_interval(base: float, new: float, base_images: int, new_images: int) -> Interval:
    """Compare two shares of images.

    The interval is Newcombe's for independent samples ("Interval estimation for the difference
    between independent proportions", 1998, method 10). Two files that saw the same images are more
    alike than that, so it is rather too wide than too narrow.

    Args:
        base: Percent.
        new: Percent.
        base_images: Of how many images.
        new_images: Of how many images.
    """
    p, q = new / 100, base / 100
    low_p, high_p = _wilson(p, new_images)
    low_q, high_q = _wilson(q, base_images)
    low = p - q - math.hypot(p - low_p, high_q - q)
    high = p - q + math.hypot(high_p - p, q - low_q)
    return Interval(new - base, 100 * low, 100 * high)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a share."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def _between_variance(sides: Sequence[Sequence[Resampled]]) -> float:
    """Return the variance between runs: assumed, and learnt where runs were repeated."""
    runs = [run for side in sides for run in side]
    assumed = BETWEEN_RUNS**2 + sum(run.wandering for run in runs) / len(runs)
    squares = sum(float(np.var([run.value for run in side])) * len(side) for side in sides)
    free = sum(len(side) - 1 for side in sides)
    return (ASSUMED_RUNS * assumed + squares) / (ASSUMED_RUNS + free)

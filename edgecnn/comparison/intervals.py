"""Intervals of changes: ratios of latencies and differences of accuracies.

:mod:`edgecnn.records.bootstrap` has the interval of a single run, and the assumed spread between
runs of a file; where runs are repeated, the spread is estimated from them as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.shares import (
    CONFIDENCE,
    difference,
    normal_quantile,
    paired_difference,
    student_quantile,
)
from edgecnn.records.bootstrap import BETWEEN_RUNS, DRAWS, Resampled
from edgecnn.records.interval import DECISION_CONFIDENCE, Interval

ASSUMED_RUNS = 3
"""Degrees of freedom that the assumed variance between runs has beside that of repeated runs."""


def ratio_interval(
    base: Sequence[Sequence[float]], new: Sequence[Sequence[float]], percent: float | None
) -> Interval:
    """Return the relative change of latencies of one or several runs of each side.

    Args:
        base: Samples of each run of the base, in the order they were taken; all above 0.
        new: Samples of each run of the new side, in that order; all above 0.
        percent: Percentile that is compared; None compares means.

    Example:
        >>> ratio_interval([[3.0] * 50], [[6.0] * 50], 50).change
        1.0
    """
    random = np.random.default_rng(0)
    sides = [[Resampled.of(samples, percent, random) for samples in side] for side in (base, new)]
    between = math.sqrt(_between_variance(sides))
    draws = []
    for side in sides:
        replicates = sum(random.choice(run.replicates, DRAWS) for run in side) / len(side)
        draws.append(replicates + random.normal(0, between / math.sqrt(len(side)), DRAWS))
    change = np.mean([run.value for run in sides[1]]) - np.mean([run.value for run in sides[0]])
    tail = 50 * (1 - DECISION_CONFIDENCE)
    low, high = np.percentile(draws[1] - draws[0], [tail, 100 - tail])
    return Interval(math.expm1(change), math.expm1(low), math.expm1(high))


def single_interval(base: float, new: float) -> Interval:
    """Return the relative change of one number a side, by the assumed spread between runs.

    Args:
        base: Number of the base side, above 0.
        new: Number of the new side, above 0.
    """
    change = math.log(new / base)
    half = normal_quantile(DECISION_CONFIDENCE) * math.sqrt(2) * BETWEEN_RUNS
    return Interval(math.expm1(change), math.expm1(change - half), math.expm1(change + half))


def difference_of_medians(
    base: tuple[float, float, float], new: tuple[float, float, float]
) -> Interval:
    """Return the relative change between two medians from their own intervals.

    The ends follow from the distances of the medians' ends (Zou and Donner, "Construction of
    Confidence Limits about Effect Measures: A General Approach", 2008).

    Args:
        base: Lower end, median and upper end of the base side, all above 0.
        new: The three of the new side.

    Example:
        >>> difference_of_medians((0.9, 1.0, 1.1), (1.8, 2.0, 2.2)).change
        1.0
    """
    (low, middle, high), (new_low, new_middle, new_high) = (
        tuple(math.log(each) for each in side) for side in (base, new)
    )
    change = new_middle - middle
    down = math.hypot(new_middle - new_low, high - middle)
    up = math.hypot(new_high - new_middle, middle - low)
    return Interval(math.expm1(change), math.expm1(change - down), math.expm1(change + up))


def difference_of_bounds(
    base: tuple[float, float, float], new: tuple[float, float, float]
) -> tuple[float, float]:
    """Return the interval of a difference from the 95 % intervals of both sides.

    The ends follow from the distances of the sides' own ends, made wider to the confidence of a
    decision as those of a normal distribution would be (Zou and Donner 2008).

    Args:
        base: Lower end, value and upper end of the base side.
        new: The three of the new side.

    Example:
        >>> low, high = difference_of_bounds((-3.0, 0.0, 3.0), (6.0, 10.0, 14.0))
        >>> round(low, 2), round(high, 2)
        (3.43, 16.57)
    """
    wider = normal_quantile(DECISION_CONFIDENCE) / normal_quantile(CONFIDENCE)
    down = wider * math.hypot(new[1] - new[0], base[2] - base[1])
    up = wider * math.hypot(new[2] - new[1], base[1] - base[0])
    return new[1] - base[1] - down, new[1] - base[1] + up


def points_interval(base: float, new: float, base_images: int, new_images: int) -> Interval:
    """Return the change between two shares of different images.

    Two files differ less on the same images: for these the interval is too wide, never too narrow.

    Args:
        base: Share of the base side, percent.
        new: Share of the new side, percent.
        base_images: Number of images of the base side.
        new_images: Number of images of the new side.
    """
    low, high = difference(new / 100, base / 100, new_images, base_images, DECISION_CONFIDENCE)
    return Interval(new - base, 100 * low, 100 * high)


def paired_points_interval(both: int, only_new: int, only_base: int, neither: int) -> Interval:
    """Return the change of a share of the same images, where the answers to each are known.

    Args:
        both: Number of images that both are right on.
        only_new: Number of images that the new file alone is right on.
        only_base: Number of images that the base file alone is right on.
        neither: Number of images that both are wrong on.
    """
    cells = (both, only_new, only_base, neither)
    low, high = paired_difference(*cells, confidence=DECISION_CONFIDENCE)
    return Interval(100 * (only_new - only_base) / sum(cells), 100 * low, 100 * high)


def paired_draws_interval(
    base: float,
    new: float,
    draws: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    samples: int,
    *,
    is_relative: bool,
) -> Interval:
    """Return the change of a figure of the same samples, from the same samples drawn anew.

    The deviation of the change over the draws is its standard error (B. Efron and R. J. Tibshirani,
    "An Introduction to the Bootstrap", 1993, chapter 6). What both files find hard or easy in a
    draw cancels, so that the interval is far narrower than that for different samples.

    Args:
        base: Figure of the base file.
        new: Figure of the new file.
        draws: Figures of the new and of the base file for each draw, shape (draws,).
        samples: Number of samples, 2 or more.
        is_relative: Whether the change is relative to the base, not a difference.

    Example:
        >>> draws = np.array([61.0, 63.0, 62.0]), np.array([60.0, 62.0, 61.0])
        >>> paired_draws_interval(61.0, 62.0, draws, 100, is_relative=False)
        Interval(change=1.0, low=1.0, high=1.0)
    """
    above, below = draws
    if is_relative:
        known = below != 0
        change, changes = new / base - 1, above[known] / below[known] - 1
    else:
        change, changes = new - base, above - below
    # Draws of few samples vary less than such samples do.
    deviation = float(np.std(changes)) * math.sqrt(samples / (samples - 1))
    half = student_quantile(DECISION_CONFIDENCE, samples - 1) * deviation
    return Interval(change, change - half, change + half)


def _between_variance(sides: Sequence[Sequence[Resampled]]) -> float:
    """Return the variance between runs: the assumed one, updated by repeated runs."""
    runs = [run for side in sides for run in side]
    assumed = BETWEEN_RUNS**2 + sum(run.wandering for run in runs) / len(runs)
    squares = sum(float(np.var([run.value for run in side])) * len(side) for side in sides)
    free = sum(len(side) - 1 for side in sides)
    return (ASSUMED_RUNS * assumed + squares) / (ASSUMED_RUNS + free)

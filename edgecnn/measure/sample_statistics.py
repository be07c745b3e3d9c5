"""Summary statistics of latency samples, each defined once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class LatencySummary:
    """Percentiles and moments of latency samples, in the samples' own unit."""

    p50: float
    p90: float
    p99: float
    mean: float
    std: float
    minimum: float


def summarize(samples: Sequence[float]) -> LatencySummary:
    """Return percentiles, mean, sample standard deviation and minimum.

    Args:
        samples: At least one sample.

    Raises:
        ValueError: The list has no sample.

    Example:
        >>> summarize([1.0, 2.0, 3.0]).std
        1.0
    """
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples to summarize")
    return LatencySummary(
        p50=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        p99=percentile(ordered, 99),
        mean=statistics.fmean(ordered),
        std=statistics.stdev(ordered) if len(ordered) > 1 else 0.0,
        minimum=ordered[0],
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile by linear interpolation between the two nearest ranks.

    This is definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996),
    https://doi.org/10.1080/00031305.1996.10473566, and numpy's default: the 50th is the median.

    Args:
        ordered: At least one sample, in ascending order.
        percent: 0 to 100.

    Example:
        >>> percentile([10.0, 20.0], 50)
        15.0
    """
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


TENTHS = 10
TREND_PAIRS = 25
"""Ten medians make 45 pairs. If so many more pairs rise than fall, or the other way round, that is
a trend: by chance it is so in 3 of 100 runs (Mann, "Nonparametric Tests Against Trend", 1945)."""

TUKEY_FENCE = 3.0
"""A sample so many interquartile ranges above the third quartile is far out."""


@dataclass(frozen=True)
class Drift:
    """How the level of samples moved while they were taken.

    Args:
        change: Relative change of the median from the first third of the samples to the last.
        is_trend: Whether the level went one way, rather than to and fro.
    """

    change: float
    is_trend: bool


def drift_of(samples: Sequence[float]) -> Drift:
    """Return how the level of samples moved.

    Args:
        samples: At least one sample, in the order in which they were taken.

    Example:
        >>> drift_of([1.0] * 100 + [2.0] * 100)
        Drift(change=1.0, is_trend=True)
    """
    count = len(samples)
    if count < TENTHS:
        return Drift(0.0, False)
    cuts = [count * number // TENTHS for number in range(TENTHS + 1)]
    medians = [statistics.median(samples[a:b]) for a, b in pairwise(cuts)]
    signs = (int(b > a) - int(b < a) for n, a in enumerate(medians) for b in medians[n + 1 :])
    first, last = samples[: count // 3], samples[-(count // 3) :]
    if not (level := statistics.median(first)):
        return Drift(0.0, False)
    change = statistics.median(last) / level - 1
    return Drift(change, abs(sum(signs)) >= TREND_PAIRS)


def outliers_of(samples: Sequence[float]) -> int:
    """Count samples far above the others: by three interquartile ranges above the third quartile.

    The fence is Tukey's ("Exploratory Data Analysis", 1977).

    Args:
        samples: At least one sample.

    Example:
        >>> outliers_of([1.0, 1.1, 1.2, 1.3, 9.0])
        1
    """
    ordered = sorted(samples)
    low, high = percentile(ordered, 25), percentile(ordered, 75)
    return sum(sample > high + TUKEY_FENCE * (high - low) for sample in ordered)

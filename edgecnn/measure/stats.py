"""Summary statistics of latency samples, each defined once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Summary:
    """What a list of samples comes to, in the samples' own unit."""

    p50: float
    p90: float
    p99: float
    mean: float
    std: float
    minimum: float


def summarize(samples: Sequence[float]) -> Summary:
    """Return percentiles, mean, sample standard deviation and minimum.

    Args:
        samples: At least one value.

    Raises:
        ValueError: There is no sample.

    Example:
        >>> summarize([1.0, 2.0, 3.0]).std
        1.0
    """
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples to summarize")
    return Summary(
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
        ordered: Samples, ascending, at least one.
        percent: 0 to 100.

    Example:
        >>> percentile([10.0, 20.0], 50)
        15.0
    """
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


SEGMENTS = 10
TREND = 25
"""Of the 45 pairs of ten medians, so many more in one order than in the other are a trend: by
chance it is as many in 3 of 100 runs (Mann, "Nonparametric Tests Against Trend", 1945)."""

FAR_OUT = 3.0


@dataclass(frozen=True)
class Drift:
    """How the level of samples moved while they were taken.

    Args:
        change: Of the median, from the first to the last third, relative.
        is_trend: Whether it went one way, rather than to and fro.
    """

    change: float
    is_trend: bool


def drift_of(samples: Sequence[float]) -> Drift:
    """Return how the level of samples moved.

    Args:
        samples: In the order they were taken, at least one.

    Example:
        >>> drift_of([1.0] * 100 + [2.0] * 100)
        Drift(change=1.0, is_trend=True)
    """
    count = len(samples)
    if count < SEGMENTS:
        return Drift(0.0, False)
    cuts = [count * number // SEGMENTS for number in range(SEGMENTS + 1)]
    medians = [statistics.median(samples[a:b]) for a, b in pairwise(cuts)]
    signs = (int(b > a) - int(b < a) for n, a in enumerate(medians) for b in medians[n + 1 :])
    first, last = samples[: count // 3], samples[-(count // 3) :]
    if not (level := statistics.median(first)):
        return Drift(0.0, False)
    change = statistics.median(last) / level - 1
    return Drift(change, abs(sum(signs)) >= TREND)


def outliers_of(samples: Sequence[float]) -> int:
    """Count samples that are far out: above the third quartile by three times the quartiles' range.

    The fence is Tukey's ("Exploratory Data Analysis", 1977).

    Args:
        samples: At least one.

    Example:
        >>> outliers_of([1.0, 1.1, 1.2, 1.3, 9.0])
        1
    """
    ordered = sorted(samples)
    low, high = percentile(ordered, 25), percentile(ordered, 75)
    return sum(sample > high + FAR_OUT * (high - low) for sample in ordered)

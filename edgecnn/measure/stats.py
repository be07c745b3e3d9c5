"""Summary statistics of latency samples, each defined once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


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

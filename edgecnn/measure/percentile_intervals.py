"""Percentiles of a model's latency, and the interval in which each lies."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.records.bootstrap import percentile_interval
from edgecnn.runner.timing import Timing

PERCENTS = (50, 90, 99)

OTHERS_CORES = 0.15
"""Cores that other programs kept busy, from which on a measurement is called disturbed; the
services of an idle system take a few hundredths of a core."""

NEIGHBOUR_COST = 0.5
"""Share of a call's time that a program on a neighbouring core is assumed to cost at most. Two
threads of one physical core get half of it each; what cores share beyond (caches, memory) is not
modelled."""


@dataclass(frozen=True)
class PercentileInterval:
    """Interval in which a percentile of the latency lies, in milliseconds.

    Args:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float


def percentile_intervals(
    timing: Timing, threads: int, cores: int | None
) -> dict[int, PercentileInterval | None]:
    """Return intervals of the percentiles that a quiet device would have shown, too.

    Both ends come from resampling. Other programs only ever make a model slower, and how much
    slower cannot be known from the samples; so the lower end goes down to :func:`undisturbed_ms`.
    That end is a bound, as in partial identification (Manski, "Partial Identification of
    Probability Distributions", 2003).

    Args:
        timing: The timed calls.
        threads: Threads of the runtime.
        cores: Logical cores of the device.

    Returns:
        An interval for each of ``PERCENTS``; None where the samples are too few.
    """
    found: dict[int, PercentileInterval | None] = {}
    for percent in PERCENTS:
        interval = percentile_interval(timing.samples_ms, percent)
        found[percent] = interval and PercentileInterval(
            undisturbed_ms(timing, percent, interval[0], threads, cores), interval[1]
        )
    return found


def undisturbed_ms(
    timing: Timing, percent: int, low: float, threads: int, cores: int | None
) -> float:
    """Return a lower bound of a percentile on a device that does nothing else, in milliseconds.

    On one thread the bound comes from the calls without the time that their thread waited for a
    CPU: it is the lower end of their percentile's interval. Several threads wait for each other as
    well, and busily: there the bound is the least CPU time that a call took of each thread, if
    other programs ran at all. What programs on neighbouring cores may have cost, and what the host
    of a virtual machine took, comes off in proportion to their share of the time.

    Args:
        timing: The timed calls.
        percent: The percentile: 50, 90 or 99.
        low: Lower end of its interval as it was measured.
        threads: Threads of the runtime.
        cores: Logical cores of the device.
    """
    others = timing.background.others_cores(cores) or 0.0
    if threads == 1:
        running = percentile_interval(timing.running_ms, percent)
        low = min(low, running[0] if running else min(timing.samples_ms))
    elif others > OTHERS_CORES:
        low = min(low, min(timing.running_ms))
    share = min(1.0, others / max(1, (cores or 1) - threads)) * NEIGHBOUR_COST
    return low * (1 - share) * (1 - (timing.background.steal_share or 0.0))

"""Percentiles of a model's latency, and how far each can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.measure.timing import Timing
from edgecnn.results.bootstrap import percentile_interval

PERCENTS = (50, 90, 99)

OTHERS_CORES = 0.15
"""Cores that others kept busy; the services of an idle system take a few hundredths."""

NEIGHBOUR_COST = 0.5
"""What a call is assumed to lose at most to a program that runs on a neighbouring core all the
time: two threads of one physical core get half of it each, and what they share beyond (caches,
memory) is not modelled."""


@dataclass(frozen=True)
class Level:
    """One percentile of the latency, in milliseconds.

    Args:
        low: Lower end of its interval.
        high: Upper end.
    """

    low: float
    high: float


def levels_of(timing: Timing, threads: int, cores: int | None) -> dict[int, Level | None]:
    """Return intervals of the percentiles that a quiet device would have shown, too.

    Both ends come from the samples drawn again. What else runs on a device only ever makes a model
    slower, and how much slower cannot be known from the samples; so the lower end goes down to the
    least that the percentile can be without it (:func:`undisturbed_ms`). That end is a bound, as in
    partial identification (Manski, "Partial Identification of Probability Distributions", 2003).

    Args:
        timing: The timed calls.
        threads: Of the runtime.
        cores: Of the device.

    Returns:
        By percent; None where the samples are too few.
    """
    levels: dict[int, Level | None] = {}
    for percent in PERCENTS:
        interval = percentile_interval(timing.samples_ms, percent)
        levels[percent] = interval and Level(
            undisturbed_ms(timing, percent, interval[0], threads, cores), interval[1]
        )
    return levels


def undisturbed_ms(
    timing: Timing, percent: int, low: float, threads: int, cores: int | None
) -> float:
    """Return the least that a percentile can be on a device that does nothing else.

    On one thread it is the percentile of the calls without the time that their thread waited for a
    CPU: lower end of its interval. Several threads wait for each other as well, and busily: there
    it is the least CPU time that a call took of each thread, where others ran at all. What others
    on neighbouring cores may have cost, and what the host of a virtual machine took, comes off in
    proportion to their share of the time.

    Args:
        timing: The timed calls.
        percent: Which percentile.
        low: Lower end of its interval as it was measured.
        threads: Of the runtime.
        cores: Of the device.
    """
    others = timing.background.others_cores(cores) or 0.0
    if threads == 1:
        running = percentile_interval(timing.running_ms, percent)
        low = min(low, running[0] if running else min(timing.samples_ms))
    elif others > OTHERS_CORES:
        low = min(low, min(timing.running_ms))
    share = min(1.0, others / max(1, (cores or 1) - threads)) * NEIGHBOUR_COST
    return low * (1 - share) * (1 - (timing.background.steal_share or 0.0))

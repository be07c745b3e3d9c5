"""Latency of a file over another's on this machine, one thread each, for a remark in the result.

This ratio decides nothing: the same conversion on another machine, or on this one while it does
other work, has to make the same file. Both files run in turn, and turn is compared with turn, as
whatever else the machine does meets both alike. The time of an inference is the processor time of
its thread, which is its latency where nothing else wants that processor.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from edgecnn.core.platform_support import thread_clock
from edgecnn.quantize.timing.latencies import MeasuredRace
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.runtime import LoadedFile

MOST_ROUNDS = 60
FEWEST_ROUNDS = 8
"""Rounds that an interval of 99 % takes: so many signs are alike by chance in one of 128 cases."""

MOST_RACE_SECONDS = 0.25
"""Seconds after which no new round begins, unless there are too few for an interval."""
PATIENCE = 4.0
"""Factor by which a race may take longer, where its rounds are too few for an interval."""

OBVIOUS_ROUNDS = 3
OBVIOUS = 2.0
"""Ratio of the slower file's fastest inference to the other's slowest from which on a few rounds
are enough: an inference that was disturbed by so much makes a run of ``bench`` noisy, too."""

CLEARLY_SLOWER = 1.05
"""Ratio above which a user is told: repeated ratios of a small file to itself vary by up to 5 %."""


def latency_ratio_here(
    content: bytes, other: bytes, *, seconds: float = MOST_RACE_SECONDS
) -> LatencyRatio | None:
    """Return a file's latency over another's, measured more roughly the more they differ.

    Args:
        content: A ``.tflite`` file's bytes.
        other: Another file's bytes.
        seconds: Seconds after which no new round begins; ``PATIENCE`` times as many where the
            rounds are too few for an interval.

    Returns:
        The ratio and its 99 % interval; with few rounds of files that differ much, the least and
        the greatest ratio instead of the interval. None where there were too few rounds for either.

    Example:
        >>> latency_ratio_here(int8_file, float32_file).high < 1
        True
    """
    runners = [LoadedFile(each, threads=1) for each in (content, other)]
    for runner in runners:
        # The first inference packs weights, which no other one does.
        runner.run_again()
    times: list[list[float]] = [[], []]
    begin = time.perf_counter()
    for number in range(1, MOST_ROUNDS + 1):
        # A file finds the caches as the other one left them, so the order changes.
        for index in (0, 1) if number % 2 else (1, 0):
            times[index].append(_seconds(runners[index]))
        enough = seconds if number >= FEWEST_ROUNDS else seconds * PATIENCE
        is_decided = _is_obvious(times) or _is_faster_throughout(times)
        if is_decided or time.perf_counter() - begin > enough:
            break
    return _ratio(times)


def is_clearly_slower(ratio: LatencyRatio) -> bool:
    """Return whether a user is told of a ratio: neither noise nor a file's luck explains it."""
    return ratio.change.is_different and ratio.low > CLEARLY_SLOWER


def _is_obvious(times: list[list[float]]) -> bool:
    """Whether the files differ by more than disturbed inferences do."""
    slower, faster = sorted(times, key=min, reverse=True)
    return len(slower) >= OBVIOUS_ROUNDS and min(slower) > OBVIOUS * max(faster)


def _is_faster_throughout(times: list[list[float]]) -> bool:
    """Whether the file was faster in as many rounds as prove it, so that there is no remark."""
    one, other = times
    is_faster = all(a < b for a, b in zip(one, other, strict=True))
    return is_faster and len(one) >= FEWEST_ROUNDS


def _ratio(times: list[list[float]]) -> LatencyRatio | None:
    one, other = times
    if min(*one, *other) <= 0:
        return None  # The clock is too coarse for these files.
    if len(one) >= FEWEST_ROUNDS:
        return MeasuredRace(np.array(times)).ratio(0, over=1)
    if not _is_obvious(times):
        return None
    ratios = [a / b for a, b in zip(one, other, strict=True)]
    return LatencyRatio(statistics.median(ratios), min(ratios), max(ratios))


def _seconds(file: LoadedFile) -> float:
    clock = thread_clock()
    start = clock()
    file.run_again()
    return clock() - start

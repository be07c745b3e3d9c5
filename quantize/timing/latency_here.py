"""Latency of a file over another's on this machine, one thread each, for a remark in the result.

This ratio decides nothing: the same conversion on another machine, or on this one while it does
other work, has to make the same file. Both files run in turn and the fastest inference of each
counts, as whatever else the machine does slows inferences down and makes none faster. The time of
an inference is the processor time of its thread, which is its latency where nothing else wants that
processor.
"""

from __future__ import annotations

import time

from edgecnn.core.platform_support import thread_clock
from edgecnn.tflite.runtime import LoadedFile

MOST_ROUNDS = 60
LEAST_ROUNDS = 3
MOST_RACE_SECONDS = 0.5
"""Seconds after which no new round of a pair of files begins."""

CLEARLY_SLOWER = 1.05
"""Ratio above which a user is told: repeated ratios of a small file to itself vary by up to 5 %."""


def latency_ratio_here(
    content: bytes, other: bytes, *, seconds: float = MOST_RACE_SECONDS
) -> float:
    """Return a file's latency over another's, measured more roughly the more they differ.

    Args:
        content: A ``.tflite`` file's bytes.
        other: Another file's bytes.
        seconds: Seconds after which no new round begins.

    Example:
        >>> latency_ratio_here(int8_file, float32_file)
        0.33
    """
    runners = [LoadedFile(each, threads=1) for each in (content, other)]
    best = [float("inf"), float("inf")]
    end = time.perf_counter() + seconds
    for number in range(1, MOST_ROUNDS + 1):
        # A file finds the caches as the other one left them, so the order changes.
        for index in (0, 1) if number % 2 else (1, 0):
            best[index] = min(best[index], _seconds(runners[index]))
        if time.perf_counter() > end or _is_obvious(best, number):
            break
    return best[0] / best[1]


def _is_obvious(best: list[float], rounds: int) -> bool:
    """Whether more rounds could not turn the order: the fewer there were, the less they say."""
    return rounds >= LEAST_ROUNDS and max(best) / min(best) > 1.0 + LEAST_ROUNDS / rounds


def _seconds(file: LoadedFile) -> float:
    clock = thread_clock()
    start = clock()
    file.run_again()
    return clock() - start

"""Latency of a file over another's on this machine, one thread each, for a remark in the result.

No decision is taken by it: the same conversion on another machine, or on this one while it does
other work, has to make the same file. Both files run in turn and the fastest inference of each
counts, as whatever else the machine does slows inferences down and makes none faster. An inference
takes the processor time of its thread, which is its latency where nothing else wants that
processor.
"""

from __future__ import annotations

import sys
import time

from edgecnn.tflite.runtime import LoadedFile

MOST_ROUNDS = 60
LEAST_ROUNDS = 3
MOST_RACE_SECONDS = 0.5
"""Seconds for one pair of files; a round that has begun is ended."""

CLOCK = time.perf_counter if sys.platform == "win32" else time.thread_time
"""Windows counts a thread's time in steps of 16 ms."""

CLEARLY_SLOWER = 1.05
"""Ratio from which on a user is told: a small file differs by up to 5 % from itself."""


def ratio_here(content: bytes, other: bytes, *, seconds: float = MOST_RACE_SECONDS) -> float:
    """Return a file's latency over another's, measured more roughly the more they differ.

    Args:
        content: A ``.tflite`` file's bytes.
        other: Another file's bytes.
        seconds: Time to spend at most, a round that has begun aside.

    Example:
        >>> ratio_here(int8_file, float32_file)
        0.33
    """
    runners = [LoadedFile(each, threads=1) for each in (content, other)]
    best = [float("inf"), float("inf")]
    end = time.perf_counter() + seconds
    for number in range(1, MOST_ROUNDS + 1):
        # Whoever comes second finds the caches as the other left them: the order changes.
        for index in (0, 1) if number % 2 else (1, 0):
            best[index] = min(best[index], _seconds(runners[index]))
        if time.perf_counter() > end or _is_obvious(best, number):
            break
    return best[0] / best[1]


def _is_obvious(best: list[float], rounds: int) -> bool:
    """Whether more rounds could not turn the order: the fewer there were, the less they say."""
    return rounds >= LEAST_ROUNDS and max(best) / min(best) > 1.0 + LEAST_ROUNDS / rounds


def _seconds(file: LoadedFile) -> float:
    start = CLOCK()
    file.run_again()
    return CLOCK() - start

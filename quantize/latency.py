"""Latency of one file beside another's, on this machine, one thread each (runs in the child only).

Files are run in turn and the fastest inference of each counts: what else the machine does slows
inferences down and makes none faster. Of each the processor time of its thread is taken, which is
its latency where nothing else wants that processor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

ROUNDS = 60
LEAST_ROUNDS = 3
MOST_SECONDS = 4.0
"""For one pairing; a round that has begun is ended."""

CLOCK = time.perf_counter if sys.platform == "win32" else time.thread_time
"""Windows counts a thread's time in steps of 16 ms."""

CLEARLY_SLOWER = 1.05
"""Small files differ by up to 5 % from themselves."""
QUICK_SECONDS = 0.5


def fastest(files: Sequence[bytes], *, seconds: float = MOST_SECONDS) -> list[float]:
    """Return the time of each file's fastest inference, in seconds.

    Args:
        files: Contents of ``.tflite`` files.
        seconds: To spend at most.

    Example:
        >>> fastest([float_file, int8_file])
        [0.0103, 0.0034]
    """
    return _raced(files, seconds, patient=True)


def latency_ratio(content: bytes, other: bytes) -> float:
    """Return a file's latency over another's."""
    first, second = fastest([content, other])
    return first / second


def quick_ratio(content: bytes, other: bytes, *, seconds: float = QUICK_SECONDS) -> float:
    """Return a file's latency over another's, the rougher the more they differ.

    Args:
        content: A ``.tflite`` file's bytes.
        other: Another's.
        seconds: To spend at most, a round that has begun aside.
    """
    first, second = _raced([content, other], seconds, patient=False)
    return first / second


def _raced(files: Sequence[bytes], most_seconds: float, *, patient: bool) -> list[float]:
    runners = [_loaded(content) for content in files]
    best = [float("inf")] * len(files)
    end = time.perf_counter() + most_seconds
    for number in range(1, ROUNDS + 1):
        # Whoever comes second finds the caches as the other left them: the order changes.
        order = range(len(files))
        for index in order if number % 2 else reversed(order):
            best[index] = min(best[index], _seconds(runners[index]))
        if time.perf_counter() > end or (not patient and _is_obvious(best, number)):
            break
    return best


def _is_obvious(best: Sequence[float], rounds: int) -> bool:
    """Whether more rounds could not turn the order: the fewer there were, the less they say."""
    return rounds >= LEAST_ROUNDS and max(best) / min(best) > 1.0 + LEAST_ROUNDS / rounds


def _loaded(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _seconds(interpreter: Any) -> float:
    start = CLOCK()
    interpreter.invoke()
    return CLOCK() - start

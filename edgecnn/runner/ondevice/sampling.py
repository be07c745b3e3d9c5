"""Timing single calls, and reading the device's clocks, counters and power meanwhile.

The module travels to devices: the standard library alone, and Python 3.9.
"""

from __future__ import annotations

import gc
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from edgecnn.core.platform_support import process_clock, process_usage, system_text
from edgecnn.runner.ondevice.host import CPU, cpu_times, paths_of, power_text
from edgecnn.runner.ondevice.protocol import PROGRESS_EVERY_S, CallProgress, Counters

NS_PER_MS = 1e6
NS_PER_S = 1e9
PROGRESS_EVERY_NS = int(PROGRESS_EVERY_S * NS_PER_S)
CLOCK_READINGS = 1000
POWER_EVERY_S = 0.25

OnProgress = Callable[[CallProgress], None]
Samples = tuple["array[int]", "array[int]"]
"""Nanoseconds of each call, and nanoseconds of each call in which its threads did not run. The
latter are all 0 where the system has no clock for that."""


def timed_calls(
    call: Callable[[], object],
    threads: int,
    runs: int,
    min_time_s: float,
    max_samples: int,
    on_progress: OnProgress | None = None,
) -> Samples:
    """Time calls one by one; nothing but the call is inside a sample.

    Args:
        call: The function that is timed.
        threads: Threads that the function runs on.
        runs: Calls at least.
        min_time_s: Seconds at least.
        max_samples: Calls at most.
        on_progress: Called with the progress a few times a second, between two calls.
    """
    clock, cpu_clock = time.perf_counter_ns, process_clock()
    if cpu_clock is None:  # with the same clock for both, calls never seem to wait
        cpu_clock, threads = clock, 1
    samples, waited, min_time_ns = array("q"), array("q"), min_time_s * NS_PER_S
    with no_garbage_collection():
        start = reported = clock()
        while True:
            begun = cpu_clock()
            begin = clock()
            call()
            end = clock()
            used = (cpu_clock() - begun) // threads
            waited.append(max(0, end - begin - used))
            samples.append(end - begin)
            done = len(samples) >= runs and end - start >= min_time_ns
            if done or len(samples) >= max_samples:
                return samples, waited
            if on_progress is not None and end - reported >= PROGRESS_EVERY_NS:
                on_progress(CallProgress(len(samples), (end - start) / NS_PER_S))
                reported = clock()


class CallCounter:
    """Tells the progress of calls that are not timed, a few times a second.

    Args:
        on_progress: Called with the progress, between two calls.
    """

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._calls = 0
        self._begin = self._told = time.monotonic()

    def count(self) -> None:
        """Count a call that was made."""
        self._calls += 1
        now = time.monotonic()
        if now - self._told >= PROGRESS_EVERY_S:
            self._on_progress(CallProgress(self._calls, now - self._begin))
            self._told = now


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep Python from collecting garbage during the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Clocks:
    """Reads the clocks of the CPU.

    Attributes:
        looks: For each reading, the clock of each group of cores, in kHz as text.
    """

    def __init__(self) -> None:
        self._paths = paths_of(f"{CPU}/cpufreq/policy*/scaling_cur_freq")
        self.looks: list[tuple[str | None, ...]] = []

    def look(self) -> None:
        """Read each clock once, if the system shows clocks: a few bytes of sysfs."""
        if self._paths:
            self.looks.append(tuple(system_text(path) for path in self._paths))


class PowerMeter(threading.Thread):
    """Reads a Raspberry Pi 5's power meter a few times a second, until :meth:`finish`.

    Attributes:
        readings: Texts that the meter gave.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.readings: list[str] = []
        self._over = threading.Event()

    def run(self) -> None:
        """Add readings until the end."""
        while not self._over.wait(POWER_EVERY_S):
            reading = power_text()
            if reading is not None and not self._over.is_set():
                self.readings.append(reading)

    def finish(self) -> None:
        """End the thread; a reading that is being taken does not count."""
        self._over.set()
        self.join()


def read_counters() -> Counters:
    """Return what the kernel has counted so far of this process and of all cores."""
    usage = process_usage()
    return Counters(
        at_s=time.monotonic(),
        cpu_times=cpu_times(),
        cpu_s=usage.cpu_s,
        voluntary=usage.voluntary_switches,
        involuntary=usage.involuntary_switches,
        major_faults=usage.major_faults,
    )


def clock_costs() -> tuple[int | None, float]:
    """Return the clock's smallest step, and the sample of an empty call, both in nanoseconds."""
    clock = time.perf_counter_ns
    empty = sorted(-clock() + clock() for _ in range(CLOCK_READINGS))
    steps = [step for step in empty if step > 0]
    return min(steps, default=None), median(empty)

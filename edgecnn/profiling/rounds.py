"""Files timed in turn on a device, so that a change of its state meets all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from edgecnn.core.errors import ChildCrashedError, DeviceError, EdgecnnError
from edgecnn.devices.device import Device
from edgecnn.runner.protocol import ModelLoaded
from edgecnn.runner.session import RunnerSession
from edgecnn.runner.timing import Timing

PROFILE_ROUNDS = 3
SETTLE = 2
LEAST_RUNS = 5
LEAST_S = 0.04
"""Calls and seconds of one file in one round at least: hundreds of calls of a file that takes
hardly any time, five of one that takes long."""

OnDone = Callable[[int, int], None]


@dataclass(frozen=True)
class PlacedFile:
    """A file on the device.

    Args:
        path: Path on the device.
        copies: How many copies it holds of the ops that are to be timed.
    """

    path: str
    copies: int = 1


@dataclass
class RoundTimes:
    """Times of files, by their keys.

    Args:
        rounds_ms: Median of a call in each round, divided by the copies. On one thread the time in
            which the thread had no CPU is left out.
        latencies_ms: Median of a call in each round, divided by the copies, with that time.
        errors: Why a file cannot be timed.
    """

    rounds_ms: dict[Hashable, list[float]] = field(default_factory=dict)
    latencies_ms: dict[Hashable, list[float]] = field(default_factory=dict)
    errors: dict[Hashable, EdgecnnError] = field(default_factory=dict)

    def ms(self, key: Hashable) -> float | None:
        """Return the median of a file's rounds; None where it could not be timed."""
        return statistics.median(self.rounds_ms[key]) if key in self.rounds_ms else None

    def latency_ms(self, key: Hashable) -> float | None:
        """Return the median of a file's latencies: with the time that others had the CPU."""
        return statistics.median(self.latencies_ms[key]) if key in self.latencies_ms else None


class RoundTimer:
    """Runs files on a device, in a new runner after one that a file crashed.

    Args:
        device: The device, which is open.
        task: What the runners do, for messages.
        threads: Threads of the runtime.

    Raises:
        DeviceError: The device cannot be reached or used.

    Example:
        >>> with RoundTimer(device, "profiling 'a.tflite'", 1) as timer:
        ...     times = timer.rounds({"whole": PlacedFile(device.place(Path("a.tflite")))})
    """

    def __init__(self, device: Device, task: str, threads: int) -> None:
        self._device, self._task, self._threads = device, task, threads
        self._stack = ExitStack()

    def __enter__(self) -> RoundTimer:
        """Start a runner."""
        self.session = self._start()
        return self

    def __exit__(self, *error: Any) -> None:
        """End all runners, at once if the block failed."""
        self._stack.__exit__(*error)

    def try_whole(self, path: str) -> ModelLoaded:
        """Load a file and run it once; what the session raises is raised."""
        loaded = self.session.load(path, self._threads)
        self.session.check()
        return loaded

    def rounds(
        self, files: Mapping[Hashable, PlacedFile], on_done: OnDone = lambda done, total: None
    ) -> RoundTimes:
        """Time files in turn, several times over.

        Args:
            files: The files, by any keys.
            on_done: Called with how many of how many timings are done.
        """
        times, done = RoundTimes(), 0
        for number in range(PROFILE_ROUNDS):
            # A file that comes after a large one finds a warmer processor: the order changes.
            for key, file in list(files.items())[:: -1 if number % 2 else 1]:
                on_done(done, PROFILE_ROUNDS * len(files))
                done += 1
                if key not in times.errors:
                    self._add(times, key, file)
        return times

    def _add(self, times: RoundTimes, key: Hashable, file: PlacedFile) -> None:
        try:
            timing = self._timing(file)
        except DeviceError:
            raise
        except EdgecnnError as error:
            if isinstance(error, ChildCrashedError):
                self.session = self._start()
            times.errors[key] = error
            times.rounds_ms.pop(key, None)
            return
        # Several threads wait for each other too, which is part of what an op takes.
        samples = timing.running_ms if self._threads == 1 else timing.samples_ms
        for found, calls in ((times.rounds_ms, samples), (times.latencies_ms, timing.samples_ms)):
            found.setdefault(key, []).append(statistics.median(calls) / file.copies)

    def _timing(self, file: PlacedFile) -> Timing:
        self.session.load(file.path, self._threads)
        return self.session.time(settle=SETTLE, runs=LEAST_RUNS, min_time_s=LEAST_S)

    def _start(self) -> RunnerSession:
        return self._stack.enter_context(self._device.start(self._task))

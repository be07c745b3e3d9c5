"""Timing files in turn on a device, so that a change of its state meets all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from edgecnn.core.errors import ChildCrashedError, DeviceError, EdgecnnError
from edgecnn.devices.device import Device
from edgecnn.runner.ondevice.protocol import ModelLoaded
from edgecnn.runner.session import RunnerSession
from edgecnn.runner.timing import Timing
from edgecnn.tflite.calls import ModelCall

PROFILE_ROUNDS = 3
SETTLE = 2
LEAST_RUNS = 5
LEAST_S = 0.04
"""Calls and seconds of one file in one round at least: a fast file is called hundreds of times, a
slow one five times."""

OnDone = Callable[[int, int], None]


@dataclass(frozen=True)
class PlacedFile:
    """A file on the device.

    Args:
        path: Path of the file on the device.
        copies: Number of copies in the file of the ops that are to be timed.
        call: How the file is called; None for its first subgraph with the file's shapes.
    """

    path: str
    copies: int = 1
    call: ModelCall | None = None


@dataclass
class RoundTimes:
    """Times of files, by their keys.

    Args:
        rounds_ms: Median of a call in each round, divided by the copies. On one thread the time in
            which the thread had no CPU is left out.
        latencies_ms: Median of a call in each round, divided by the copies, with the time in which
            the thread had no CPU.
        errors: Errors of files that cannot be timed.
    """

    rounds_ms: dict[Hashable, list[float]] = field(default_factory=dict)
    latencies_ms: dict[Hashable, list[float]] = field(default_factory=dict)
    errors: dict[Hashable, EdgecnnError] = field(default_factory=dict)

    def ms(self, key: Hashable) -> float | None:
        """Return the median of a file's rounds in ms; None where the file could not be timed."""
        return statistics.median(self.rounds_ms[key]) if key in self.rounds_ms else None

    def latency_ms(self, key: Hashable) -> float | None:
        """Return the median of a file's latencies in ms; None where it could not be timed."""
        return statistics.median(self.latencies_ms[key]) if key in self.latencies_ms else None


class RoundTimer:
    """Times files on a device; where a file crashes the runner, a new runner is started.

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

    def try_whole(self, file: PlacedFile) -> ModelLoaded:
        """Load a file and run it once.

        Raises:
            EdgecnnError: The file cannot be loaded or run.
        """
        loaded = self.session.load(file.path, self._threads, call=file.call)
        self.session.check()
        return loaded

    def rounds(
        self, files: Mapping[Hashable, PlacedFile], on_done: OnDone = lambda done, total: None
    ) -> RoundTimes:
        """Time files in turn, several times over.

        Args:
            files: The files, by any keys.
            on_done: Called with (timings done, timings in all).
        """
        times, done = RoundTimes(), 0
        for number in range(PROFILE_ROUNDS):
            # The order changes, since a file that comes after a large one finds a warmer processor.
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
            for column in (times.rounds_ms, times.latencies_ms):
                column.pop(key, None)
            return
        # Several threads wait for each other, too, which is part of an op's time.
        samples = timing.running_ms if self._threads == 1 else timing.samples_ms
        for column, calls in ((times.rounds_ms, samples), (times.latencies_ms, timing.samples_ms)):
            column.setdefault(key, []).append(statistics.median(calls) / file.copies)

    def _timing(self, file: PlacedFile) -> Timing:
        self.session.load(file.path, self._threads, call=file.call)
        return self.session.time(settle=SETTLE, runs=LEAST_RUNS, min_time_s=LEAST_S)

    def _start(self) -> RunnerSession:
        return self._stack.enter_context(self._device.start(self._task))

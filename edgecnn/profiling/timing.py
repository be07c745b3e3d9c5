"""Files timed in turn on a device, so that what changes there meanwhile changes all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from edgecnn.core.errors import ChildCrashedError, DeviceError, EdgecnnError
from edgecnn.devices.base import Device
from edgecnn.measure.timing import Timing
from edgecnn.runner.session import LoadedModel, RunnerSession

ROUNDS = 3
SETTLE = 2
LEAST_RUNS = 5
LEAST_S = 0.04
"""Of one file in one round: hundreds of calls of what takes no time, five of what takes long."""

OnDone = Callable[[int, int], None]


@dataclass(frozen=True)
class Placed:
    """A file on the device.

    Args:
        path: There.
        copies: How often what is to be timed is in it.
    """

    path: str
    copies: int = 1


@dataclass
class Times:
    """What the rounds gave.

    Args:
        rounds_ms: Median of a call in each round, over the copies. On one thread it is without the
            time that the thread had no CPU.
        latencies_ms: The same with it.
        errors: Of what cannot be timed.
    """

    rounds_ms: dict[Hashable, list[float]] = field(default_factory=dict)
    latencies_ms: dict[Hashable, list[float]] = field(default_factory=dict)
    errors: dict[Hashable, EdgecnnError] = field(default_factory=dict)

    def ms(self, key: Hashable) -> float | None:
        """Return the median of the rounds; None where it could not be timed."""
        return statistics.median(self.rounds_ms[key]) if key in self.rounds_ms else None

    def latency_ms(self, key: Hashable) -> float | None:
        """Return the same with the time that others had the CPU."""
        return statistics.median(self.latencies_ms[key]) if key in self.latencies_ms else None


class Timer:
    """Runs files on a device, in a new runner after one that a file crashed.

    Args:
        device: It is open.
        task: What for, in messages.
        threads: Of the runtime.

    Raises:
        DeviceError: The device cannot be reached or used.

    Example:
        >>> with Timer(device, "profiling 'a.tflite'", 1) as timer:
        ...     times = timer.rounds({"whole": Placed(device.place(Path("a.tflite")))})
    """

    def __init__(self, device: Device, task: str, threads: int) -> None:
        self._device, self._task, self._threads = device, task, threads
        self._stack = ExitStack()

    def __enter__(self) -> Timer:
        """Start a runner."""
        self.session = self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all runners, at once if the block failed."""
        self._stack.__exit__(kind, error, trace)

    def try_whole(self, path: str) -> LoadedModel:
        """Load a file and run it once; raise what a session raises."""
        loaded = self.session.load(path, self._threads)
        self.session.check()
        return loaded

    def rounds(
        self, files: Mapping[Hashable, Placed], on_done: OnDone = lambda done, total: None
    ) -> Times:
        """Time files in turn, several times over.

        Args:
            files: By whatever names them.
            on_done: Told how many of how many timings are done.
        """
        times, done = Times(), 0
        for number in range(ROUNDS):
            # Whoever comes after a large one finds a warmer processor: the order changes.
            for key, file in list(files.items())[:: -1 if number % 2 else 1]:
                on_done(done, ROUNDS * len(files))
                done += 1
                if key not in times.errors:
                    self._add(times, key, file)
        return times

    def _add(self, times: Times, key: Hashable, file: Placed) -> None:
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
        running = [
            max(0.0, s - w) for s, w in zip(timing.samples_ms, timing.waited_ms, strict=True)
        ]
        # Several threads wait for each other too, which is part of what an op takes.
        samples = running if self._threads == 1 else timing.samples_ms
        for found, calls in ((times.rounds_ms, samples), (times.latencies_ms, timing.samples_ms)):
            found.setdefault(key, []).append(statistics.median(calls) / file.copies)

    def _timing(self, file: Placed) -> Timing:
        self.session.load(file.path, self._threads)
        return self.session.time(settle=SETTLE, runs=LEAST_RUNS, min_time_s=LEAST_S)

    def _start(self) -> RunnerSession:
        return self._stack.enter_context(self._device.start(self._task))

"""A candidate: one model at one thread count, in a runner of its own that stays open meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.accuracy.kinds.result import AnyAccuracy
from edgecnn.core.failures import crash_explained, named_errors
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress
from edgecnn.devices.device import Device
from edgecnn.measure.device_accuracy import DeviceAccuracy
from edgecnn.measure.device_caveats import DeviceRun
from edgecnn.measure.labelled_task import LabelledTask
from edgecnn.measure.plan import BenchPlan
from edgecnn.measure.targets import Target
from edgecnn.model_metadata.input_tensors import stated_spec
from edgecnn.runner.health import Power
from edgecnn.runner.ondevice.protocol import MemoryUse, ModelLoaded, ModelWarmed
from edgecnn.runner.session import IDLE_S, MAX_TIMED_CALLS
from edgecnn.runner.timing import Timing
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.reading import TfliteModel

IDLE_POWER_S = 1.0
BUSY_POWER_S = 2.0
"""Seconds of reading the power meter: some readings, at four a second, for little more time."""

SETTLE_CALLS = 2
"""Untimed calls before timed ones, where another model has had the caches."""

LONG_CALL_MS = 100.0
"""Calls of so long need no calls to settle: filling the caches takes a few milliseconds."""


@dataclass(frozen=True)
class PreparedModel:
    """A model that is ready to be run on a device.

    Args:
        target: The model as the user named it.
        path: Path of the model's file on this machine.
        sha256: SHA-256 of the model's file.
        place: Path of the model's file on the device.
        call: How the model is called.
        task: How the accuracy is measured; None where it is not measured.
    """

    target: Target
    path: Path
    sha256: str
    place: str
    call: ModelCall
    task: LabelledTask[Any] | None

    @property
    def structure(self) -> TfliteModel:
        """Structure of the graph that is called."""
        return self.call.model

    @property
    def label(self) -> str:
        """Name of the model in messages."""
        return quoted(self.target.label)


@dataclass(frozen=True)
class PowerDrawn:
    """Power that a board drew; None where it has no meter.

    Args:
        idle: Power while nothing ran.
        busy: Power while the model ran.
    """

    idle: Power | None
    busy: Power | None


@dataclass(frozen=True)
class Measured:
    """What one runner told of one model at one thread count.

    Args:
        run: The device before, during and after the timed calls.
        loaded: The model in memory.
        warm_up: The calls before the timed ones.
        timing: The timed calls.
        memory: Resident memory of the runner.
        power: Power that the board drew.
        in_turn: How many candidates were timed in turn, this one included.
        turn_group: Name of the candidates that were timed in turn; None of one alone.
        cooldown_s: Seconds that the device rested before; None where no rest was asked for.
    """

    run: DeviceRun
    loaded: ModelLoaded
    warm_up: ModelWarmed
    timing: Timing
    memory: MemoryUse
    power: PowerDrawn
    in_turn: int
    turn_group: str | None
    cooldown_s: float | None


class Candidate:
    """One model at one thread count, from the start of its runner to its end.

    Args:
        model: Model whose file lies on the device.
        threads: Threads of the runtime.
        device: The device, which is open.
        plan: How to measure.

    Attributes:
        seconds: Time that the measurement of the candidate took so far.

    Raises:
        EdgecnnError: Each method raises it where the model cannot be run or its runner died; it
            names the model.
    """

    def __init__(self, model: PreparedModel, threads: int, device: Device, plan: BenchPlan) -> None:
        self.model, self.threads = model, threads
        self._plan, self._device = plan, device
        self.seconds = 0.0
        self._cuts_before, self._cuts_while_timed = device.cuts, 0
        self._parts: list[Timing] = []
        with self._working():
            self._session = device.start(f"running {model.label}")

    def prepare(self, on_progress: Progress) -> None:
        """Read the device's state, load the model and run it until it is warm."""
        model, session = self.model, self._session
        with self._working():
            on_progress(f"loading {model.label}", 0, 0)
            cooldown = self._plan.cooldown
            self._cooldown_s = cooldown.rest(session, on_progress) if cooldown else None
            self._before = session.health(IDLE_S)
            self._idle = session.power(IDLE_POWER_S, busy=False)
            self._loaded = session.load(
                model.place,
                self.threads,
                _input_range(model.structure),
                self._plan.cpus,
                model.call,
            )
            self._warm_up = session.warm_up(self._plan.warmup)

    def memory_available_bytes(self) -> int | None:
        """Return how many bytes programs on the device can have without swapping."""
        with self._working():
            return self._session.health().memory_available_bytes

    def time(self, rounds_left: int, in_turn: int, on_progress: Callable[[float], None]) -> None:
        """Time some of the calls that are still to be made.

        Args:
            rounds_left: How many rounds are left, this one included; the last round completes the
                calls and the time that the plan asks for.
            in_turn: How many candidates are timed in turn.
            on_progress: Called with the fraction of this turn's calls that is done.
        """
        made = sum(len(part.samples_ms) for part in self._parts)
        runs = self._plan.runs - made
        seconds = self._plan.min_time_s - sum(part.background.seconds for part in self._parts)
        room = (MAX_TIMED_CALLS - made) // rounds_left
        if (runs <= 0 and seconds <= 0) or not room:
            return
        with self._working():
            part = self._session.time(
                settle=SETTLE_CALLS if in_turn > 1 and self._is_short else 0,
                runs=max(1, -(-runs // rounds_left)),
                min_time_s=max(0.0, seconds / rounds_left),
                max_samples=room,
                on_progress=on_progress,
            )
        self._parts.append(part)
        self._cuts_while_timed = self.cuts

    @property
    def cuts(self) -> int:
        """How often the connection to the device was cut since the candidate was started."""
        return self._device.cuts - self._cuts_before

    @property
    def _is_short(self) -> bool:
        return self._warm_up.first_inference_ms < LONG_CALL_MS

    def finish(self, in_turn: int, turn_group: str) -> Measured:
        """Return all that was measured, after the last timed call; the model stays loaded.

        Args:
            in_turn: How many candidates were timed in turn.
            turn_group: Name of these candidates.
        """
        session, timing = self._session, Timing.joined(self._parts)
        with self._working():
            # Memory is read before any images come: their tensors are not the model's memory.
            memory, after = session.memory(), session.health()
            # Power is read in a loop of its own: reading the meter would disturb timed calls.
            busy = session.power(BUSY_POWER_S, busy=True) if self._idle else None
            facts = session.facts()
        run = DeviceRun(
            facts,
            self._before,
            after,
            timing.cpu_lowest_mhz,
            self.threads,
            self._cuts_while_timed,
        )
        return Measured(
            run=run,
            loaded=self._loaded,
            warm_up=self._warm_up,
            timing=timing,
            memory=memory,
            power=PowerDrawn(self._idle, busy),
            in_turn=in_turn,
            turn_group=turn_group if in_turn > 1 else None,
            cooldown_s=self._cooldown_s,
        )

    def classify(self, device: DeviceAccuracy) -> AnyAccuracy | None:
        """Return how often the model is right; None where the plan has no data."""
        model = self.model
        if model.task is None:
            return None
        with self._working():
            return device.run(
                model.task,
                self._session,
                model.sha256,
                model.place,
                model.call,
                self.threads,
                model.label,
            )

    def end(self, *, kill: bool) -> None:
        """End the runner, at once if asked to."""
        self._session.kill() if kill else self._session.close()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Name the model in errors, and count the time."""
        begin = time.monotonic()
        with named_errors(self.model.label), crash_explained():
            yield
        self.seconds += time.monotonic() - begin


def _input_range(structure: TfliteModel) -> tuple[float, float] | None:
    """Return least and greatest value of a float input, where the file's metadata has them."""
    described = stated_spec(structure)
    return described.value_range if described else None

"""Timing files in turn on the device that they are for, while one of them is being chosen."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.devices.device_lookup import get_device
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.reading import read_model

RACE_TURNS = 20
"""Turns of each file: enough for a 99 % interval of signed ranks that is a few percent wide."""

TURN_S = 0.05
"""Least length of a turn in seconds."""
CALLS_A_TURN = 3
"""Least number of timed calls of a turn, of which the median counts."""


class DeviceTimer:
    """A device that times files, as long as it is entered.

    Args:
        name: ``"desktop"``, a name from the inventory, or ``[user@]host[:port]``.
        ask_password: Given a question, returns a password; None where nobody can be asked.

    Raises:
        DeviceError: The device cannot be reached.
        InputError: The device's CPU is emulated, so that its times say nothing.
    """

    def __init__(self, name: str, ask_password: Callable[[str], str] | None = None) -> None:
        self._device = get_device(name, ask_password)
        self._stack = ExitStack()

    def __enter__(self) -> DeviceTimer:
        """Connect to the device, so that one that cannot time files is refused at once."""
        with ExitStack() as stack:
            stack.enter_context(self._device)
            with self._device.start("asking what the device is") as session:
                if session.facts().emulated:
                    raise InputError(
                        f"{self._device.name} is emulated, and its times say nothing of a real "
                        "board: choose by --target-cpu instead of --device"
                    )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Release the device."""
        self._stack.close()

    def milliseconds(self, files: Sequence[Path]) -> list[list[float]]:
        """Time files in turn, on one thread each.

        Args:
            files: ``.tflite`` files on this machine.

        Returns:
            Median latency of each file in each turn, in milliseconds, as (files, turns).
        """
        with ExitStack() as stack:
            runners = [self._ready(stack, path) for path in files]
            times: list[list[float]] = [[] for _ in runners]
            for turn in range(RACE_TURNS):
                # A file finds the caches as the last one left them, so the order changes.
                order = range(len(runners))
                for place in order if turn % 2 else reversed(order):
                    times[place].append(_turn_ms(runners[place]))
        return times

    def _ready(self, stack: ExitStack, path: Path) -> RunnerSession:
        place = self._device.place(path)
        session = stack.enter_context(self._device.start(f"timing '{path.name}'"))
        session.load(place, threads=1, call=ModelCall(read_model(path)))
        session.warm_up()
        return session


def _turn_ms(session: RunnerSession) -> float:
    timing = session.time(runs=CALLS_A_TURN, min_time_s=TURN_S, settle=1)
    return statistics.median(timing.samples_ms)

"""Gets a device ready to run models: a virtual environment there with a TFLite runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.devices.connection import Shell
from edgecnn.devices.setup.installing import MB, OnPhase, copy, fetch, unpack
from edgecnn.devices.setup.plans import RuntimePlan, plans
from edgecnn.devices.setup.probe import NotReadyError, named_device, probe
from edgecnn.devices.setup.protocol import Board, RuntimeState
from edgecnn.devices.setup.wheels import OfflineError, WheelArchive, packed_wheels
from edgecnn.runner.ondevice.lock import ROOT

OnStep = Callable[[str], None]

HERE, THERE = "host", "device"
"""Who fetches the runtime."""


def set_up(
    connection: Shell,
    *,
    own: str | None = None,
    python: str | None = None,
    wheels: Path | None = None,
    source: str | None = None,
    upgrade: bool = False,
    on_step: OnStep = lambda text: None,
    on_progress: OnPhase = lambda phase, done=0, total=0: None,
) -> RuntimeState:
    """Make a device ready, unless it is: then nothing is changed.

    Args:
        connection: Runs commands on the device and copies files to it.
        own: A Python there that is to have a runtime by itself: it is looked at, and not touched.
        python: Path of the Python to make the environment of; None chooses one.
        wheels: A folder with wheels to take instead of a package index.
        source: Who fetches the runtime, ``"host"`` or ``"device"`` with its own pip; None
            takes the host, and the device where the host reaches no package index.
        upgrade: Set up anew with the newest runtime, even if all is there.
        on_step: Called with a line for each step that is done.
        on_progress: Called with what is being done, and how much of how much is done.

    Raises:
        DeviceError: The device cannot be made ready; the message says what to do.

    Example:
        >>> set_up(connection, on_step=print).runtime
        'ai-edge-litert'
    """
    on_progress("looking at the device")
    with named_device(connection.name):
        board = probe(connection, python, own)
        on_step(board.description)
        if board.venv.ready and not (upgrade and not own):
            on_step(f"already set up: {contents(board.venv)}")
            return board.venv
        if own:
            raise NotReadyError(f"{own}: {board.venv.error}; {own_advice(own)}")
        work = _Setup(connection, board, on_step, on_progress)
        venv = work.run(plans(board), source, wheels, upgrade)
    on_step(f"ready: {contents(venv)} in ~/{ROOT}/venv")
    return venv


@dataclass(frozen=True)
class _Setup:
    """A device that is being set up."""

    connection: Shell
    board: Board
    on_step: OnStep
    on_progress: OnPhase

    def run(
        self, possible: list[RuntimePlan], source: str | None, wheels: Path | None, upgrade: bool
    ) -> RuntimeState:
        """Set it up with what this machine fetches, or else with what the device fetches."""
        if source == THERE:
            return self._from_there(possible[0])
        try:
            return self._from_here(possible, wheels, upgrade)
        except OfflineError as error:
            if source == HERE:
                raise
            self.on_step("no package index can be reached from here: the device tries by itself")
            try:
                return self._from_there(possible[0])
            except NotReadyError as there:
                raise NotReadyError(f"{error}; or let the device fetch it, but {there}") from there

    def _from_here(
        self, possible: list[RuntimePlan], wheels: Path | None, upgrade: bool
    ) -> RuntimeState:
        """Fetch the runtime here, copy it and unpack it there."""
        self.on_progress("fetching the runtime")
        with packed_wheels(possible, wheels, fresh=upgrade) as packed:
            self.on_step(f"{', '.join(packed.packages)} {_origin(packed, wheels)}")
            copy(self.connection, self.board, packed, self.on_progress)
            self.on_step(f"copied {packed.archive.stat().st_size / MB:.0f} MB")
            self.on_progress("unpacking and trying it on the device")
            return unpack(self.connection, packed)

    def _from_there(self, plan: RuntimePlan) -> RuntimeState:
        """Have the device fetch the runtime with its own pip."""
        self.on_progress("the device fetches the runtime")
        return fetch(self.connection, plan)


def own_advice(own: str) -> str:
    """Say what to do where the user's own Python on a device has no runtime."""
    return f"on the device, run: {own} -m pip install ai-edge-litert; or add it without --python"


def contents(venv: RuntimeState) -> str:
    """Return what an environment holds: ``"ai-edge-litert 2.3.0, numpy 2.4.6, Python 3.11.2"``."""
    return f"{venv.runtime} {venv.version}, numpy {venv.numpy}, Python {venv.python}"


def _origin(packed: WheelArchive, wheels: Path | None) -> str:
    """Say where packages come from."""
    if wheels:
        return f"from {wheels}"
    return "from the cache" if packed.cached else "fetched"

"""Gets a device ready to run models: a virtual environment there with a TFLite runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.devices.setup.installing import MB, OnProgress, copy, fetch, unpack
from edgecnn.devices.setup.probe import Board, Environment, NotReadyError, Shell, naming, probe
from edgecnn.devices.setup.runtimes import Plan, plans
from edgecnn.devices.setup.wheels import Bundle, OfflineError, bundle

OnStep = Callable[[str], None]

HERE, THERE = SOURCES = ("host", "device")


def set_up(
    connection: Shell,
    *,
    own: str | None = None,
    python: str | None = None,
    wheels: Path | None = None,
    source: str | None = None,
    upgrade: bool = False,
    on_step: OnStep = lambda text: None,
    on_progress: OnProgress = lambda phase, done=0, total=0: None,
) -> Environment:
    """Make a device ready, unless it is: then nothing is changed.

    Args:
        connection: Runs commands on the device and copies files to it.
        own: A Python there that is to have a runtime by itself: it is looked at, and not touched.
        python: The Python to make the environment of, by path; None chooses.
        wheels: A folder with wheels to take instead of a package index.
        source: Where the runtime is fetched, ``"host"`` or ``"device"`` with its own pip; None
            takes the host, and the device where the host reaches no package index.
        upgrade: Set up anew with the newest runtime, even if all is there.
        on_step: Called with a line for each step that is done.
        on_progress: Called with what is being done, and how much of it.

    Raises:
        DeviceError: It cannot be made ready; the message says what to do.

    Example:
        >>> set_up(connection, on_step=print).runtime
        'ai-edge-litert'
    """
    on_progress("looking at the device")
    with naming(connection.name):
        board = probe(connection, python, own)
        on_step(board.description)
        if board.venv.ready and not (upgrade and not own):
            on_step(f"already set up: {contents(board.venv)}")
            return board.venv
        if own:
            raise NotReadyError(f"{own}: {board.venv.error}; {own_advice(own)}")
        work = Setup(connection, board, on_step, on_progress)
        venv = work.run(plans(board), source, wheels, upgrade)
    on_step(f"ready: {contents(venv)} in ~/.edgecnn/venv")
    return venv


@dataclass(frozen=True)
class Setup:
    """A device that is being set up."""

    connection: Shell
    board: Board
    on_step: OnStep
    on_progress: OnProgress

    def run(
        self, possible: list[Plan], source: str | None, wheels: Path | None, upgrade: bool
    ) -> Environment:
        """Set it up with what this machine fetches, or else with what the device does."""
        if source == THERE:
            return self.from_there(possible[0])
        try:
            return self.from_here(possible, wheels, upgrade)
        except OfflineError as error:
            if source == HERE:
                raise
            self.on_step("no package index can be reached from here: the device tries by itself")
            try:
                return self.from_there(possible[0])
            except NotReadyError as there:
                raise NotReadyError(f"{error}; or let the device fetch it, but {there}") from there

    def from_here(self, possible: list[Plan], wheels: Path | None, upgrade: bool) -> Environment:
        """Fetch the runtime here, copy it and unpack it there."""
        self.on_progress("fetching the runtime")
        with bundle(possible, wheels, fresh=upgrade) as packed:
            self.on_step(f"{', '.join(packed.packages)} {origin(packed, wheels)}")
            copy(self.connection, self.board, packed, self.on_progress)
            self.on_step(f"copied {packed.archive.stat().st_size / MB:.0f} MB")
            self.on_progress("unpacking and trying it on the device")
            return unpack(self.connection, packed)

    def from_there(self, plan: Plan) -> Environment:
        """Have the device fetch the runtime with its own pip."""
        self.on_progress("the device fetches the runtime")
        return fetch(self.connection, plan)


def own_advice(own: str) -> str:
    """Say what to do where the user's own Python on a device has no runtime."""
    return f"on the device, run: {own} -m pip install ai-edge-litert; or add it without --python"


def contents(venv: Environment) -> str:
    """Return what an environment holds: ``"ai-edge-litert 2.3.0, numpy 2.4.6, Python 3.11.2"``."""
    return f"{venv.runtime} {venv.version}, numpy {venv.numpy}, Python {venv.python}"


def origin(packed: Bundle, wheels: Path | None) -> str:
    """Say where packages come from."""
    if wheels:
        return f"from {wheels}"
    return "from the cache" if packed.cached else "fetched"

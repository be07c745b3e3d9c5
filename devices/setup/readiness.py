"""Says whether a device is ready to run models, item by item, and what to do where it is not."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from edgecnn.devices.connection import Shell
from edgecnn.devices.setup.installing import MB
from edgecnn.devices.setup.plans import is_published, no_wheel, plans, refuse
from edgecnn.devices.setup.probe import NotReadyError, probe
from edgecnn.devices.setup.protocol import Board
from edgecnn.devices.setup.set_up import contents, own_advice

LITTLE_DISK_BYTES = 50_000_000
"""Models of tens of megabytes are copied to the home folder."""


@dataclass(frozen=True)
class CheckedItem:
    """One thing that was looked at on a device.

    Attributes:
        name: ``"system"``, ``"python"``, ``"runtime"`` or ``"disk"``.
        ok: Whether it is as it must be.
        text: What was found.
        advice: What to do; empty where there is nothing to do.
    """

    name: str
    ok: bool
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Readiness:
    """What was found on a device.

    Args:
        device: What the user calls the device.
        items: What was looked at.
        board: What the device is; None where it could not tell.

    Example:
        >>> found = check(connection)
        >>> found.ready, [item.name for item in found.items]
        (True, ['system', 'python', 'runtime', 'disk'])
    """

    device: str
    items: tuple[CheckedItem, ...]
    board: Board | None

    @property
    def ready(self) -> bool:
        """Whether models can run there."""
        return all(item.ok for item in self.items)

    def as_json(self) -> dict[str, Any]:
        """Return what was found as plain values for JSON."""
        items = [asdict(item) for item in self.items]
        board = (
            {**asdict(self.board), "architecture": self.board.architecture} if self.board else {}
        )
        return {"device": self.device, "ready": self.ready, "checks": items, "facts": board}


def check(connection: Shell, own: str | None = None) -> Readiness:
    """Look at a device, and change nothing there.

    Args:
        connection: Runs commands there.
        own: A Python there that is to have a runtime, instead of what ``set_up`` makes.

    Raises:
        DeviceError: The device cannot be asked.

    Example:
        >>> check(connection).ready
        True
    """
    try:
        board = probe(connection, own=own)
    except NotReadyError as error:
        said, _, advice = str(error).partition("; ")
        return Readiness(connection.name, (CheckedItem("python", False, said, advice),), None)
    items = [_system(board), _interpreter(board)]
    if all(item.ok for item in items):
        items.append(runtime_item(board, connection.name, own))
    items.append(_disk(board))
    return Readiness(connection.name, tuple(items), board)


def _system(board: Board) -> CheckedItem:
    """Look at the processor and the system."""
    try:
        refuse(board)
    except NotReadyError as error:
        return CheckedItem("system", False, board.description, str(error))
    return CheckedItem("system", True, f"{board.description} ({board.architecture})")


def _interpreter(board: Board) -> CheckedItem:
    """Look at the Pythons."""
    found = ", ".join(f"{one.full_number} ({one.path})" for one in board.pythons) or "none"
    try:
        plans(board)
    except NotReadyError as error:
        return CheckedItem("python", False, found, str(error))
    return CheckedItem("python", True, found)


def runtime_item(board: Board, name: str, own: str | None) -> CheckedItem:
    """Look at the runtime that was set up."""
    venv, advice = board.venv, f"run: edgecnn devices setup {shlex.quote(name)}"
    if venv.ready:
        return CheckedItem("runtime", True, contents(venv))
    possible = plans(board)
    if own:
        advice = own_advice(own)
    elif not any(map(is_published, possible)):
        advice = (
            f"{no_wheel(possible[0], possible[0].runtime, [])}, or give setup a --wheels folder"
        )
    return CheckedItem("runtime", False, str(venv.error), advice)


def _disk(board: Board) -> CheckedItem:
    """Look at the room for models."""
    text = f"{board.free_bytes / MB:,.0f} MB free in the home folder"
    ok = board.free_bytes >= LITTLE_DISK_BYTES
    return CheckedItem("disk", ok, text, "" if ok else "free some: models are copied there")

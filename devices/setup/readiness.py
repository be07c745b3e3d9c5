"""Says whether a device is ready to run models, item by item, and what to do where it is not."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from edgecnn.devices.setup.installing import MB
from edgecnn.devices.setup.probe import Board, NotReadyError, Shell, probe
from edgecnn.devices.setup.runtimes import no_wheel, plans, published, refuse
from edgecnn.devices.setup.setup import contents, own_advice

LITTLE_BYTES = 50_000_000


@dataclass(frozen=True)
class Item:
    """One thing that was looked at.

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

    Example:
        >>> found = check(connection)
        >>> found.ready, [item.name for item in found.items]
        (True, ['system', 'python', 'runtime', 'disk'])
    """

    device: str
    items: tuple[Item, ...]
    board: Board | None

    @property
    def ready(self) -> bool:
        """Whether models can run there."""
        return all(item.ok for item in self.items)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
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
        return Readiness(connection.name, (Item("python", False, said, advice),), None)
    items = [system(board), interpreter(board)]
    if all(item.ok for item in items):
        items.append(runtime(board, connection.name, own))
    items.append(disk(board))
    return Readiness(connection.name, tuple(items), board)


def system(board: Board) -> Item:
    """Look at the processor and the system."""
    try:
        refuse(board)
    except NotReadyError as error:
        return Item("system", False, board.description, str(error))
    return Item("system", True, f"{board.description} ({board.architecture})")


def interpreter(board: Board) -> Item:
    """Look at the Pythons."""
    found = ", ".join(f"{one.full_number} ({one.path})" for one in board.pythons) or "none"
    try:
        plans(board)
    except NotReadyError as error:
        return Item("python", False, found, str(error))
    return Item("python", True, found)


def runtime(board: Board, name: str, own: str | None) -> Item:
    """Look at what was set up."""
    venv, advice = board.venv, f"run: edgecnn devices setup {shlex.quote(name)}"
    if venv.ready:
        return Item("runtime", True, contents(venv))
    possible = plans(board)
    if own:
        advice = own_advice(own)
    elif not any(map(published, possible)):
        advice = (
            f"{no_wheel(possible[0], possible[0].runtime, [])}, or give setup a --wheels folder"
        )
    return Item("runtime", False, str(venv.error), advice)


def disk(board: Board) -> Item:
    """Look at the room for models."""
    text = f"{board.free_bytes / MB:,.0f} MB free in the home folder"
    ok = board.free_bytes >= LITTLE_BYTES
    return Item("disk", ok, text, "" if ok else "free some: models are copied there")

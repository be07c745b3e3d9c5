"""What runs on an emulated board, seen from the host."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BoardProcess:
    """A process on a board: its number on the host and on the board, and what was started."""

    pid: int
    board_pid: int
    command: tuple[str, ...]

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def board_of(pid: int) -> Path:
    """Return what tells the processes of one board from all others: their process namespace."""
    return Path(f"/proc/{pid}/ns/pid").readlink()


def processes_on(board: Path) -> list[BoardProcess]:
    """Return all processes of a board that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):  # it ended while we looked
            if (entry / "ns/pid").readlink() == board:
                found.append(_describe(entry))
    return found


def _describe(entry: Path) -> BoardProcess:
    arguments = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    if arguments == [b""]:
        raise ValueError("a process that has ended and not been asked about has no command")
    if b"qemu" in arguments[0]:  # qemu's own name and the program's path stand before
        arguments = [arguments[1], *arguments[3:]]
    status = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines())
    numbers = status["NSpid"].split()
    command = tuple(argument.decode(errors="replace") for argument in arguments)
    return BoardProcess(int(numbers[0]), int(numbers[-1]), command)

"""What a device is, as seen from here: a program there looks, this asks it and reads the answer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from edgecnn.core.errors import DeviceError
from edgecnn.core.messages import FrameHead, MessageError, from_frame, to_frame
from edgecnn.devices.connection import FinishedCommand, Shell
from edgecnn.devices.setup.protocol import (
    Board,
    InstallRuntime,
    ProbeDevice,
    RuntimeState,
    SetupFailed,
)
from edgecnn.runner.bundle import SHARED, script_of

SETUP_PROGRAM = (
    *SHARED,
    "edgecnn.runner.ondevice.system",
    "edgecnn.runner.ondevice.lock",
    "edgecnn.devices.setup.protocol",
    "edgecnn.devices.setup.ondevice.program",
)
RUNTIME_FACTS = ("edgecnn.core.errors", "edgecnn.runner.ondevice.runtime")
PYTHON_DESCRIPTION = ("edgecnn.devices.setup.ondevice.python_description",)
"""Modules of three programs that run on a device, the last of which has ``main()``."""

OLDEST_PYTHON = (3, 9)
"""The oldest Python that the runner works with."""

PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(14, 8, -1)))
"""Names to look for; the system's own comes first: what apt installs for Python is for that one."""

PROBE_TIMEOUT_S = 180.0
NO_COMMAND = 127

Answer = TypeVar("Answer", Board, RuntimeState)


class NotReadyError(DeviceError):
    """A device answers, and lacks what models need: the message says what, and what to do."""


@contextmanager
def named_device(name: str) -> Iterator[None]:
    """Put the device's name before what a NotReadyError of the block says."""
    try:
        yield
    except NotReadyError as error:
        named = NotReadyError(f"{name}: {error}")
        named.add_debug(error.debug_text)
        raise named from error


def probe(connection: Shell, python: str | None = None, own: str | None = None) -> Board:
    """Ask a device what it is.

    Args:
        connection: Runs commands on the device.
        python: The only Python to look at, by path; None looks for those that there are.
        own: A Python that is to have a runtime instead of the environment that ``setup`` makes.

    Raises:
        NotReadyError: The device has no Python that could answer.

    Example:
        >>> probe(connection).venv.ready
        False
    """
    names = (python,) if python else PYTHONS
    request = ProbeDevice(names, own, script_of(PYTHON_DESCRIPTION).decode(), runtime_facts())
    answer = ask(connection, names, request, Board, PROBE_TIMEOUT_S)
    if isinstance(answer, SetupFailed):
        raise NotReadyError(f"the device cannot be looked at: {answer.message}")
    return answer


def runtime_facts() -> str:
    """Return a script that describes the runtime of the Python that runs it."""
    return script_of(RUNTIME_FACTS).decode()


def ask(
    connection: Shell,
    pythons: Sequence[str],
    request: ProbeDevice | InstallRuntime,
    kind: type[Answer],
    timeout_s: float,
) -> Answer | SetupFailed:
    """Run the set-up program on a device, and return its answer.

    Args:
        connection: Runs commands on the device.
        pythons: Names or paths; the first one that there is runs the program.
        request: What to do.
        kind: The class of the answer.
        timeout_s: Seconds it may take.

    Raises:
        NotReadyError: None of the Pythons is there, or it gave no answer.
    """
    names = " ".join(map(path_word, pythons))
    found = f'for p in {names}; do command -v "$p" >/dev/null && exec "$p" -I - "$@"; done'
    argument = to_frame(request).head().decode()
    command = ["sh", "-c", f"{found}; exit {NO_COMMAND}", "sh", argument]
    done = connection.run(command, stdin=script_of(SETUP_PROGRAM), timeout_s=timeout_s)
    if done.status == NO_COMMAND:
        raise NotReadyError(_missing_python(pythons))
    try:
        # A shell may print text at every login; the answer is the last line.
        head = FrameHead.parse(done.stdout.splitlines()[-1])
        return from_frame(head.frame(b""), kind, SetupFailed)
    except (IndexError, MessageError):
        raise _no_answer(done) from None


def path_word(name: str) -> str:
    """Quote a path for a shell, but let ``~/`` stand for the home folder."""
    return '"$HOME"/' + shlex.quote(name[2:]) if name.startswith("~/") else shlex.quote(name)


def lines_of(output: bytes) -> list[str]:
    """Return the lines of a command's output that say something."""
    text = output.decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _missing_python(names: Sequence[str]) -> str:
    """Say what to do where there is none of these Pythons."""
    if len(names) == 1:
        return f"there is no {names[0]} on the device: name another Python, or none to look for it"
    return "there is no Python; on the device, run: sudo apt install python3"


def _no_answer(done: FinishedCommand) -> NotReadyError:
    """Make the error for a Python that ended without an answer."""
    lines = lines_of(done.stderr)
    if lines and lines[-1].startswith("SyntaxError"):
        return NotReadyError("the device's Python is too old: 3.9 or later is needed")
    reason = lines[-1] if lines else f"exit status {done.status}"
    error = NotReadyError(f"the device's Python gives no answer: {reason}")
    error.add_debug("\n".join(lines))
    return error

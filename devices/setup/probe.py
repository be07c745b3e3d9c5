"""Asking a device what it is: a program runs there, and its answer is read here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from edgecnn.core.errors import MESSAGE_CHARACTERS, DeviceError
from edgecnn.core.messages import FrameHead, MessageError, from_frame, to_frame
from edgecnn.devices.connection import FinishedCommand, Shell
from edgecnn.devices.setup.answers import checked_answer
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
"""Modules of the program that looks at a device or sets it up; the last one has ``main()``."""

RUNTIME_FACTS = ("edgecnn.core.errors", "edgecnn.runner.ondevice.runtime")
"""Modules of the program that describes the runtime of a Python; the last one has ``main()``."""

PYTHON_DESCRIPTION = ("edgecnn.devices.setup.ondevice.python_description",)
"""Module of the program that describes a Python; it has ``main()``."""

OLDEST_PYTHON = (3, 9)
"""The oldest Python that the runner works with."""

PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(14, 8, -1)))
"""Names of Pythons to look for. The system's own comes first, as apt installs packages for it."""

PROBE_TIMEOUT_S = 180.0
STDERR_BYTES = 1 << 16
"""Bytes of the end of standard error in which the reason of a failure is looked for."""

NO_COMMAND = 127

Answer = TypeVar("Answer", Board, RuntimeState)


class NotReadyError(DeviceError):
    """A device lacks what models need; the message says what is missing, and what to do."""


@contextmanager
def named_device(name: str) -> Iterator[None]:
    """Put the device's name before the message of a NotReadyError that the block raises."""
    try:
        yield
    except NotReadyError as error:
        named = NotReadyError(f"{name}: {error}")
        named.add_debug(error.debug_text)
        raise named from error


def probe(connection: Shell, python: str | None = None, own_python: str | None = None) -> Board:
    """Ask a device what it is.

    Args:
        connection: Runs commands on the device.
        python: Path of the only Python to look at; None looks for all Pythons.
        own_python: The Python that is to have a runtime, by path; None for the environment that
            ``setup`` makes.

    Raises:
        NotReadyError: The device has no Python that could answer.

    Example:
        >>> probe(connection).venv.ready
        False
    """
    names = (python,) if python else PYTHONS
    request = ProbeDevice(
        names, own_python, script_of(PYTHON_DESCRIPTION).decode(), runtime_facts()
    )
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
        pythons: Names or paths of Pythons; the first that the device has runs the program.
        request: Message that says what to do.
        kind: Class of the answer.
        timeout_s: Seconds that the program may take.

    Raises:
        NotReadyError: The device has none of the Pythons, or the program gave no answer.
        DeviceError: The program was not done in time, or its answer cannot be right.
    """
    names = " ".join(map(path_word, pythons))
    script = f'for p in {names}; do command -v "$p" >/dev/null && exec "$p" -I - "$@"; done'
    argument = to_frame(request).head().decode()
    command = ["sh", "-c", f"{script}; exit {NO_COMMAND}", "sh", argument]
    task = "being looked at" if kind is Board else "being set up"
    program = script_of(SETUP_PROGRAM)
    done = connection.run(command, stdin=program, timeout_s=timeout_s, task=task)
    if done.status == NO_COMMAND:
        raise NotReadyError(_missing_python(pythons))
    try:
        # A shell may print text at every login; the answer is the last line.
        head = FrameHead.parse(done.stdout.splitlines()[-1])
    except (IndexError, MessageError):
        raise _no_answer(done) from None
    try:
        return checked_answer(from_frame(head.frame(b""), kind, SetupFailed))
    except MessageError as error:
        raise DeviceError(f"{connection.name}: {task}: a wrong answer: {error}") from error


def path_word(name: str) -> str:
    """Return a path quoted for a shell, in which ``~/`` still stands for the home folder."""
    return '"$HOME"/' + shlex.quote(name[2:]) if name.startswith("~/") else shlex.quote(name)


def lines_of(output: bytes) -> list[str]:
    """Return the lines of a command's output that are not blank."""
    text = output.decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _missing_python(names: Sequence[str]) -> str:
    """Return what to do where the device has none of these Pythons."""
    if len(names) == 1:
        return f"there is no {names[0]} on the device: name another Python, or none to look for it"
    return "there is no Python; on the device, run: sudo apt install python3"


def _no_answer(done: FinishedCommand) -> NotReadyError:
    """Return the error for a Python that ended without an answer."""
    lines = lines_of(done.stderr[-STDERR_BYTES:])
    if lines and lines[-1].startswith("SyntaxError"):
        return NotReadyError("the device's Python is too old: 3.9 or later is needed")
    reason = lines[-1][:MESSAGE_CHARACTERS] if lines else f"exit status {done.status}"
    error = NotReadyError(f"the device's Python gives no answer: {reason}")
    error.add_debug("\n".join(lines))
    return error

"""What a device is, as seen from here: ``onboard.py`` looks, this asks it and reads the answer."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgecnn.core.errors import DeviceError

Facts = dict[str, Any]

ONBOARD = Path(__file__).with_name("onboard.py")
OLDEST = (3, 9)
"""The oldest Python that the runner works with."""

# The system's own first: what apt installs for Python is for that one.
PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(14, 8, -1)))
PROBE_TIMEOUT_S = 180.0
NO_COMMAND = 127


class NotReadyError(DeviceError):
    """A device answers, and lacks what models need: the message says what, and what to do."""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the device's name before what a NotReadyError says."""
    try:
        yield
    except NotReadyError as error:
        named = NotReadyError(f"{name}: {error}")
        named.add_debug(error.debug_text)
        raise named from error


class Shell(Protocol):
    """What is needed of a connection: to run a command and to copy a file."""

    name: str

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0) -> Any:
        """Run a command; its status, stdout and stderr."""

    def upload(self, local: Path, remote: str, on_progress: Any = None) -> None:
        """Copy a file into the home folder or below it."""


@dataclass(frozen=True)
class Python:
    """A Python on a device; ``numpy`` is the version it has without a virtual environment."""

    path: str
    version: tuple[int, int, int]
    abi: str
    implementation: str
    bits: int
    venv: bool
    numpy: str | None

    @property
    def number(self) -> str:
        """``"3.11"``."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def full_number(self) -> str:
        """``"3.11.2"``."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Environment:
    """Where models are run on a device; without an ``error`` they can be."""

    exists: bool
    error: str | None = None
    python: str | None = None
    runtime: str | None = None
    version: str | None = None
    numpy: str | None = None

    @property
    def ready(self) -> bool:
        """Whether models can run in it."""
        return self.error is None


@dataclass(frozen=True)
class Board:
    """What a device is and has.

    Example:
        >>> board = probe(connection)
        >>> board.architecture, board.pythons[0].full_number
        ('aarch64', '3.11.2')
    """

    model: str | None
    os: str | None
    machine: str
    dpkg: str | None
    glibc: str | None
    free_bytes: int
    pythons: tuple[Python, ...]
    venv: Environment

    @property
    def architecture(self) -> str:
        """What programs are made for here, as wheels name it: aarch64, armv7l, armv6l, x86_64.

        The kernel's word is not enough: a Raspberry Pi OS of 32 bits runs on a kernel of 64 bits
        where the board has one, and says aarch64. Python's own width tells them apart.
        """
        bits = self.pythons[0].bits if self.pythons else (32 if self.dpkg == "armhf" else 64)
        if bits == 64:
            return {"arm64": "aarch64", "amd64": "x86_64"}.get(self.machine, self.machine)
        if self.machine in ("aarch64", "armv8l"):
            return "armv7l"
        return "i686" if self.machine == "x86_64" else self.machine

    @property
    def description(self) -> str:
        """``"Raspberry Pi 5 Model B Rev 1.0, Debian GNU/Linux 12 (bookworm), 64 bits"``."""
        bits = f"{self.pythons[0].bits} bits" if self.pythons else self.machine
        return ", ".join(filter(None, (self.model, self.os, bits)))


def probe(connection: Shell, python: str | None = None, own: str | None = None) -> Board:
    """Ask a device what it is.

    Args:
        connection: Runs commands there.
        python: The only Python to look at, by path; None looks for those that there are.
        own: A Python that is to have a runtime instead of the environment that ``setup`` makes.

    Raises:
        NotReadyError: There is no Python that could answer.

    Example:
        >>> probe(connection).venv.ready
        False
    """
    names = [python] if python else list(PYTHONS)
    request = {"pythons": names, "own": own}
    answer = ask(connection, names, "probe", request, timeout_s=PROBE_TIMEOUT_S)
    return read(answer)


def read(answer: Facts) -> Board:
    """Make a Board of what ``onboard.py`` answers."""
    pythons = tuple(
        Python(**{**one, "version": tuple(one["version"])}) for one in answer["pythons"]
    )
    venv = Environment(**answer["venv"])
    return Board(**{**answer, "pythons": pythons, "venv": venv})


def ask(
    connection: Shell, pythons: Sequence[str], verb: str, request: Facts, *, timeout_s: float
) -> Facts:
    """Run a verb of ``onboard.py`` with the first of these Pythons, and return its answer.

    Raises:
        NotReadyError: None of them is there, or it gave no answer.
    """
    names = " ".join(path_word(name) for name in pythons)
    found = f'for p in {names}; do command -v "$p" >/dev/null && exec "$p" -I - "$@"; done'
    command = ["sh", "-c", f"{found}; exit {NO_COMMAND}", "sh", verb, json.dumps(request)]
    done = connection.run(command, stdin=ONBOARD.read_bytes(), timeout_s=timeout_s)
    if done.status == NO_COMMAND:
        raise NotReadyError(missing_python(pythons))
    try:
        answer = json.loads(text_of(done.stdout).splitlines()[-1])
    except (ValueError, IndexError):
        raise no_answer(done) from None
    if not isinstance(answer, dict):
        raise no_answer(done)
    return answer


def missing_python(names: Sequence[str]) -> str:
    """Say what to do where there is none of these Pythons."""
    if len(names) == 1:
        return f"there is no {names[0]} on the device: name another Python, or none to look for it"
    return "there is no Python; on the device, run: sudo apt install python3"


def no_answer(done: Any) -> NotReadyError:
    """Make the error for a Python that ended without an answer."""
    lines = lines_of(done.stderr)
    if lines and lines[-1].startswith("SyntaxError"):
        return NotReadyError("the device's Python is too old: 3.9 or later is needed")
    reason = lines[-1] if lines else f"exit status {done.status}"
    error = NotReadyError(f"the device's Python gives no answer: {reason}")
    error.add_debug("\n".join(lines))
    return error


def path_word(name: str) -> str:
    """Quote a path for a shell, but let ``~/`` stand for the home folder."""
    return '"$HOME"/' + shlex.quote(name[2:]) if name.startswith("~/") else shlex.quote(name)


def lines_of(output: bytes | str) -> list[str]:
    """Return the lines of a command's output that say something."""
    return [line.strip() for line in text_of(output).splitlines() if line.strip()]


def text_of(output: bytes | str) -> str:
    """Return a command's output as text."""
    return output if isinstance(output, str) else output.decode(errors="replace")

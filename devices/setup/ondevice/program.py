"""Looks at a device, or puts a TFLite runtime there.

The program runs as ``python3 - JSON`` with its source on standard input, and answers with one line
of JSON; :mod:`edgecnn.devices.setup.protocol` has the messages. It uses the standard library alone
and the grammar of Python 3.7, so that a Python too old for a runtime answers, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.json_text import json_value
from edgecnn.core.messages import Frame, build, from_frame, to_frame
from edgecnn.core.platform_support import glibc_version
from edgecnn.devices.setup.protocol import (
    Board,
    DevicePython,
    InstallRuntime,
    ProbeDevice,
    RuntimeState,
    SetupFailed,
)
from edgecnn.runner.ondevice.lock import LOCK, ROOT, DeviceLock
from edgecnn.runner.ondevice.system import os_name, output_of, tree_text

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path.home()
VENV, NEW_VENV, OLD_VENV = (HOME / ROOT / name for name in ("venv", "venv.new", "venv.old"))
BIN_PYTHON = "bin/python"
HOLDER = "edgecnn devices setup"
TOKEN = "-"
"""Token in the device's lock: a run knows its own earlier process by one, set-up needs none."""

PYTHON_TIMEOUT_S = 60.0
IMPORT_TIMEOUT_S = 120.0
"""A board of 32 bits with a slow card imports numpy and a runtime for half a minute."""


class FailureError(Exception):
    """Ends the work, with a reason that the host knows and a message of the device."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message)
        self.reason = reason


def probe(request: ProbeDevice) -> Board:
    """Return what this device is, which Pythons it has, and what is set up."""
    own = request.own_python
    return Board(
        model=tree_text("model"),
        os=os_name(),
        machine=platform.machine(),
        dpkg=output_of(["dpkg", "--print-architecture"]),
        glibc=glibc_version(),
        free_bytes=shutil.disk_usage(str(HOME)).free,
        pythons=tuple(_pythons(request)),
        venv=_state_of(own or str(VENV / BIN_PYTHON), request.runtime_facts, is_own=bool(own)),
    )


def install(request: InstallRuntime) -> RuntimeState:
    """Unpack a runtime into a new virtual environment, try it, and put it in the old one's place.

    Until the last step the new environment stands beside the old one: an installation that a full
    disk or a power failure interrupts leaves the device as it was.
    """
    with _removing(request.archive), _only_one():
        shutil.rmtree(str(NEW_VENV), ignore_errors=True)  # left by a run that was interrupted
        try:
            _make_venv(request.python, request.system_packages, NEW_VENV)
            site = next(NEW_VENV.glob("lib/python*/site-packages"))
            if request.archive is None:
                _fetch(request.python, request.requirements, site)
            else:
                _unpack(HOME / request.archive, site)
            state = _state_of(str(NEW_VENV / BIN_PYTHON), request.runtime_facts)
            if state.error:
                raise FailureError("runtime", state.error)
            _replace(VENV, NEW_VENV)
        finally:
            shutil.rmtree(str(NEW_VENV), ignore_errors=True)
    return state


@contextlib.contextmanager
def _removing(archive: str | None) -> Iterator[None]:
    """Remove the archive that was sent for this work alone, however the work ends."""
    try:
        yield
    finally:
        if archive is not None:
            with contextlib.suppress(OSError):
                (HOME / archive).unlink()


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Refuse to work while a model runs here or another set-up goes on."""
    with DeviceLock(HOME / LOCK) as lock:
        if not lock.take(TOKEN, HOLDER):
            raise FailureError("busy", lock.holder())
        yield


def _make_venv(python: str, system_packages: bool, folder: Path) -> None:
    """Make a virtual environment without pip: nothing is installed from inside of it."""
    options = ["--without-pip"] + (["--system-site-packages"] if system_packages else [])
    done = subprocess.run(
        [python, "-I", "-m", "venv", *options, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace")
        reason = "disk" if os.strerror(errno.ENOSPC) in output else "venv"
        raise FailureError(reason, _last_line(output))


def _fetch(python: str, requirements: tuple[str, ...], site: Path) -> None:
    """Have the system's pip install packages into a folder, from where it is set up to look."""
    if output_of([python, "-m", "pip", "--version"], PYTHON_TIMEOUT_S) is None:
        raise FailureError("no pip")
    options = ["--quiet", "--no-deps", "--no-user", "--only-binary=:all:", f"--target={site}"]
    done = subprocess.run(
        [python, "-m", "pip", "install", *options, *requirements],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        output = done.stderr.decode(errors="replace")
        errors = [line[7:] for line in output.splitlines() if line.startswith("ERROR: ")]
        reason = "disk" if os.strerror(errno.ENOSPC) in output else "pip"
        raise FailureError(reason, _last_line("\n".join(errors) or output))


def _unpack(archive: Path, site: Path) -> None:
    """Unpack the packages to where the environment's Python looks for them."""
    try:
        with tarfile.open(str(archive)) as packed:
            # Without a filter Python 3.12 and 3.13 warn; Python 3.9.2 has none.
            packed.extraction_filter = getattr(tarfile, "data_filter", None)
            packed.extractall(str(site))  # made by edgecnn itself, on the user's own machine
    except (tarfile.TarError, EOFError) as error:
        raise FailureError("archive", str(error)) from error


def _replace(old: Path, new: Path) -> None:
    """Put the new environment in the old one's place; its bin/python works in any folder."""
    shutil.rmtree(str(OLD_VENV), ignore_errors=True)
    if old.exists() or old.is_symlink():
        old.rename(OLD_VENV)
    new.rename(old)
    shutil.rmtree(str(OLD_VENV), ignore_errors=True)


def _pythons(request: ProbeDevice) -> Iterator[DevicePython]:
    """Describe the Pythons that were asked for, each once, in this order."""
    seen = set()
    for name in request.pythons:
        path = _path_of(name)
        if path is None or os.path.realpath(path) in seen:
            continue
        description = output_of([path, "-s", "-c", request.python_description], PYTHON_TIMEOUT_S)
        if description:
            seen.add(os.path.realpath(path))
            yield build(DevicePython, {**json_value(description), "path": path}, path)


def _state_of(name: str, runtime_facts: str, *, is_own: bool = False) -> RuntimeState:
    """Return which runtime a Python has, or why the Python cannot be used.

    Args:
        name: Name or path of the Python.
        runtime_facts: A script that describes the runtime of the Python that runs it.
        is_own: Whether the Python is one of the user's own; then packages count that the user
            installed in the home folder for every Python.
    """
    python = _path_of(name)
    if python is None:
        begun = VENV.exists() or NEW_VENV.exists()
        return RuntimeState(begun, "an earlier setup did not end" if begun else "not set up")
    try:
        done = subprocess.run(
            [python, *([] if is_own else ["-s"]), "-c", runtime_facts],
            capture_output=True,
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
        lines = done.stdout.decode(errors="replace").splitlines()
        return build(RuntimeState, {**json_value(lines[-1]), "exists": True}, python)
    except subprocess.TimeoutExpired:
        return RuntimeState(True, "the runtime does not answer")
    except OSError as error:
        return RuntimeState(True, f"its Python does not start: {error.strerror}")
    except (ValueError, IndexError):
        return RuntimeState(True, _ending(done))


def _path_of(name: str) -> str | None:
    """Return the path of a program, where ``~`` stands for the home folder; None without it."""
    return shutil.which(os.path.expanduser(name))  # noqa: PTH111 (a name must stay a name)


def _ending(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return how a process without an answer ended."""
    if done.returncode < 0:
        return f"the runtime crashes ({signal.Signals(-done.returncode).name})"
    said = _last_line(done.stderr.decode(errors="replace"))
    return said or f"its Python ends with status {done.returncode}"


def _last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def main() -> None:
    """Do what the command line's message asks for; the answer is one line whatever happens."""
    request = from_frame(Frame(json_value(sys.argv[1])), ProbeDevice, InstallRuntime)
    answer: object
    try:
        answer = probe(request) if isinstance(request, ProbeDevice) else install(request)
    except FailureError as failure:
        answer = SetupFailed(failure.reason, str(failure))
    except OSError as error:
        reason = "disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "os"
        answer = SetupFailed(reason, error.strerror or str(error))
    print(to_frame(answer).head().decode(), end="")

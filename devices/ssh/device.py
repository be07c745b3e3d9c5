"""A machine that is reached over SSH, as a device: a Raspberry Pi."""

from __future__ import annotations

import getpass
import os
import posixpath
import shlex
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from edgecnn.core.errors import ConnectionLostError, DeviceError, EdgecnnError
from edgecnn.core.files import sha256_of
from edgecnn.devices.address import Address
from edgecnn.devices.ssh import guard
from edgecnn.devices.ssh.connection import ROOT, Connection
from edgecnn.devices.ssh.resuming import ResumingTransport
from edgecnn.devices.ssh.transport import CommandMissingError
from edgecnn.runner import runner
from edgecnn.runner.session import RunnerSession, Transport

Result = TypeVar("Result")
OnBytes = Callable[[int, int], None]

VENV_PYTHON = f"{ROOT}/venv/bin/python"
RECONNECT_AFTER_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses before each try to reach a device again that was cut off."""

OWN_LOCK_WAIT_S = guard.SILENCE_S + 5
"""A run that was cut off may still hold the lock for so long, until the device notices."""


class Ssh:
    """A device over SSH; it is locked, and what is needed is there, while the ``with`` block lasts.

    Args:
        name: What users and records call it.
        address: Where it is.
        ask_password: Given a question, returns the password; None where nobody can be asked.

    Raises:
        DeviceError: It cannot be reached or used, or someone else uses it.

    Example:
        >>> with Ssh("pi", Address.parse("pi@raspberrypi.local")) as device:
        ...     model = device.place(Path("a.tflite"))
        ...     with device.start("running 'a.tflite'") as session:
        ...         session.load(model, threads=1)
    """

    def __init__(
        self, name: str, address: Address, ask_password: Callable[[str], str] | None = None
    ) -> None:
        self._name = name
        self._connection = Connection(address, name, ask_password)
        self._token = uuid.uuid4().hex
        self._closed = False
        self._opened = 0
        self._guard = self._runner = ""
        self._placed: set[str] = set()
        self._lock: Transport | None = None

    @property
    def name(self) -> str:
        """What users and records call it."""
        return self._name

    def __enter__(self) -> Ssh:
        """Connect and lock the device."""
        try:
            try:
                self._open()
            except ConnectionLostError as error:
                self._restore(error)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the device free."""
        self.close()

    def close(self) -> None:
        """Give the device free; whatever runs there over this connection ends. Any thread may."""
        self._closed = True
        self._connection.close()

    def place(self, model: Path, on_progress: OnBytes | None = None) -> str:
        """Upload a file unless it is there already, and return its path on the device."""
        return self._persisting(lambda: self._upload(model, "files", on_progress))

    def most_runners(self, threads: int) -> int:
        """Return 1: images wait for the way there, and a board has memory for one."""
        return 1

    def start(self, task: str) -> RunnerSession:
        """Start a runner there; it goes on after the connection was cut."""
        started_on = 0

        def start() -> Transport:
            nonlocal started_on
            started_on = self._opened
            command = [*self._python, self._guard, "run", self._runner]
            return self._connection.start(command, task)

        def restore(lost: ConnectionLostError) -> None:
            # Where another runner had the connection made anew, it must not be cut off again.
            if started_on == self._opened:
                self._restore(lost)

        return RunnerSession(self._persisting(lambda: ResumingTransport(start, restore)))

    @property
    def _python(self) -> list[str]:
        own = self._connection.address.python
        # Programs start in the user's home, and no shell replaces the sign for it. What the user
        # installed beside the environment that was set up must not come before what is in it.
        return [own.removeprefix("~/")] if own else [VENV_PYTHON, "-s"]

    def _open(self) -> None:
        self._connection.open()
        self._guard = self._upload(Path(guard.__file__), "runner")
        self._runner = self._upload(Path(runner.__file__), "runner")
        self._take_lock()
        self._opened += 1

    def _take_lock(self) -> None:
        """Hold the device's lock with a process there, which ends with the connection."""
        command = [*self._python, self._guard, "hold", f"{ROOT}/lock", self._token, _holder()]
        self._lock = self._connection.start([*command, str(OWN_LOCK_WAIT_S)], "locking it")
        try:
            self._lock.receive()
        except CommandMissingError as error:
            raise DeviceError(self._no_python()) from error
        except DeviceError:
            raise
        except EdgecnnError as error:
            raise DeviceError(f"{self._name}: {error}") from error

    def _no_python(self) -> str:
        if own := self._connection.address.python:
            return f"{self._name}: there is no Python at {own!r}: name another with --python"
        setup = f"edgecnn devices setup {shlex.quote(self._name)}"
        return f"{self._name}: it is not set up to run models yet: '{setup}' does that"

    def _upload(self, local: Path, folder: str, on_progress: OnBytes | None = None) -> str:
        remote = posixpath.join(ROOT, folder, sha256_of(local) + local.suffix)
        if remote not in self._placed:
            if not self._connection.is_file(remote, local.stat().st_size):
                self._connection.upload(local, remote, on_progress)
            self._placed.add(remote)
        return remote

    def _persisting(self, work: Callable[[], Result]) -> Result:
        """Do something, again if the connection is cut meanwhile."""
        tries = len(RECONNECT_AFTER_S)
        while True:
            try:
                return work()
            except ConnectionLostError as error:
                tries -= 1
                if not tries:
                    raise
                self._restore(error)

    def _restore(self, lost: ConnectionLostError) -> None:
        """Connect again, a few times; raise what was lost if that does not help."""
        why: EdgecnnError = lost
        for pause in RECONNECT_AFTER_S:
            self._connection.close()
            self._placed.clear()
            time.sleep(pause)
            if self._closed:
                raise DeviceError(f"{self._name}: the measurement was ended") from lost
            try:
                self._open()
                return
            except EdgecnnError as error:
                why = error
        raise DeviceError(f"{lost}, and it is not reached again: {why}") from lost


def _holder() -> str:
    """Say who uses a device, for others who want to."""
    user, host = getpass.getuser(), socket.gethostname()
    return f"{user}@{host} (process {os.getpid()}, since {time.strftime('%H:%M')})"

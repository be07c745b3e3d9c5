"""A device over a connection: it is locked meanwhile, and the runner and models are sent to it."""

from __future__ import annotations

import getpass
import hashlib
import math
import os
import posixpath
import shlex
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edgecnn.core.channel import Channel
from edgecnn.core.errors import ConnectionLostError, DeviceError, EdgecnnError
from edgecnn.core.files import quoted, sha256_of
from edgecnn.devices.connection import CommandMissingError, Connection
from edgecnn.devices.device import Device, OnBytes
from edgecnn.devices.resuming import ResumingChannel
from edgecnn.runner.bundle import RUNNER, zip_of
from edgecnn.runner.ondevice.lock import ROOT
from edgecnn.runner.ondevice.protocol import LockHeld
from edgecnn.runner.session import RunnerSession

Result = TypeVar("Result")

VENV_PYTHON = f"{ROOT}/venv/bin/python"
RECONNECT_AFTER_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses in seconds before each attempt to reach a device again after its connection was cut."""

NOTICED_S = 5.0
"""Seconds in which a device ends what it runs for this machine, once it takes this one for gone."""


class RemoteDevice(Device):
    """A device over a connection; it is locked while the ``with`` block lasts.

    Args:
        connection: The connection, which is not open yet.

    Raises:
        DeviceError: The device cannot be reached or used, or someone else uses it.

    Example:
        >>> with RemoteDevice(connect(parse_address("pi@raspberrypi.local"), "pi")) as device:
        ...     model = device.place(Path("a.tflite"))
        ...     with device.start("running 'a.tflite'") as session:
        ...         session.load(model, threads=1)
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.name)
        self._connection = connection
        self._token = uuid.uuid4().hex
        self._is_closed = False
        self._times_opened = 0
        self._program = ""
        self._placed: set[str] = set()
        self._lock: Channel | None = None

    def __enter__(self) -> RemoteDevice:
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

    def close(self) -> None:
        """Release the device, from any thread; whatever runs there over this connection ends."""
        self._is_closed = True
        self._connection.close()

    @property
    def cuts(self) -> int:
        """How often the connection was made again after a cut."""
        return max(0, self._times_opened - 1)

    def place(self, model: Path, on_progress: OnBytes | None = None) -> str:
        """Upload a file unless the device has it already, and return its path on the device."""
        return self._persisting(lambda: self._place(model, on_progress))

    def most_runners(self, threads: int) -> int:
        """Return 1: the connection is slower than one runner, and a board has memory for one."""
        return 1

    def start(self, task: str) -> RunnerSession:
        """Start a runner on the device; after a cut of the connection it is started again."""
        started_on = 0

        def start() -> Channel:
            nonlocal started_on
            started_on = self._times_opened
            return self._start("run", task=task)

        def restore(lost: ConnectionLostError) -> None:
            # Another runner may have restored the connection: it must not be closed again.
            if started_on == self._times_opened:
                self._restore(lost)

        channel = self._persisting(lambda: ResumingChannel(start, restore))
        return RunnerSession(channel, self.name, self.patience)

    @property
    def _python(self) -> list[str]:
        own = self._connection.address.python
        # Programs start in the user's home, and no shell replaces "~". With -s, packages that the
        # user installed for every Python do not come before those of the environment.
        return [own.removeprefix("~/")] if own else [VENV_PYTHON, "-s"]

    def _start(self, verb: str, *arguments: str, task: str) -> Channel:
        """Start the program that was sent to the device."""
        silence = str(self._connection.silence_s)
        command = [*self._python, self._program, verb, *arguments, silence]
        return self._connection.start(command, task)

    def _open(self) -> None:
        self._connection.open()
        program = zip_of(RUNNER)
        digest = hashlib.sha256(program).hexdigest()
        remote = posixpath.join(ROOT, "runner", f"{digest}.zip")
        self._program = self._send(remote, len(program), "the runner", lambda: program)
        self._take_lock()
        self._times_opened += 1

    def _take_lock(self) -> None:
        """Have a process on the device hold its lock; the process ends with the connection."""
        silence_s = self._connection.silence_s
        # A run that was cut off may still hold the lock until the device notices.
        wait_s = NOTICED_S + (silence_s if math.isfinite(silence_s) else 0.0)
        try:
            self._lock = self._start("hold", self._token, _holder(), str(wait_s), task="locking it")
            self._lock.receive(LockHeld, timeout_s=wait_s + self.patience.start_s)
        except CommandMissingError as error:
            raise DeviceError(self._no_python()) from error
        except DeviceError:
            raise
        except EdgecnnError as error:
            raise DeviceError(f"{self.name}: {error}") from error

    def _no_python(self) -> str:
        if own := self._connection.address.python:
            return f"{self.name}: there is no Python at {own!r}: name another with --python"
        setup = f"edgecnn devices setup {shlex.quote(self.name)}"
        return f"{self.name}: it is not set up to run models yet: '{setup}' does that"

    def _place(self, model: Path, on_progress: OnBytes | None) -> str:
        remote = posixpath.join(ROOT, "files", sha256_of(model) + model.suffix)
        what, size = quoted(model.name), model.stat().st_size
        return self._send(remote, size, what, model.read_bytes, on_progress)

    def _send(
        self,
        remote: str,
        size: int,
        what: str,
        content: Callable[[], bytes],
        on_progress: OnBytes | None = None,
    ) -> str:
        """Upload a file unless the device has it: the file's name is a hash of its content."""
        if remote not in self._placed:
            if not self._connection.is_file(remote, size):
                self._connection.upload(content(), remote, what, on_progress)
            self._placed.add(remote)
        return remote

    def _persisting(self, work: Callable[[], Result]) -> Result:
        """Return what a function returns; it is called again if the connection is cut meanwhile."""
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
        """Try to connect again, a few times; raise DeviceError if no attempt succeeds."""
        why: EdgecnnError = lost
        for pause in RECONNECT_AFTER_S:
            self._connection.close()
            self._placed.clear()
            time.sleep(pause)
            if self._is_closed:
                raise DeviceError(f"{self.name}: the measurement was ended") from lost
            try:
                self._open()
                return
            except EdgecnnError as error:
                why = error
        raise DeviceError(f"{lost}, and it is not reached again: {why}") from lost


def _holder() -> str:
    """Return who uses the device, for others who find it locked."""
    user, host = getpass.getuser(), socket.gethostname()
    return f"{user}@{host} (process {os.getpid()}, since {time.strftime('%H:%M')})"

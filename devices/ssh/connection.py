"""An SSH connection with plain blocking methods."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import shlex
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgecnn.core.channel import Channel
from edgecnn.core.errors import ConnectionLostError, DeviceError, MissingExtraError
from edgecnn.devices.connection import MAX_OUTPUT_BYTES, FinishedCommand
from edgecnn.devices.device import AskPassword, OnBytes
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection_thread import ConnectionThread
from edgecnn.devices.ssh.process import PIECE_BYTES, SshProcess, exit_of

if TYPE_CHECKING:
    import asyncssh

    from edgecnn.devices.ssh.credentials import Secrets

SILENCE_S = 40.0
"""Seconds after which a device takes this machine for gone: four signs of life did not come."""

STALL_TIMEOUT_S = 300.0
"""Seconds for each 2 MB of an upload, so that 7 kB a second are enough, and for the disk to keep
them; a device that takes longer hangs."""

SECRET_TRIES = 3
CLOSE_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
"""Seconds for looking for a file or starting a program; a device that takes longer hangs."""


class SshConnection:
    """A connection over SSH that lasts as long as the ``with`` block.

    Args:
        address: Address of the device.
        name: What messages call the device.
        ask_password: Given a question, returns a password or the passphrase of a key; None where
            nobody can be asked.

    Raises:
        DeviceError: The connection cannot be made, in one line.
        ConnectionLostError: Every method raises it when the connection was cut.
        MissingExtraError: asyncssh is not installed.

    Example:
        >>> with SshConnection(SshAddress.parse("pi@raspberrypi.local"), "pi") as connection:
        ...     connection.run(["uname", "-m"]).stdout
        b'aarch64\n'
    """

    silence_s = SILENCE_S

    def __init__(
        self, address: SshAddress, name: str, ask_password: AskPassword | None = None
    ) -> None:
        self.address = address
        self.name = name
        self._ask_password = ask_password
        self._secrets: Secrets = {}
        self._own = uuid.uuid4().hex[:8]
        self._thread = ConnectionThread(name)
        self._route: list[asyncssh.SSHClientConnection] = []

    def __enter__(self) -> SshConnection:
        """Connect."""
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        """Disconnect; what was started over this connection ends."""
        self.close()

    def open(self) -> None:
        """Connect, or connect again after :meth:`close`; a secret is asked for only once."""
        try:
            import asyncssh  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("asyncssh", "ssh") from error
        self._thread.start()
        try:
            self._route = self._log_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        route, self._route = self._route, []
        self._thread.stop(_close(route), CLOSE_TIMEOUT_S * len(route) + 1)

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = ANSWER_TIMEOUT_S,
        task: str | None = None,
    ) -> FinishedCommand:
        """Run a program in the user's home and wait for its end.

        Args:
            command: Program and arguments, each taken literally.
            stdin: What the program reads.
            timeout_s: Seconds that the program may take.
            task: What it does, for messages; None for the name of the program.
        """
        work = _run(self.client, shlex.join(command), stdin)
        return self._thread.call(work, task or f"running {command[0]!r}", timeout_s)

    def upload(
        self, content: bytes, remote: str, what: str, on_progress: OnBytes | None = None
    ) -> None:
        """Copy a file to the device, whole or not at all.

        Args:
            content: Content of the file.
            remote: Path of the file on the device; folders are made.
            what: What messages call the file: ``"'a.tflite'"``.
            on_progress: Called with (bytes done, bytes in all).

        Raises:
            DeviceError: The disk there is full, or the user may not write.
        """
        from edgecnn.devices.ssh.sftp import upload

        told: queue.SimpleQueue[int | None] = queue.SimpleQueue()

        async def send() -> None:
            try:
                await upload(self.client, content, remote, self._own, self.name, told.put)
            finally:
                told.put(None)

        def follow() -> None:  # runs in the caller's own thread, as every report of progress does
            try:
                while (done := told.get(timeout=STALL_TIMEOUT_S)) is not None:
                    if on_progress:
                        on_progress(done, len(content))
            except queue.Empty:
                text = f"uploading {what}: nothing was taken for {STALL_TIMEOUT_S:.0f} s"
                raise DeviceError(f"{self.name}: {text}") from None

        self._thread.call(send(), f"uploading {what}", meanwhile=follow)

    def is_file(self, remote: str, size: int) -> bool:
        """Return whether the device has a file of this path and size."""
        from edgecnn.devices.ssh.sftp import has_file

        work = has_file(self.client, remote, size)
        return self._thread.call(work, f"looking for {remote!r}", ANSWER_TIMEOUT_S)

    def start(self, command: Sequence[str], task: str) -> Channel:
        """Start a program in the user's home that answers in messages, as a runner does.

        Args:
            command: Program and arguments, each taken literally.
            task: What the program does, for messages: ``"running 'a.tflite'"``.
        """
        line = shlex.join(command)

        async def begin() -> Any:
            return await self.client.create_process(line, encoding=None)

        process = self._thread.call(begin(), f"starting {command[0]!r}", ANSWER_TIMEOUT_S)
        return SshProcess(self._thread, process, task)

    @property
    def client(self) -> asyncssh.SSHClientConnection:
        """Asyncssh's connection to the device."""
        if not self._route:
            raise ConnectionLostError(f"{self.name}: not connected")
        return self._route[-1]

    def _log_in(self) -> list[asyncssh.SSHClientConnection]:
        """Try all keys and known passwords, then ask for one, in the caller's own thread."""
        from edgecnn.devices.ssh.credentials import SecretWantedError
        from edgecnn.devices.ssh.login import log_in

        asked: Counter[str] = Counter()
        while True:
            try:
                return self._thread.call(
                    log_in(self.address, self.name, self._secrets), "logging in"
                )
            except SecretWantedError as wanted:
                question = wanted.question
                refused = self._secrets.pop(question, None) == ""
                if self._ask_password is None or refused or asked[question] == SECRET_TRIES:
                    raise
                again = "Not accepted, try again. " if asked[question] else ""
                asked[question] += 1
                self._secrets[question] = self._ask_password(f"{again}{question}")


async def _close(route: Sequence[asyncssh.SSHClientConnection]) -> None:
    """Disconnect, from the device first, and end all other tasks of this thread."""
    for connection in reversed(route):
        connection.close()
        try:
            await asyncio.wait_for(connection.wait_closed(), CLOSE_TIMEOUT_S)
        except (asyncio.TimeoutError, OSError):
            connection.abort()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _run(client: asyncssh.SSHClientConnection, line: str, stdin: bytes) -> FinishedCommand:
    """Run a command to its end, with bounds on what it may write."""
    process = await client.create_process(line, encoding=None)
    try:
        # A program that has ended already reads nothing, and its status says how it ended.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin)
            process.stdin.write_eof()
        outputs = await asyncio.gather(_output(process.stdout), _output(process.stderr))
        await process.wait_closed()
        if process.exit_status is None and not process.exit_signal:
            raise BrokenPipeError("the connection ended before the program")
        return FinishedCommand(exit_of(process)[0], *outputs)
    finally:
        process.close()


async def _output(stream: asyncssh.SSHReader[bytes]) -> bytes:
    """Return all that a command writes; it is cut off, and fails, where it writes without end."""
    content = bytearray()
    while piece := await stream.read(PIECE_BYTES):
        content += piece
        if len(content) > MAX_OUTPUT_BYTES:
            raise RuntimeError(f"more than {MAX_OUTPUT_BYTES >> 20} MiB of output came")
    return bytes(content)

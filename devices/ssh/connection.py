"""An SSH connection with plain blocking methods; the protocol runs in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import shlex
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.core.channel import Channel
from edgecnn.core.errors import ConnectionLostError, EdgecnnError, MissingExtraError
from edgecnn.devices.connection import FinishedCommand
from edgecnn.devices.device import AskPassword, OnBytes
from edgecnn.devices.ssh.address import SshAddress

if TYPE_CHECKING:
    import asyncssh

    from edgecnn.devices.ssh.credentials import Secrets

Result = TypeVar("Result")

SILENCE_S = 40.0
"""A device takes this machine for gone after four signs of life that did not come."""

SECRET_TRIES = 3
CLOSE_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
"""A device that takes longer to look for a file or to start a program hangs."""


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
        self._loop: asyncio.AbstractEventLoop | None = None
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
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        try:
            self._route = self._log_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect; doing so twice is no mistake."""
        loop, self._loop = self._loop, None
        route, self._route = self._route, []
        if loop is None:
            return
        closing = asyncio.run_coroutine_threadsafe(_close(route), loop)
        with contextlib.suppress(concurrent.futures.TimeoutError):
            closing.result(CLOSE_TIMEOUT_S * len(route) + 1)
        loop.call_soon_threadsafe(loop.stop)

    def run(
        self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = ANSWER_TIMEOUT_S
    ) -> FinishedCommand:
        """Run a program in the user's home and wait for its end.

        Args:
            command: Program and arguments, each taken literally.
            stdin: What the program reads.
            timeout_s: Seconds it may take.
        """
        from edgecnn.devices.ssh.process import exit_of

        line = shlex.join(command)

        async def run() -> FinishedCommand:
            done = await self.client.run(line, input=stdin, encoding=None)
            return FinishedCommand(exit_of(done)[0], _bytes(done.stdout), _bytes(done.stderr))

        return self.call(run(), f"running {command[0]!r}", timeout_s)

    def upload(
        self, content: bytes, remote: str, what: str, on_progress: OnBytes | None = None
    ) -> None:
        """Copy a file to the device, whole or not at all.

        Args:
            content: The file's content.
            remote: Its path there; folders are made.
            what: What it is, for messages: ``"'a.tflite'"``.
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

        def follow() -> None:  # in the caller's own thread, as every progress is told
            while (done := told.get()) is not None:
                if on_progress:
                    on_progress(done, len(content))

        self.call(send(), f"uploading {what}", meanwhile=follow)

    def is_file(self, remote: str, size: int) -> bool:
        """Say whether there is a file of this size on the device."""
        from edgecnn.devices.ssh.sftp import has_file

        work = has_file(self.client, remote, size)
        return self.call(work, f"looking for {remote!r}", ANSWER_TIMEOUT_S)

    def start(self, command: Sequence[str], task: str) -> Channel:
        """Start a program in the user's home that answers in messages, as a runner does.

        Args:
            command: Program and arguments, each taken literally.
            task: What it does, for messages: ``"running 'a.tflite'"``.
        """
        from edgecnn.devices.ssh.process import SshProcess

        line = shlex.join(command)

        async def begin() -> Any:
            return await self.client.create_process(line, encoding=None)

        process = self.call(begin(), f"starting {command[0]!r}", ANSWER_TIMEOUT_S)
        return SshProcess(self, process, task)

    def call(
        self,
        work: Coroutine[Any, Any, Result],
        doing: str,
        timeout_s: float | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Result:
        """Have the connection's thread do something, and wait for it.

        Args:
            work: What to do there.
            doing: What that is, for messages: ``"uploading 'a.tflite'"``.
            timeout_s: Seconds it may take; None for as long as the connection lives.
            meanwhile: What to do in the caller's thread until it is nearly done.
        """
        from edgecnn.devices.ssh.connection_errors import explained

        if self._loop is None:
            work.close()
            raise ConnectionLostError(f"{self.name}: {doing}: not connected")
        future = asyncio.run_coroutine_threadsafe(_within(work, timeout_s), self._loop)
        try:
            meanwhile()
            return future.result()
        except EdgecnnError:
            raise
        except Exception as error:
            raise explained(error, self.name, doing, timeout_s) from error
        except BaseException:  # Ctrl-C here must not leave the work going on there.
            future.cancel()
            raise

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Have the connection's thread do something meanwhile, without waiting for it."""
        if self._loop is None:
            work.close()
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def client(self) -> asyncssh.SSHClientConnection:
        """Asyncssh's connection to the device."""
        if not self._route:
            raise ConnectionLostError(f"{self.name}: not connected")
        return self._route[-1]

    def _log_in(self) -> list[asyncssh.SSHClientConnection]:
        """Try what there is, then ask: in the caller's own thread, while nothing is connected."""
        from edgecnn.devices.ssh.credentials import SecretWantedError
        from edgecnn.devices.ssh.login import log_in

        asked: Counter[str] = Counter()
        while True:
            try:
                return self.call(log_in(self.address, self.name, self._secrets), "logging in")
            except SecretWantedError as wanted:
                question = wanted.question
                refused = self._secrets.pop(question, None) == ""
                if self._ask_password is None or refused or asked[question] == SECRET_TRIES:
                    raise
                again = "Not accepted, try again. " if asked[question] else ""
                asked[question] += 1
                self._secrets[question] = self._ask_password(f"{again}{question}")


async def _within(work: Coroutine[Any, Any, Result], timeout_s: float | None) -> Result:
    return await asyncio.wait_for(work, timeout_s)


async def _close(route: Sequence[asyncssh.SSHClientConnection]) -> None:
    """Disconnect, from the device first, and end whatever else goes on in this thread."""
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


def _bytes(output: Any) -> bytes:
    return output.encode() if isinstance(output, str) else output or b""

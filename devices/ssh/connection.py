"""An SSH connection with plain blocking methods; the protocol runs in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import posixpath
import queue
import shlex
import stat
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.core.errors import ConnectionLostError, DeviceError, EdgecnnError, MissingExtraError
from edgecnn.devices.address import Address
from edgecnn.runner.session import Transport

if TYPE_CHECKING:
    import asyncssh

    from edgecnn.devices.ssh.secrets import Secrets

Result = TypeVar("Result")

ROOT = ".edgecnn"
"""Folder in the user's home on the device: ``venv/``, ``files/``, ``runner/``, ``lock``."""

SECRET_TRIES = 3
CLOSE_TIMEOUT_S = 5.0
BLOCK = 64 << 10
BLOCKS_AHEAD = 32
"""Blocks on their way while an upload goes on, so that a slow answer does not slow it."""


@dataclass(frozen=True)
class Finished:
    """A program that ended on the device; a signal's status is negative."""

    status: int
    stdout: bytes
    stderr: bytes


class Connection:
    """A connection that lasts as long as the ``with`` block.

    Args:
        address: Where to.
        name: What messages call the device.
        ask_password: Given a question, returns a password or the passphrase of a key; None where
            nobody can be asked.

    Raises:
        DeviceError: It cannot be made, in one line.
        ConnectionLostError: From every method, when it was cut.
        MissingExtraError: asyncssh is not installed.

    Example:
        >>> with Connection(Address.parse("pi@raspberrypi.local"), "pi") as connection:
        ...     connection.run(["uname", "-m"]).stdout
        b'aarch64\\n'
    """

    def __init__(
        self, address: Address, name: str, ask_password: Callable[[str], str] | None = None
    ) -> None:
        self.address = address
        self.name = name
        self._ask_password = ask_password
        self._secrets: Secrets = {}
        self._own = uuid.uuid4().hex[:8]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._route: list[asyncssh.SSHClientConnection] = []

    def __enter__(self) -> Connection:
        """Connect."""
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> Finished:
        """Run a program in the user's home and wait for its end.

        Args:
            command: Program and arguments, each taken literally.
            stdin: What it reads.
            timeout_s: Seconds it may take.
        """
        line = shlex.join(command)

        async def run() -> Finished:
            done = await self._open.run(line, input=stdin, encoding=None)
            return Finished(exit_status(done), _bytes(done.stdout), _bytes(done.stderr))

        return self.call(run(), f"running {command[0]!r}", timeout_s)

    def upload(
        self, local: Path, remote: str, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Copy a file to the device, whole or not at all.

        Args:
            local: The file here.
            remote: Its path there; folders are made.
            on_progress: Told (bytes done, bytes in all).

        Raises:
            DeviceError: The disk there is full, or the user may not write.
        """
        content = local.read_bytes()
        told: queue.SimpleQueue[int | None] = queue.SimpleQueue()

        async def upload() -> None:
            try:
                await self._upload(content, remote, told.put)
            finally:
                told.put(None)

        def follow() -> None:  # in the caller's own thread, as every progress is told
            while (done := told.get()) is not None:
                if on_progress:
                    on_progress(done, len(content))

        self.call(upload(), f"uploading {local.name!r}", meanwhile=follow)

    def is_file(self, remote: str, size: int | None = None) -> bool:
        """Say whether there is such a file on the device, of this size if it is given."""
        return self.call(self._is_file(remote, size), f"looking for {remote!r}", 60.0)

    def start(self, command: Sequence[str], task: str) -> Transport:
        """Start a program that speaks JSON lines, as a runner does.

        Args:
            command: Program and arguments, each taken literally.
            task: What it does, for messages: ``"running 'a.tflite'"``.
        """
        from edgecnn.devices.ssh.transport import SshTransport

        line = shlex.join(command)

        async def begin() -> Any:
            return await self._open.create_process(line, encoding=None)

        return SshTransport(self, self.call(begin(), f"starting {command[0]!r}", 60.0), task)

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
            doing: For messages: ``"uploading 'a.tflite'"``.
            timeout_s: Seconds it may take; None for as long as the connection lives.
            meanwhile: What to do here until it is nearly done.
        """
        from edgecnn.devices.ssh.explain import explained

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
        """Have the connection's thread do something meanwhile."""
        if self._loop is None:
            work.close()
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def _open(self) -> asyncssh.SSHClientConnection:
        if not self._route:
            raise ConnectionLostError(f"{self.name}: not connected")
        return self._route[-1]

    def _log_in(self) -> list[asyncssh.SSHClientConnection]:
        """Try what there is, then ask: in the caller's own thread, while nothing is connected."""
        from edgecnn.devices.ssh.login import log_in
        from edgecnn.devices.ssh.secrets import SecretWanted

        asked: Counter[str] = Counter()
        while True:
            try:
                return self.call(log_in(self.address, self.name, self._secrets), "logging in")
            except SecretWanted as wanted:
                question = wanted.question
                refused = self._secrets.pop(question, None) == ""
                if self._ask_password is None or refused or asked[question] == SECRET_TRIES:
                    raise
                again = "Not accepted, try again. " if asked[question] else ""
                asked[question] += 1
                self._secrets[question] = self._ask_password(f"{again}{question}")

    async def _is_file(self, remote: str, size: int | None) -> bool:
        async with self._open.start_sftp_client() as sftp:
            if not await sftp.isfile(remote):
                return False
            return size is None or await sftp.getsize(remote) == size

    async def _upload(self, content: bytes, remote: str, report: Callable[[int], None]) -> None:
        folder, name = posixpath.split(remote)
        # The same after a cut: what was left is written over, not left behind.
        temporary = posixpath.join(folder, f".{name}.{self._own}.part")
        async with self._open.start_sftp_client() as sftp:
            try:
                await sftp.makedirs(folder, asyncssh_attributes(0o700), exist_ok=True)
                await _write(sftp, temporary, content, report)
                await sftp.posix_rename(temporary, remote)
            except BaseException as error:
                await _remove(sftp, temporary)
                await _say_if_full(sftp, folder, len(content), self.name, error)
                raise


def asyncssh_attributes(permissions: int) -> Any:
    """Return what SFTP calls a new folder's permissions."""
    import asyncssh

    return asyncssh.SFTPAttrs(permissions=stat.S_IFDIR | permissions)


def exit_status(process: Any) -> int:
    """Return a remote process' exit status, negative for a signal as in ``subprocess``."""
    import signal

    if process.exit_signal:
        name = f"SIG{process.exit_signal[0]}"
        return -int(getattr(signal, name, signal.SIGKILL))
    status = process.exit_status
    # A shell in between says 128 and the signal.
    return int(128 - status if status and 128 < status < 160 else status or 0)


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


async def _write(sftp: Any, remote: str, content: bytes, report: Callable[[int], None]) -> None:
    """Write blocks, several at a time, tell as each group is there, and have the disk keep them."""
    import asyncssh

    async with sftp.open(remote, "wb", block_size=BLOCK, max_requests=BLOCKS_AHEAD) as file:
        for begin in range(0, len(content), BLOCK * BLOCKS_AHEAD):
            end = min(len(content), begin + BLOCK * BLOCKS_AHEAD)
            await file.write(content[begin:end], begin)
            report(end)
        # A file has the name of its hash, so after a power failure it must not be empty.
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


async def _remove(sftp: Any, remote: str) -> None:
    import asyncssh

    # Where the connection is gone, the next run clears what was left.
    with contextlib.suppress(OSError, asyncssh.Error, asyncio.TimeoutError):
        await asyncio.wait_for(sftp.remove(remote), CLOSE_TIMEOUT_S)


async def _say_if_full(sftp: Any, folder: str, needed: int, name: str, error: object) -> None:
    """Raise the reason where a write failed for want of space: SFTP itself does not tell."""
    import asyncssh

    if not isinstance(error, asyncssh.SFTPError):
        return
    try:
        space = await sftp.statvfs(folder)
    except (OSError, asyncssh.Error):
        return
    free = space.bavail * space.frsize
    if free < needed:
        raise DeviceError(
            f"{name}: its disk is full: {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB "
            "are free; make room there"
        )


def _bytes(output: Any) -> bytes:
    return output.encode() if isinstance(output, str) else output or b""

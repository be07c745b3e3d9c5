"""A program on a device that answers in messages: ``edgecnn.core.child``, over SSH."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from edgecnn.core.channel import InboxChannel
from edgecnn.core.child import EXIT_TIMEOUT_S, describe_exit
from edgecnn.core.errors import ChildCrashedError, ConnectionLostError, DeviceError, EdgecnnError
from edgecnn.core.messages import Frame, FrameHead
from edgecnn.core.parent_pipe import ALIVE_LINE
from edgecnn.devices.connection import CommandMissingError
from edgecnn.devices.ssh.connection import SshConnection

COMPRESSED_FROM_BYTES = 1024
"""A smaller payload is not worth compressing."""

FAST_LEVEL = 1
"""zlib's level: a network is seldom faster than this, and a higher one is hardly smaller."""

ALIVE_EVERY_S = 10.0
STDERR_LINES = 50
COMMAND_NOT_FOUND = 127
COMMAND_NOT_EXECUTABLE = 126

SHELL_SIGNALS = range(129, 160)
"""Exit statuses by which a shell tells that a signal ended its program: 128 and its number."""

LINUX_SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS",
    8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 31: "SIGSYS",
}  # fmt: skip
"""Signals as Linux numbers them (man 7 signal); this machine may number them otherwise."""


class SshProcess(InboxChannel):
    """Carries messages over a connection; payloads that are large go compressed.

    Args:
        connection: The connection.
        process: The asyncssh process, its streams in bytes.
        task: What it does, for messages.

    Raises:
        ChildCrashedError: ``receive`` and ``send`` raise it when the process died.
        ConnectionLostError: Both raise it when the connection was cut.
        EdgecnnError: ``receive`` raises it when the process reported an error.
    """

    def __init__(self, connection: SshConnection, process: Any, task: str) -> None:
        super().__init__()
        self._connection = connection
        self._process = process
        self.task = task
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        for work in (self._fill_inbox(), self._read_stderr(), self._tell_alive()):
            connection.spawn(work)

    def send_frame(self, frame: Frame) -> None:
        """Write one message as it travels, compressed where that is worth it."""
        frame = frame.shrunk(COMPRESSED_FROM_BYTES, FAST_LEVEL)
        content = frame.head() + bytes(frame.payload or b"")
        try:
            self._connection.call(self._write(content), self.task)
        except ConnectionLostError as error:
            # What the process said last, or how it ended, tells more than a closed pipe.
            while True:
                try:
                    self.receive_frame(EXIT_TIMEOUT_S)
                except ConnectionLostError:
                    raise error from None

    def close(self, *, kill: bool = False) -> None:
        """End the process: close its input and wait for it, or end it at once."""
        with contextlib.suppress(DeviceError):
            self._connection.call(self._close(kill), self.task, EXIT_TIMEOUT_S)

    async def _write(self, content: bytes) -> None:
        self._process.stdin.write(content)
        await self._process.stdin.drain()

    async def _close(self, kill: bool) -> None:
        if kill:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.close()
            return
        self._process.stdin.write_eof()
        await self._process.wait_closed()

    async def _fill_inbox(self) -> None:
        """Fill the inbox until the process or the connection ends."""
        output = self._process.stdout
        try:
            # What is no message, or half of one, ends the conversation; its end says why.
            with contextlib.suppress(Exception):
                while line := await output.readline():
                    head = FrameHead.parse(line)
                    payload = await output.readexactly(head.payload_bytes or 0)
                    self.inbox.put(head.frame(payload))
        finally:
            self.inbox.end()

    async def _read_stderr(self) -> None:
        with contextlib.suppress(Exception):
            while line := await self._process.stderr.readline():
                self._stderr.append(line.decode(errors="replace").rstrip())

    async def _tell_alive(self) -> None:
        """Send an empty line now and then: without, the device takes this machine for gone."""
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(ALIVE_EVERY_S)
                self._process.stdin.write(ALIVE_LINE)

    def no_answer(self, text: str) -> DeviceError:
        """Return the error for a process that gave no answer in time."""
        return DeviceError(f"{self._connection.name}: {self.task}: {text}")

    def ending(self) -> EdgecnnError:
        """Return the error for a process that ended; a connection that is gone cannot tell how."""
        name = self._connection.name
        try:
            self._connection.call(self._process.wait_closed(), self.task, EXIT_TIMEOUT_S)
        except DeviceError:
            self.close(kill=True)
        if self._process.exit_status is None and not self._process.exit_signal:
            return ConnectionLostError(f"{name}: the connection was lost while {self.task}")
        status, signal_name = exit_of(self._process)
        last = self._stderr[-1] if self._stderr else ""
        if status in (COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE):
            return CommandMissingError(f"{name}: {last or 'the program is not there'}")
        ended = describe_exit(status, signal_name)
        error = ChildCrashedError(f"{self.task} failed on {name}: its process {ended}")
        error.add_debug("\n".join(self._stderr))
        return error


def exit_of(process: Any) -> tuple[int, str | None]:
    """Return a remote process' exit status, and the signal that ended it, if one did.

    Args:
        process: What asyncssh gives of a process that has ended.
    """
    status = process.exit_status or 0
    if process.exit_signal:
        return status, f"SIG{process.exit_signal[0]}"
    if status in SHELL_SIGNALS:
        number = status - SHELL_SIGNALS.start + 1
        return status, LINUX_SIGNALS.get(number, f"signal {number}")
    return status, None

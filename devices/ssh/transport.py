"""A remote process' pipes, as messages: what ``edgecnn.core.child`` is for a process here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import zlib
from collections import deque
from typing import Any

from edgecnn.core.child import describe_exit, opened
from edgecnn.core.errors import ChildCrashedError, ConnectionLostError, DeviceError, EdgecnnError
from edgecnn.devices.ssh.connection import Connection, exit_status
from edgecnn.runner.session import Message

EXIT_TIMEOUT_S = 10.0
COMPRESSED_FROM = 1024
"""Bytes from which a payload is worth compressing."""

FAST = 1
"""zlib's level: a network is seldom faster than this, a higher one hardly smaller."""

ALIVE_EVERY_S = 10.0
STDERR_LINES = 50
COMMAND_NOT_FOUND = 127
COMMAND_NOT_EXECUTABLE = 126


class CommandMissingError(DeviceError):
    """The program that was to be started is not on the device."""


class SshTransport:
    """Carries messages over a connection; payloads that are large go compressed.

    Args:
        connection: Over which.
        process: The asyncssh process, its streams in bytes.
        task: What it does, for messages.

    Raises:
        ChildCrashedError: From ``receive`` and ``send``, when the process died.
        ConnectionLostError: From both, when the connection did.
        EdgecnnError: From ``receive``, what the process reported.
    """

    def __init__(self, connection: Connection, process: Any, task: str) -> None:
        self._connection = connection
        self._process = process
        self.task = task
        self._inbox: queue.Queue[tuple[Message, bytes] | None] = queue.Queue()
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        for work in (self._read_messages(), self._read_stderr(), self._tell_alive()):
            connection.spawn(work)

    def send(self, message: Message, payload: bytes | memoryview | None = None) -> None:
        """Write one message, and the raw bytes that belong to it."""
        if payload is not None:
            if len(payload) >= COMPRESSED_FROM:
                payload, message = zlib.compress(payload, FAST), {**message, "compressed": True}
            message = {**message, "payload_bytes": len(payload)}
        line = json.dumps(message).encode() + b"\n"
        try:
            self._connection.call(self._write(line + bytes(payload or b"")), self.task)
        except ConnectionLostError as error:
            # What the process said last, or how it ended, tells more than a closed pipe.
            while True:
                try:
                    self.receive(EXIT_TIMEOUT_S)
                except ConnectionLostError:
                    raise error from None

    def receive(self, timeout_s: float | None = None) -> Message:
        """Wait for the next message; payloads come under the key ``"payload"``."""
        try:
            received = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            self.close(kill=True)
            raise DeviceError(
                f"{self._connection.name}: {self.task}: no answer for {timeout_s:.0f} s"
            ) from None
        if received is None:
            self._inbox.put(None)
            raise self._end()
        return opened(*received)

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

    async def _read_messages(self) -> None:
        """Fill the inbox until the process or the connection ends."""
        output = self._process.stdout
        try:
            while line := await output.readline():
                message = json.loads(line)
                if not isinstance(message, dict):
                    break
                payload = await output.readexactly(message.get("payload_bytes", 0))
                self._inbox.put((message, payload))
        except Exception:
            pass  # Half a message: the process or the connection ended, and how is asked there.
        finally:
            self._inbox.put(None)

    async def _read_stderr(self) -> None:
        with contextlib.suppress(Exception):
            while line := await self._process.stderr.readline():
                self._stderr.append(line.decode(errors="replace").rstrip())

    async def _tell_alive(self) -> None:
        """Send an empty line now and then: without, the device takes this machine for gone."""
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(ALIVE_EVERY_S)
                self._process.stdin.write(b"\n")

    def _end(self) -> EdgecnnError:
        """Say how it ended; a connection that is gone cannot tell."""
        name = self._connection.name
        try:
            self._connection.call(self._process.wait_closed(), self.task, EXIT_TIMEOUT_S)
        except DeviceError:
            self.close(kill=True)
        if self._process.exit_status is None and not self._process.exit_signal:
            return ConnectionLostError(f"{name}: the connection was lost while {self.task}")
        status = exit_status(self._process)
        last = self._stderr[-1] if self._stderr else ""
        if status in (COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE):
            return CommandMissingError(f"{name}: {last or 'the program is not there'}")
        error = ChildCrashedError(
            f"{self.task} failed on {name}: its process {describe_exit(status)}"
        )
        error.add_debug("\n".join(self._stderr))
        return error

"""A program on a device that answers in messages over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from typing import Any

from edgecnn.core.channel import InboxChannel
from edgecnn.core.child import EXIT_TIMEOUT_S, STOPPED_TALKING, describe_exit
from edgecnn.core.errors import (
    ChildCrashedError,
    ConnectionLostError,
    DeviceError,
    EdgecnnError,
)
from edgecnn.core.frame_reader import ALIVE_LINE
from edgecnn.core.messages import Frame
from edgecnn.devices.connection import CommandMissingError
from edgecnn.devices.ssh.connection_thread import ConnectionThread

COMPRESSED_FROM_BYTES = 1024
"""Bytes of the smallest payload that is worth compressing."""

FAST_LEVEL = 1
"""zlib's level: few networks are faster than it, and higher levels compress hardly better."""

ALIVE_EVERY_S = 10.0
PIECE_BYTES = 1 << 18
STDERR_LINES = 50
STDERR_CHARACTERS = 500
"""Characters at most of a line of standard error that is kept."""

COMMAND_NOT_FOUND = 127
COMMAND_NOT_EXECUTABLE = 126

SHELL_SIGNALS = range(129, 160)
"""Exit statuses by which a shell tells that a signal ended its program: 128 and its number."""

LINUX_SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS",
    8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 31: "SIGSYS",
}  # fmt: skip
"""Signals as Linux numbers them (man 7 signal); this machine may number them otherwise."""


SIGNAL_NAME = re.compile(r"[A-Z][A-Z0-9+-]{0,15}")


class SshProcess(InboxChannel):
    """Carries messages over an SSH connection; large payloads go compressed.

    Args:
        thread: The thread of the connection that the process was started over.
        process: The asyncssh process, its streams in bytes.
        task: What the process does, for messages.

    Raises:
        ChildCrashedError: ``receive`` and ``send`` raise it when the process died.
        ConnectionLostError: Both raise it when the connection was cut.
        NoAnswerError: Both raise it when the process was silent for too long.
        EdgecnnError: ``receive`` raises it when the process reported an error.
    """

    def __init__(self, thread: ConnectionThread, process: Any, task: str) -> None:
        super().__init__()
        self._thread = thread
        self._process = process
        self.task = task
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        for work in (self._fill_inbox(), self._read_stderr(), self._tell_alive()):
            thread.spawn(work)

    @property
    def name(self) -> str:
        """What messages call the process: by the device, and by what it does."""
        return f"{self._thread.name}: {self.task}"

    def send_frame(self, frame: Frame, timeout_s: float | None = None) -> None:
        """Write one message as it travels, compressed where that is worth it.

        Args:
            frame: The message.
            timeout_s: Seconds at most in which the process neither reads on nor sends anything,
                after which it is ended; None waits as long as it runs.
        """
        frame = frame.shrunk(COMPRESSED_FROM_BYTES, FAST_LEVEL)
        content = frame.head() + bytes(frame.payload or b"")
        try:
            self._thread.call(self._write(content, timeout_s), self.task)
        except ConnectionLostError as error:
            # The last message of the process, or how it ended, tells more than a closed pipe.
            self.raise_last_words(EXIT_TIMEOUT_S)
            ending = self.ending()
            raise (error if isinstance(ending, ConnectionLostError) else ending) from None
        except _SilentError:
            assert timeout_s is not None
            raise self.silenced(timeout_s) from None

    def close(self, *, kill: bool = False) -> None:
        """End the process: close its input and wait for it, or end it at once."""
        with contextlib.suppress(DeviceError):
            self._thread.call(self._close(kill), self.task, EXIT_TIMEOUT_S)

    async def _write(self, content: bytes, timeout_s: float | None) -> None:
        self._process.stdin.write(content)
        drained = asyncio.ensure_future(self._process.stdin.drain())
        begin = time.monotonic()
        left = timeout_s
        while not (await asyncio.wait({drained}, timeout=left))[0]:
            assert timeout_s is not None
            left = timeout_s - min(self.inbox.silent_s(), time.monotonic() - begin)
            if left <= 0:
                drained.cancel()
                raise _SilentError
        drained.result()

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
            # A connection that is cut ends the conversation; `ending` then says so.
            with contextlib.suppress(Exception):
                while (content := await output.read(PIECE_BYTES)) and self.take_in(content):
                    pass
        finally:
            self.inbox.end()

    async def _read_stderr(self) -> None:
        with contextlib.suppress(Exception):
            while line := await self._process.stderr.readline():
                self._stderr.append(line.decode(errors="replace").rstrip()[:STDERR_CHARACTERS])

    async def _tell_alive(self) -> None:
        """Send empty lines: without them the device takes this machine for gone."""
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(ALIVE_EVERY_S)
                self._process.stdin.write(ALIVE_LINE)

    def ending(self) -> EdgecnnError:
        """Return the error for a process that ended; a connection that is gone cannot tell how."""
        name = self._thread.name
        try:
            self._thread.call(self._process.wait_closed(), self.task, EXIT_TIMEOUT_S)
        except ConnectionLostError:
            self.close(kill=True)
        except DeviceError:
            self.close(kill=True)
            return self._crashed(STOPPED_TALKING, 0)
        if self._process.exit_status is None and not self._process.exit_signal:
            return ConnectionLostError(f"{name}: the connection was lost while {self.task}")
        status, signal_name = exit_of(self._process)
        last = self._stderr[-1] if self._stderr else ""
        if status in (COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE):
            return CommandMissingError(f"{name}: {last or 'the program is not there'}")
        return self._crashed(describe_exit(status, signal_name), None if signal_name else status)

    def _crashed(self, ended: str, status: int | None) -> ChildCrashedError:
        error = ChildCrashedError(f"{self.task} failed on {self._thread.name}: its process {ended}")
        error.exit_status = status
        error.add_debug("\n".join(self._stderr))
        return error


class _SilentError(EdgecnnError):
    """Nothing came from a process for too long, and it does not read on either."""


def exit_of(process: Any) -> tuple[int, str | None]:
    """Return a remote process' exit status, and the signal that ended it, if one did.

    Args:
        process: asyncssh's object of a process that has ended.
    """
    status = process.exit_status or 0
    if process.exit_signal:
        name = str(process.exit_signal[0])  # whatever the server says
        return status, f"SIG{name}" if SIGNAL_NAME.fullmatch(name) else "an unknown signal"
    if status in SHELL_SIGNALS:
        number = status - SHELL_SIGNALS.start + 1
        return status, LINUX_SIGNALS.get(number, f"signal {number}")
    return status, None

"""Child processes that speak JSON lines: where native code runs, so that a crash is an error line.

A child reads one JSON object a line on standard input and writes one a line on standard output; a
line with a ``"payload_bytes"`` key is followed by that many raw bytes. What the child or its
libraries print otherwise goes to standard error, which is kept for ``--debug``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO, Any

from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError

Message = dict[str, Any]

PR_SET_PDEATHSIG = 1  # linux/prctl.h

EXIT_TIMEOUT_S = 10.0
"""A child that is told to end, or closed its output, has this long before it is killed."""

ERROR_KINDS: dict[str, type[EdgecnnError]] = {"input": InputError, "failed": EdgecnnError}


class ChildProcess:
    """A child process and its two JSON-lines pipes; it never outlives the ``with`` block.

    Args:
        command: Program and arguments.
        task: What it does, for messages: ``"converting 'a.keras'"``.
        environment: Variables to add to this process' own.

    Raises:
        ChildCrashedError: From ``receive`` and ``send``, when the child died; it says how.
        EdgecnnError: From ``receive``, when the child reported ``{"event": "error", ...}``.

    Example:
        >>> with ChildProcess([sys.executable, "runner.py"], task="running 'a.tflite'") as child:
        ...     child.send({"do": "load", "model": "a.tflite"})
        ...     facts = child.receive()
    """

    def __init__(
        self, command: Sequence[str], *, task: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.task = task
        self._stderr: IO[bytes] = tempfile.TemporaryFile()
        # A session of its own: Ctrl-C reaches this process alone, which then ends the child.
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self._inbox: queue.Queue[tuple[Message, bytes] | None] = queue.Queue()
        threading.Thread(target=self._read_messages, daemon=True).start()

    def __enter__(self) -> ChildProcess:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the child, at once if the block failed."""
        self.close(kill=error is not None)

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def send(self, message: Message, payload: bytes | memoryview | None = None) -> None:
        """Write one message, and the raw bytes that belong to it."""
        assert self._process.stdin is not None
        if payload is not None:
            message = {**message, "payload_bytes": len(payload)}
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            if payload is not None:
                self._process.stdin.write(payload)
            self._process.stdin.flush()
        except (BrokenPipeError, OSError) as error:
            # Its last words (an error message) may still be in the pipe.
            for _ in self.messages():
                pass
            raise self._death() from error

    def receive(self, timeout_s: float | None = None) -> Message:
        """Wait for the next message; payloads come under the key ``"payload"``.

        Args:
            timeout_s: Seconds to wait at most; None waits as long as the child lives.
        """
        try:
            received = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            self.close(kill=True)
            raise ChildCrashedError(
                f"{self.task}: no answer for {timeout_s:.0f} s, so it was ended"
            ) from None
        if received is None:
            self._inbox.put(None)
            raise self._death()
        return opened(*received)

    def messages(self) -> Iterator[Message]:
        """Yield messages until the child closes its output in good order."""
        while True:
            try:
                yield self.receive()
            except ChildCrashedError:
                if self._process.wait() == 0:
                    return
                raise

    def stderr_tail(self, lines: int = 20) -> str:
        """Return the last lines that the child wrote to standard error."""
        if self._stderr.closed:
            return ""
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - 65536))
        text = self._stderr.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def close(self, *, kill: bool = False) -> None:
        """End the child: close its input and wait, or kill its whole process group."""
        if not kill:
            try:
                assert self._process.stdin is not None
                self._process.stdin.close()
                self._process.wait(timeout=EXIT_TIMEOUT_S)
            except (subprocess.TimeoutExpired, OSError):
                kill = True
        if kill:
            self._kill_group()
        self._process.wait()
        with contextlib.suppress(OSError):  # of what it no longer reads
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._stderr.close()

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        # Half a line: the child died while it wrote, and its exit status says how.
        with self._process.stdout as output, contextlib.suppress(ValueError, OSError):
            while line := output.readline():
                message = json.loads(line)
                if not isinstance(message, dict):
                    break
                payload = output.read(message.get("payload_bytes", 0))
                if len(payload) < message.get("payload_bytes", 0):
                    break
                self._inbox.put((message, payload))
        self._inbox.put(None)

    def _death(self) -> ChildCrashedError:
        try:
            status = self._process.wait(timeout=EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._kill_group()
            status = self._process.wait()
        error = ChildCrashedError(f"{self.task} failed: its process {describe_exit(status)}")
        if tail := self.stderr_tail():
            error.add_debug(tail)
        return error


def opened(message: Message, payload: bytes) -> Message:
    """Return a message with its payload under ``"payload"``, if it has one.

    Args:
        message: As it came.
        payload: The raw bytes after it.

    Raises:
        EdgecnnError: The other side reports an error; of the kind that it says.

    Example:
        >>> opened({"event": "done"}, b"")
        {'event': 'done'}
    """
    if message.get("event") == "error":
        kind = ERROR_KINDS.get(str(message.get("kind")), EdgecnnError)
        raise kind(str(message.get("message")))
    return {**message, "payload": payload} if "payload_bytes" in message else message


def module_command(module: str) -> list[str]:
    """Return the command that runs ``main()`` of a module of ours in a child.

    The working directory is kept off the child's import path: a user's ``keras.py`` or ``models/``
    there must not be imported instead of the real one.

    Example:
        >>> module_command("edgecnn.quantize.converter")[1]
        '-c'
    """
    code = (
        f"import sys; sys.path[:] = [p for p in sys.path if p]; from {module} import main; main()"
    )
    return [sys.executable, "-c", code]


class ParentPipe:
    """The child's end: reads the parent's messages, answers on what was standard output.

    Standard output is handed to standard error first, so that what libraries print cannot get in
    between; and on Linux the child is told to die with its parent.

    Example:
        >>> parent = ParentPipe()
        >>> parent.send({"event": "loaded"})
    """

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._input = os.fdopen(os.dup(0), "rb")
        _die_with_parent()

    def receive(self) -> Message | None:
        """Return the parent's next message (its payload under ``"payload"``), None at its end."""
        line = self._input.readline()
        if not line:
            return None
        message: Message = json.loads(line)
        if "payload_bytes" in message:
            message["payload"] = self._input.read(message["payload_bytes"])
        return message

    def send(self, message: Message) -> None:
        """Write one message."""
        self._output.write(json.dumps(message).encode() + b"\n")
        self._output.flush()

    def send_error(self, error: BaseException) -> None:
        """Report an error; the parent raises it again as the same kind."""
        kind = "input" if isinstance(error, InputError) else "failed"
        text = str(error) if isinstance(error, EdgecnnError) else _describe(error)
        self.send({"event": "error", "kind": kind, "message": text})


def serve_job(work: Callable[[ParentPipe, Message], None]) -> None:
    """Do one job that the parent sends (the whole of a child's program), and end the process.

    Args:
        work: Takes the pipe for its answers, and the job; what it raises is reported.

    Example:
        >>> def main():
        ...     serve_job(lambda parent, job: parent.send({"event": "done"}))
    """
    parent = ParentPipe()
    job = parent.receive()
    if job is None:
        return
    try:
        work(parent, job)
    except Exception as error:
        parent.send_error(error)
        traceback.print_exc()
    sys.stderr.flush()
    # Everything is written: TensorFlow's orderly shutdown would only take time.
    os._exit(0)


def _describe(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def describe_exit(status: int) -> str:
    """Say in words how a process ended.

    Example:
        >>> describe_exit(-11)
        'crashed (SIGSEGV)'
    """
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return "was killed (SIGKILL), perhaps for lack of memory"
    return f"crashed ({name})"

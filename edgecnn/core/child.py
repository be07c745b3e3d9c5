"""Child processes that answer in messages, so that a crash of native code is one line of error.

:mod:`edgecnn.core.messages` says what a message is. What the child or its libraries print otherwise
goes to standard error, whose end is kept for ``--debug``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from edgecnn.core.channel import InboxChannel
from edgecnn.core.errors import ChildCrashedError
from edgecnn.core.messages import Frame
from edgecnn.core.parent_pipe import READ_BYTES, write_frame
from edgecnn.core.platform_support import kill_session, new_session_options
from edgecnn.core.temporary import temporary_folder

EXIT_TIMEOUT_S = 10.0
"""A child that was told to end, or closed its output, is killed after this time."""

TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")
"""Variables by which a program learns where temporary files go."""

STOPPED_TALKING = "closed its output and went on, so it was ended"
"""What became of a process that can no longer answer."""

STDERR_KEPT_BYTES = 1 << 16

WINDOWS_CRASHES = {
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC0000094: "division by zero",
    0xC00000FD: "stack overflow",
    0xC0000409: "abort",
}
"""Exit statuses by which Windows tells of a crash: NTSTATUS values of Microsoft's MS-ERREF."""


class ChildProcess(InboxChannel):
    """A child process with a pipe each way; it never outlives the ``with`` block.

    Args:
        command: Program and arguments.
        task: What the child does, for messages: ``"converting 'a.keras'"``.
        environment: Variables to add to this process' own.

    Raises:
        ChildCrashedError: ``receive`` and ``send`` raise it when the child died, and say how.
        EdgecnnError: ``receive`` raises it when the child reported an error.

    Example:
        >>> with ChildProcess(module_command("edgecnn.counting"), task="counting") as child:
        ...     child.send(CountLayers(Path("a.keras")))
        ...     layers = child.receive(LayersCounted).layers
    """

    def __init__(
        self, command: Sequence[str], *, task: str, environment: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.task = task
        self._resources = contextlib.ExitStack()
        # What the child leaves there when it is killed goes with this process' own.
        scratch = str(self._resources.enter_context(temporary_folder()))
        self._stderr = self._resources.enter_context(tempfile.TemporaryFile(dir=scratch))
        temporary = dict.fromkeys(TEMPORARY_VARIABLES, scratch)
        # Ctrl-C must reach this process alone, which then ends the child.
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **temporary, **(environment or {})},
            **new_session_options(),
        )
        threading.Thread(target=self._fill_inbox, daemon=True).start()

    def __enter__(self) -> ChildProcess:
        """Return the child itself."""
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        """End the child, at once if the block failed."""
        self.close(kill=kind is not None)

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    @property
    def name(self) -> str:
        """What messages call the child: by what it does."""
        return self.task

    def send_frame(self, frame: Frame, timeout_s: float | None = None) -> None:
        """Write one message as it travels.

        Args:
            frame: The message.
            timeout_s: Seconds at most in which the child neither reads on nor sends anything, after
                which it is ended; None waits as long as the child runs.
        """
        try:
            with self._ended_by_silence(timeout_s):
                write_frame(self._input, frame)
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError) and not self._input.closed:
                raise
            # The child's last words (an error message) may still be in the pipe.
            self.raise_last_words(EXIT_TIMEOUT_S)
            raise self.ending() from error

    @contextlib.contextmanager
    def _ended_by_silence(self, timeout_s: float | None) -> Iterator[None]:
        """Kill the child, and raise NoAnswerError, if it is silent for too long during the block.

        Args:
            timeout_s: Seconds of silence at most; None for as long as it takes.
        """
        written, was_silent = threading.Event(), threading.Event()
        begin = time.monotonic()

        def watch(timeout_s: float) -> None:
            left = timeout_s
            while not written.wait(left):
                left = timeout_s - min(self.inbox.silent_s(), time.monotonic() - begin)
                if left <= 0:
                    was_silent.set()
                    kill_session(self._process)
                    return

        if timeout_s is None:
            yield
            return
        threading.Thread(target=watch, args=(timeout_s,), daemon=True).start()
        try:
            yield
        except OSError:
            if not was_silent.is_set():
                raise
        finally:
            written.set()
        if was_silent.is_set():
            raise self.silenced(timeout_s)

    def messages(self, *kinds: type[Any]) -> Iterator[Any]:
        """Yield messages until the child closes its output in good order.

        Args:
            kinds: The classes of messages that may come.
        """
        while True:
            try:
                yield self.receive(*kinds)
            except ChildCrashedError:
                if self._process.wait() == 0:
                    return
                raise

    def stderr_tail(self, lines: int = 20) -> str:
        """Return the last lines that the child wrote to standard error."""
        if self._stderr.closed:
            return ""
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - STDERR_KEPT_BYTES))
        text = self._stderr.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def close(self, *, kill: bool = False) -> None:
        """End the child: close its input and wait, or kill it with all that it has started."""
        if not kill:
            try:
                self._input.close()
                self._process.wait(timeout=EXIT_TIMEOUT_S)
            except (subprocess.TimeoutExpired, OSError):
                kill = True
        if kill:
            kill_session(self._process)
        self._process.wait()
        with contextlib.suppress(OSError):  # what it no longer reads cannot be written
            self._input.close()
        self._resources.close()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _fill_inbox(self) -> None:
        assert self._process.stdout is not None
        # A message that is cut ends the conversation; the exit status says why.
        with self._process.stdout as output, contextlib.suppress(ValueError, OSError):
            descriptor = output.fileno()
            while (content := os.read(descriptor, READ_BYTES)) and self.take_in(content):
                pass
        self.inbox.end()

    def ending(self) -> ChildCrashedError:
        """Return the error for a child that died, which says how."""
        try:
            status = self._process.wait(timeout=EXIT_TIMEOUT_S)
            ended = describe_exit(status)
        except subprocess.TimeoutExpired:
            kill_session(self._process)
            self._process.wait()
            status, ended = 0, STOPPED_TALKING
        error = ChildCrashedError(f"{self.task} failed: its process {ended}")
        error.exit_status = status if status >= 0 else None
        if tail := self.stderr_tail():
            error.add_debug(tail)
        return error


def module_command(module: str) -> list[str]:
    """Return the command that runs ``main()`` of a module of edgecnn in a child.

    The child takes the same edgecnn as this process, from wherever that was imported. The working
    directory is kept off its import path: a user's ``keras.py`` or ``models/`` there must not be
    imported instead of the real one.

    Args:
        module: Name of the module, ``"edgecnn.quantize.converter"``.

    Example:
        >>> module_command("edgecnn.quantize.converter")[1]
        '-c'
    """
    root = str(Path(__file__).resolve().parents[2])
    code = (
        "import sys; sys.path[:] = [p for p in sys.path if p]; "
        f"sys.path.insert(0, {root!r}); import edgecnn; del sys.path[0]; "
        f"from {module} import main; main()"
    )
    return [sys.executable, "-c", code]


def describe_exit(status: int, signal_name: str | None = None) -> str:
    """Say in words how a process ended.

    Args:
        status: Exit status of the process; negative for a signal, as in ``subprocess``.
        signal_name: The signal that ended it, where that is known by name: ``"SIGSEGV"``.

    Example:
        >>> describe_exit(-11)
        'crashed (SIGSEGV)'
    """
    if signal_name is None and status < 0:
        signal_name = _name_of_signal(-status)
    if signal_name == "SIGKILL":
        return "was killed (SIGKILL), perhaps for lack of memory"
    reason = signal_name or WINDOWS_CRASHES.get(status)
    return f"crashed ({reason})" if reason else f"ended with exit status {status}"


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

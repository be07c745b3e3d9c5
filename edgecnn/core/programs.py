"""Programs of others (pip, npm) that are run to their end, and do not outlive this process.

Such a program knows nothing of us, and starts others: ended alone, or left when this process is
killed, these would go on. So it runs in a session of its own under a process of ours
(:func:`main`), which ends the session when its standard input ends, as it does with this process.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgecnn.core.child import module_command
from edgecnn.core.platform_support import kill_own_session, kill_session, new_session_options

KEPT_BYTES = 1 << 16
"""Bytes of a talking program's output that are kept: its end, where errors stand."""

OUTPUT_BLOCK_BYTES = 1 << 16
"""Bytes of a program's output that are read at once."""


def run_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program without input to its end, and return what it wrote and its exit status.

    Args:
        command: Program and arguments.
        environment: All of its environment variables; None for those of this process.
        folder: The folder that it works in; None for this process' own.
        timeout_s: Seconds that it may take; None for as long as it takes.

    Raises:
        subprocess.TimeoutExpired: It took longer, and was ended with all that it had started.

    Example:
        >>> run_program(["npm", "--version"]).stdout
        '10.9.4\\n'
    """
    with _started(command, environment, folder, subprocess.PIPE) as process:
        output, errors = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(
        command, process.returncode, _text_of(output), _text_of(errors)
    )


def run_talking_program(
    command: Sequence[str],
    *,
    silence_s: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program without input to its end, for as long as it writes something now and then.

    Args:
        command: Program and arguments.
        silence_s: Seconds without a word of its output after which it hangs.
        environment: All of its environment variables; None for those of this process.
        folder: The folder that it works in; None for this process' own.

    Returns:
        Its exit status, and as ``stdout`` the end of all that it wrote, errors among it.

    Raises:
        subprocess.TimeoutExpired: It was silent for too long, and was ended with all that it had
            started.

    Example:
        >>> run_talking_program(["onnx2tf", "-i", "model.onnx"], silence_s=600).returncode
        0
    """
    with _started(command, environment, folder, subprocess.STDOUT) as process:
        tail = b""
        for content in _outputs(process, silence_s):
            tail = (tail + content)[-KEPT_BYTES:]
        process.wait()
    return subprocess.CompletedProcess(command, process.returncode, _text_of(tail), "")


def _outputs(process: subprocess.Popen[bytes], silence_s: float) -> Iterator[bytes]:
    """Yield what a program writes as it comes."""
    written: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    assert process.stdout is not None
    descriptor = process.stdout.fileno()

    def read() -> None:
        while content := os.read(descriptor, OUTPUT_BLOCK_BYTES):
            written.put(content)
        written.put(b"")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            content = written.get(timeout=silence_s)
        except queue.Empty:
            raise subprocess.TimeoutExpired(process.args, silence_s) from None
        if not content:
            return
        yield content


@contextmanager
def _started(
    command: Sequence[str],
    environment: Mapping[str, str] | None,
    folder: Path | None,
    errors: int,
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a program that was started; what ends the block early ends all that it had started."""
    reading, writing = os.pipe()  # nothing is written: the pipe's end says that this process ended
    try:
        with subprocess.Popen(
            [*module_command("edgecnn.core.programs"), *command],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=None if environment is None else dict(environment),
            **new_session_options(),
        ) as process:
            try:
                yield process
            except BaseException:
                kill_session(process)
                raise
    finally:
        os.close(reading)
        os.close(writing)


def _text_of(output: bytes) -> str:
    return output.decode(errors="replace").replace("\r\n", "\n")


def main() -> None:
    """Run the program that the command line names, and end as it does, or with standard input."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL) as process:
        threading.Thread(target=_end_with_input, daemon=True).start()
        status = process.wait()
    os._exit(status if status >= 0 else 128 - status)


def _end_with_input() -> None:
    os.read(0, 1)
    kill_own_session()

"""Programs of others (pip, npm) that are run to their end, and do not outlive this process.

Such a program knows nothing of us, and starts others: ended alone, or left when this process is
killed, these would go on. So it runs in a session of its own under a process of ours
(:func:`main`), which ends the session when its standard input ends, as it does with this process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecnn.core.child import module_command
from edgecnn.core.platform_support import kill_own_session, kill_session, new_session_options


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
    reading, writing = os.pipe()  # nothing is written: the pipe's end says that this process ended
    try:
        with subprocess.Popen(
            [*module_command("edgecnn.core.programs"), *command],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=folder,
            env=None if environment is None else dict(environment),
            **new_session_options(),
        ) as process:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            except BaseException:
                kill_session(process)
                raise
    finally:
        os.close(reading)
        os.close(writing)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def main() -> None:
    """Run the program that the command line names, and end as it does, or with standard input."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL) as process:
        threading.Thread(target=_end_with_input, daemon=True).start()
        status = process.wait()
    os._exit(status if status >= 0 else 128 - status)


def _end_with_input() -> None:
    os.read(0, 1)
    kill_own_session()

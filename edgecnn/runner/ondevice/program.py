"""The program on a device: it runs a runner, or holds the lock, until the other machine is gone.

``python FILE run SILENCE_S`` answers the messages of :mod:`edgecnn.runner.ondevice.protocol`.
``python FILE hold TOKEN HOLDER WAIT_S SILENCE_S`` locks the device. Both end when their standard
input ends, or after ``SILENCE_S`` seconds without input: the other machine is gone then, as it
sends an empty line now and then while it is there.

The module travels to devices: the standard library alone, and Python 3.9.
"""

from __future__ import annotations

import math
import os
import select
import sys
import threading
import time
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.parent_pipe import ParentPipe
from edgecnn.core.temporary import UPLOAD_ABANDONED_S, remove_leftovers
from edgecnn.runner.ondevice import runner
from edgecnn.runner.ondevice.lock import LOCK, ROOT, DeviceLock
from edgecnn.runner.ondevice.protocol import LockHeld

GRACE_S = 2.0
"""Seconds that a runner has to end in good order after its input ended."""

CHUNK_BYTES = 1 << 16


def heard(descriptor: int, silence_s: float) -> bytes:
    """Wait for the next bytes of an input.

    Args:
        descriptor: File descriptor of the input.
        silence_s: Seconds to wait at most; infinity waits for as long as it takes.

    Returns:
        No bytes at the end of the input, or after too long a silence.
    """
    limit = None if math.isinf(silence_s) else silence_s
    ready, _, _ = select.select([descriptor], [], [], limit)
    return os.read(descriptor, CHUNK_BYTES) if ready else b""


def watch_input(silence_s: float) -> None:
    """Pass standard input on in a thread, which ends this process soon after the input's end."""
    source = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    threading.Thread(target=pass_on, args=(source, writing, silence_s), daemon=True).start()


def pass_on(source: int, target: int, silence_s: float) -> None:
    """Copy an input to a pipe until the input ends, wait ``GRACE_S``, and end this process."""
    while data := heard(source, silence_s):
        written = 0
        while written < len(data):
            written += os.write(target, data[written:])
    os.close(target)
    time.sleep(GRACE_S)
    os._exit(1)


def hold(token: str, holder: str, wait_s: str, silence_s: str) -> None:
    """Lock the device until the input ends, or report who has locked it.

    Args:
        token: Text by which a run knows its own earlier process.
        holder: Who locks the device.
        wait_s: Seconds to wait for an earlier process of the same run.
        silence_s: Seconds without a sign of life after which the device is free again.
    """
    parent = ParentPipe()
    try:
        with DeviceLock(Path(LOCK)) as lock:
            if not lock.take(token, holder, float(wait_s)):
                raise EdgecnnError(f"it is in use by {lock.holder()}: one run at a time")
            clear_parts(Path(ROOT))
            parent.send(LockHeld())
            while heard(0, float(silence_s)):
                pass
    except OSError as error:
        name = error.filename or "a file"
        parent.send_error(EdgecnnError(f"cannot lock it with {name}: {error.strerror}"))
    except EdgecnnError as error:
        parent.send_error(error)


def clear_parts(root: Path) -> None:
    """Remove the unfinished uploads of runs that were cut off.

    Args:
        root: edgecnn's folder on the device.
    """
    # Models are uploaded under the lock, so no run is at them. Runners and runtimes are uploaded
    # without it, perhaps just now.
    remove_leftovers(root / "files", abandoned_s=-math.inf)
    for folder in (root, root / "runner"):
        remove_leftovers(folder, UPLOAD_ABANDONED_S)


def main() -> None:
    """Run what the command line asks for: ``run`` or ``hold``."""
    verb, *arguments = sys.argv[1:]
    if verb == "hold":
        hold(*arguments)
        return
    watch_input(float(arguments[0]))
    runner.main()

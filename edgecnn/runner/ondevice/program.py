"""The program on a device: a runner, or the device's lock, for as long as the other side is there.

``python FILE run SILENCE_S`` answers the messages of :mod:`edgecnn.runner.protocol`. ``python FILE
hold TOKEN HOLDER WAIT_S SILENCE_S`` locks the device. Both end when their standard input ends, or
when nothing has come from there for ``SILENCE_S`` seconds, because the other machine is gone: that
one sends an empty line now and then.

The module travels to devices: the standard library alone, and Python 3.9.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import sys
import threading
import time
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.parent_pipe import ParentPipe
from edgecnn.runner.ondevice import runner
from edgecnn.runner.ondevice.lock import LOCK, ROOT, DeviceLock
from edgecnn.runner.protocol import LockHeld

GRACE_S = 2.0
"""A runner whose input ended has this long to end in good order."""

ABANDONED_S = 3600.0
"""An upload that has not grown for so long is not going on any more."""

CHUNK_BYTES = 1 << 16


def heard(descriptor: int, silence_s: float) -> bytes:
    """Wait for the next bytes of an input.

    Args:
        descriptor: The input.
        silence_s: Seconds to wait at most; infinity waits for as long as it takes.

    Returns:
        No bytes at the end of the input, or after too long a silence.
    """
    limit = None if math.isinf(silence_s) else silence_s
    ready, _, _ = select.select([descriptor], [], [], limit)
    return os.read(descriptor, CHUNK_BYTES) if ready else b""


def watch_input(silence_s: float) -> None:
    """Hand standard input on from another thread, which ends this process some time after it."""
    source = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    threading.Thread(target=pass_on, args=(source, writing, silence_s), daemon=True).start()


def pass_on(source: int, target: int, silence_s: float) -> None:
    """Copy an input to a pipe until it ends, give the reader some time, and end this process."""
    while data := heard(source, silence_s):
        written = 0
        while written < len(data):
            written += os.write(target, data[written:])
    os.close(target)
    time.sleep(GRACE_S)
    os._exit(1)


def hold(token: str, holder: str, wait_s: str, silence_s: str) -> None:
    """Lock the device until the input ends; say who has it where that fails.

    Args:
        token: Text by which a run knows its earlier self.
        holder: Who locks the device.
        wait_s: Seconds to wait for an earlier self.
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
    """Remove what runs that were cut off had uploaded in part.

    Args:
        root: The folder of all that is edgecnn's on the device.
    """
    abandoned = time.time() - ABANDONED_S
    for part in root.glob("*/.*.part"):
        with contextlib.suppress(OSError):
            # Only who holds the lock uploads models; what the runs themselves need comes before.
            if part.parent.name == "files" or part.stat().st_mtime < abandoned:
                part.unlink()


def main() -> None:
    """Do what the arguments say."""
    verb, *arguments = sys.argv[1:]
    if verb == "hold":
        hold(*arguments)
        return
    watch_input(float(arguments[0]))
    runner.main()

"""Runs on a device, beside the runner: one user at a time, and nothing that outlives them.

This file is copied to devices and started by its path, so it imports the standard library only and
runs on Python 3.9. ``hold LOCK TOKEN HOLDER WAIT_S`` locks the device until standard input ends;
``run PROGRAM`` runs a Python program in this process. Both end by themselves when their standard
input does, or when nothing has come from there for ``SILENCE_S``, because the other machine is
gone: the other side sends an empty line now and then.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import runpy
import select
import sys
import threading
import time
from pathlib import Path
from typing import IO

SILENCE_S = 40.0
GRACE_S = 2.0
"""A program whose input ended has this long to end in good order."""

OLD_S = 3600.0
"""What was not uploaded after so long will not be."""

BLOCK = 1 << 16
POLL_S = 0.1


def heard(descriptor: int) -> bytes:
    """Wait for the next bytes; nothing at their end, or after too long a silence."""
    ready, _, _ = select.select([descriptor], [], [], SILENCE_S)
    return os.read(descriptor, BLOCK) if ready else b""


def pass_on(source: int, target: int) -> None:
    """Hand input on to the program, and end this process some time after the input has ended."""
    while data := heard(source):
        written = 0
        while written < len(data):
            written += os.write(target, data[written:])
    os.close(target)
    time.sleep(GRACE_S)
    os._exit(1)


def run(program: str) -> None:
    """Run a Python program here, with its standard input watched."""
    source = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    threading.Thread(target=pass_on, args=(source, writing), daemon=True).start()
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")


def locked(lock: IO[str], token: str, wait_s: float) -> bool:
    """Take the lock; waited for is only an earlier self, whose connection was cut."""
    give_up = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if holder_of(lock)[0] != token or time.monotonic() > give_up:
                return False
        time.sleep(POLL_S)


def holder_of(lock: IO[str]) -> tuple[str, str]:
    """Return the token and the name of who holds the lock, as they wrote them."""
    lock.seek(0)
    token, _, name = lock.read(4096).partition("\n")
    return token, " ".join(name.split()) or "another run"


def hold(path: str, token: str, holder: str, wait_s: str) -> None:
    """Lock the device until the input ends; say who has it where that fails."""
    with Path(path).open("a+") as lock:
        if not locked(lock, token, float(wait_s)):
            text = f"it is in use by {holder_of(lock)[1]}: one run at a time"
            say({"event": "error", "kind": "failed", "message": text})
            return
        lock.truncate(0)
        lock.write(f"{token}\n{holder}\n")
        lock.flush()
        clear_parts(Path(path).parent)
        say({"event": "held"})
        while heard(0):
            pass


def clear_parts(root: Path) -> None:
    """Remove what runs that were cut off had uploaded in part."""
    old = time.time() - OLD_S
    for part in root.glob("*/.*.part"):
        with contextlib.suppress(OSError):
            # Only who holds the lock uploads models; what the runs themselves need comes before.
            if part.parent.name == "files" or part.stat().st_mtime < old:
                part.unlink()


def say(message: dict[str, str]) -> None:
    """Write one message."""
    print(json.dumps(message), flush=True)


def main() -> None:
    """Do what the arguments say."""
    verb, *arguments = sys.argv[1:]
    if verb == "run":
        run(*arguments)
        return
    try:
        hold(*arguments)
    except OSError as error:
        text = f"cannot lock it with {error.filename or 'a file'}: {error.strerror}"
        say({"event": "error", "kind": "failed", "message": text})


if __name__ == "__main__":
    main()

"""Opening the files that a user names for reading: they must be files.

A named pipe without a writer lets whoever opens it wait for ever, and a device such as
``/dev/zero`` never ends. So whatever reads a file of a user's opens it here. An error is an OSError
as those of the system are, whose ``strerror`` goes on after "cannot read 'x':".
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from edgecnn.core.platform_support import open_at_once, wait_in_reads

KINDS = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (lambda mode: not stat.S_ISREG(mode), "it is a device"),
)
"""What is no file, and what an error calls it."""


def open_input(path: Path, *, takes_pipe: bool = False) -> BinaryIO:
    """Open a file for reading; nothing but a file, and without waiting.

    Args:
        path: The file.
        takes_pipe: Whether a pipe is read, too, as a shell's ``<(sort labels.txt)`` makes one: for
            a text that is read once, from its beginning, and no further than some bound. A pipe
            that nobody writes to is empty.

    Raises:
        OSError: The file cannot be opened, or is a folder, a pipe, a socket or a device.

    Example:
        >>> open_input(Path("/dev/zero"))
        Traceback (most recent call last):
        OSError: [Errno 22] it is a device, where a file is needed: '/dev/zero'
    """
    # Merely opening some devices does something, to a tape for example.
    _check(path, path.stat().st_mode, takes_pipe)
    file = open(path, "rb", opener=open_at_once)
    try:
        mode = os.fstat(file.fileno()).st_mode
        _check(path, mode, takes_pipe)
        if stat.S_ISFIFO(mode):
            wait_in_reads(file.fileno())
    except BaseException:
        file.close()
        raise
    return file


def _check(path: Path, mode: int, takes_pipe: bool) -> None:
    if takes_pipe and stat.S_ISFIFO(mode):
        return
    for is_kind, words in KINDS:
        if is_kind(mode):
            raise OSError(errno.EINVAL, f"{words}, where a file is needed", str(path))

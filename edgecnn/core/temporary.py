"""Temporary files and folders whose names say which process made them, and what a dead one left.

A process that is killed removes nothing. So the name of each temporary thing holds its process: a
digest of the system and of the space of process ids that it runs in, its id, and the time of its
start, so that neither an id that was used again, nor the same id on another host or in another
container with the same folder, is taken for it. :func:`remove_leftovers` looks through a folder
that is about to be written to, and removes what belongs to processes that are gone. Nobody has to
hold a lock for that, which network folders may lack and SFTP cannot ask for.

Whether a process of another host or container lives cannot be told from here. What such a one made
is removed after :data:`ABANDONED_S` without a change. Names without a process, as other programs
make them, are never touched: a user's own folder may be called ``edgecnn-examples``.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.platform_support import is_own, process_space, start_of_process

if TYPE_CHECKING:
    from collections.abc import Iterator

ABANDONED_S = 86400.0
"""Seconds without a change after which a thing is left over whose process cannot be asked for."""

UPLOAD_ABANDONED_S = 3600.0
"""Seconds without growth after which an upload to a device is left over: the device does not know
the processes of the machine that it came from, and an upload that is cut does not go on."""

NAME_CHARACTERS = 40
"""Characters of a file's name in that of its temporary file: 160 bytes, and a name may have 255."""

PROCESS = "([0-9a-f]{10})-([0-9]{1,10})-([0-9]{1,20})"
TEMPORARY = re.compile(
    rf"\.?edgecnn-{PROCESS}-[0-9a-f]{{8}}|\..+\.{PROCESS}(?:-[0-9a-f]{{8}})?\.part", re.DOTALL
)
"""Names of temporary folders, and of files that get their real name when they are whole."""

_made: set[str] = set()
_cleaned: set[str] = set()


def process_name() -> str:
    """Return the text by which names tell this process: space of process ids, id, start.

    Example:
        >>> process_name()
        '5f0c2b9a1e-4711-8812043'
    """
    pid = os.getpid()
    return f"{_space()}-{pid}-{start_of_process(pid) or 0}"


def part_name(name: str, unique: str = "") -> str:
    """Return the name of the temporary file that becomes the file ``name``.

    Args:
        name: The file's own name.
        unique: Eight hexadecimal digits that tell apart what one process writes at once.

    Example:
        >>> part_name("model.tflite")
        '.model.tflite.5f0c2b9a1e-4711-8812043.part'
    """
    process = "-".join(filter(None, (process_name(), unique)))
    return f".{name[:NAME_CHARACTERS]}.{process}.part"


@contextlib.contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder that is removed with all its content when the block ends, however it ends.

    Before that, what dead processes left beside it is removed, once in this process.

    Args:
        parent: The folder to make it in, where it is hidden; None for the system's temporary one.

    Raises:
        EdgecnnError: It cannot be made in the system's temporary folder.
        OSError: It cannot be made in ``parent``.

    Example:
        >>> with temporary_folder() as folder:
        ...     (folder / "notes.txt").write_text("gone soon")
    """
    name = f"edgecnn-{process_name()}-{os.urandom(4).hex()}"
    path = _system_folder() / name if parent is None else parent / f".{name}"
    clean_once(path.parent)
    _made.add(str(path))
    try:
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            if parent is None:
                raise _not_made(error) from error
            raise
        yield path
    finally:
        _remove_made(str(path))


def clean_once(folder: Path) -> None:
    """Remove what dead processes left in a folder, if this process has not done so yet."""
    key = str(folder)
    if key not in _cleaned:
        _cleaned.add(key)
        remove_leftovers(folder)


def remove_leftovers(folder: Path, abandoned_s: float = ABANDONED_S) -> None:
    """Remove what dead processes of this user left in a folder; what cannot be removed stays.

    A symbolic link of such a name is removed itself, and never followed.

    Args:
        folder: The folder, which need not exist.
        abandoned_s: Seconds without a change after which a thing is removed whose process cannot be
            asked for.

    Example:
        >>> remove_leftovers(Path("models"))
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if TEMPORARY.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                if is_own(facts) and is_leftover(entry.name, _age_s(entry, facts), abandoned_s):
                    _remove(entry.path)


def is_leftover(name: str, age_s: float, abandoned_s: float = ABANDONED_S) -> bool:
    """Say whether a temporary thing is left over, here or on a device.

    Args:
        name: Its name.
        age_s: Seconds since it was changed.
        abandoned_s: Seconds without a change after which that is so if nobody can tell whether its
            process lives.

    Returns:
        False for all that is not of edgecnn, and for what a living process has.

    Example:
        >>> is_leftover(part_name("model.tflite"), age_s=1e9)
        False
    """
    match = TEMPORARY.fullmatch(name)
    if match is None:
        return False
    space, pid, start = [text for text in match.groups() if text is not None]
    found = start_of_process(int(pid)) if space == _space() else None
    if found is None or (found and not int(start)):
        return age_s > abandoned_s
    return found != int(start) or not found


def _system_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise _not_made(error) from error


def _not_made(error: OSError) -> EdgecnnError:
    return EdgecnnError(
        f"cannot make a temporary folder: {error.strerror}; set TMPDIR to a folder with room"
    )


def _space() -> str:
    return hashlib.sha256(process_space().encode()).hexdigest()[:10]


def _age_s(entry: os.DirEntry[str], facts: os.stat_result) -> float:
    """Return the seconds since a thing was changed; of a folder, also what lies directly in it."""
    changed = facts.st_mtime
    if stat.S_ISDIR(facts.st_mode):
        with os.scandir(entry.path) as within:
            times = [each.stat(follow_symlinks=False).st_mtime for each in within]
        changed = max([changed, *times])
    return time.time() - changed


def _remove(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)  # noqa: PTH108 (as it was listed)


def _remove_made(path: str) -> None:
    """Remove a folder that this process made; an interruption meanwhile does not keep it."""
    try:
        shutil.rmtree(path, ignore_errors=True)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        _made.discard(path)


@atexit.register
def _remove_all_made() -> None:
    """Remove the folders of threads that are still at work when the process ends."""
    own = f"-{os.getpid()}-"  # a forked process has its parent's list
    for path in list(_made):
        if own in os.path.basename(path):  # noqa: PTH119 (as it was made)
            _remove_made(path)

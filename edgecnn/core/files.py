"""Files that are written whole or not at all, where they may go, and what is in them.

Every output of every command goes through :func:`replacing`, or through :func:`place` where it was
made in a folder of :func:`folder_beside`. What a target is decides how it is written:

- A file, or nothing: the content is made beside it under another name, and renamed when it is
  whole. A file that is replaced keeps its permissions, and may be read-only itself, as its folder
  is what is changed. Other names of the same file (hard links) keep the old content.
- A symbolic link stays; the file that it leads to is made or replaced.
- A device such as ``/dev/null`` or a terminal, a named pipe, or an open file of this process
  (``/dev/stdout``, ``/dev/fd/3``, ``>(command)``): the content is made elsewhere, and written there
  when it is whole.
- A folder, a disk or a socket is refused, and so is a file that cannot be replaced.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.escaping import printable
from edgecnn.core.input_files import open_input
from edgecnn.core.json_writing import json_text
from edgecnn.core.platform_support import (
    is_open_for_writing,
    keep_attributes,
    obstacle_to_replacing,
    own_descriptor,
)
from edgecnn.core.temporary import clean_once, part_name, temporary_folder

UNFIT_KINDS = {
    stat.S_IFDIR: "is a folder: name a file in it",
    stat.S_IFSOCK: "is a socket, which cannot be written to: name a file",
    stat.S_IFBLK: "is a disk, whose content would be destroyed: name a file",
}
"""Kind of a target that cannot be written -> what is said of it."""


@dataclass(frozen=True)
class _Place:
    """Where the content of a target goes: a file or a stream.

    Args:
        path: The file, at the end of all symbolic links, or what is opened as a stream.
        is_stream: Whether the content is written to what is there, which is not replaced.
        descriptor: Number of this process' open file that is the stream.
    """

    path: Path
    is_stream: bool = False
    descriptor: int | None = None

    @classmethod
    def of(cls, target: Path) -> _Place:
        """Find where a target's content goes; an InputError says that it cannot be written."""
        is_there = exists(target)
        descriptor = own_descriptor(target)
        if descriptor is not None:
            if not is_open_for_writing(descriptor):
                raise InputError(f"{quoted(target)} is not open for writing: name a file")
            return cls(target, is_stream=True, descriptor=descriptor)
        kind = stat.S_IFMT(target.stat().st_mode) if is_there else stat.S_IFREG
        if kind in UNFIT_KINDS:
            raise InputError(f"{quoted(target)} {UNFIT_KINDS[kind]}")
        if kind != stat.S_IFREG:
            if not os.access(target, os.W_OK):
                raise InputError(f"no permission to write to {quoted(target)}: name a file")
            return cls(target, is_stream=True)
        path = Path(os.path.realpath(target)) if target.is_symlink() else target
        _check_replaceable(path, is_there=is_there)
        return cls(path)

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """Yield a path to write the content to; what is there at the end is removed."""
        if self.is_stream:
            with temporary_folder() as folder:
                yield folder / "content"
            return
        target = self.path
        clean_once(target.parent)
        # Nobody else who may write to the folder can put a link where the file is going to be, as
        # the name is random.
        temporary = target.with_name(part_name(target.name, secrets.token_hex(4)))
        try:
            yield temporary
        finally:
            with suppress(OSError):
                temporary.unlink()

    def take(self, temporary: Path) -> None:
        """Make the content of a temporary file that of the target."""
        if self.is_stream:
            with temporary.open("rb") as content, self._open() as stream:
                shutil.copyfileobj(content, stream)
            return
        if self.path.exists():
            keep_attributes(self.path, temporary)
        temporary.replace(self.path)

    def _open(self) -> IO[bytes]:
        if self.descriptor is None:
            # No file is made where the stream has gone, and no terminal is taken over.
            flags = os.O_WRONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
            return os.fdopen(os.open(self.path, flags), "wb")
        if sys.stdout is not None:
            sys.stdout.flush()  # what was printed before stands before
        # Opening the path anew would begin at the start of a file that is partly written.
        return os.fdopen(os.dup(self.descriptor), "wb")


def _check_replaceable(path: Path, *, is_there: bool) -> None:
    check_writable_folder(path.parent)
    reason = obstacle_to_replacing(path) if is_there else None
    if reason is not None:
        raise InputError(f"{quoted(path)} {reason}: name another file")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path for the content of ``target``, which gets it whole if the block succeeds.

    Whatever ends the block early (an error, Ctrl-C) leaves the old file, or none. The head of this
    module says what is replaced and what is written to. Of two that write one target at the same
    time, the later has its content there, whole.

    Args:
        target: The file to make or to replace, in a folder that exists, or a stream.

    Raises:
        InputError: The target cannot be written: :func:`check_target` says why.
        EdgecnnError: The disk is full or the write failed.

    Example:
        >>> with replacing(Path("model.tflite")) as temporary:
        ...     temporary.write_bytes(content)
    """
    goal = _Place.of(target)
    with writing(target), goal.temporary() as temporary:
        yield temporary
        goal.take(temporary)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an OSError of the block into one line that says what could not be written.

    Args:
        target: The file or folder that is made.

    Raises:
        EdgecnnError: The disk is full, or something else kept it from being written.
    """
    try:
        yield
    except OSError as error:
        raise EdgecnnError(f"cannot write {quoted(target)}: {error.strerror or error}") from error


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Yield a temporary folder for a file that is to become ``target`` by :func:`place`.

    It is on the target's file system, so that a large file is renamed rather than copied; for a
    stream it is in the folder for temporary files.

    Raises:
        InputError: The target cannot be written.
        EdgecnnError: The folder cannot be made.

    Example:
        >>> with folder_beside(Path("out/net.keras")) as folder:
        ...     model.save(folder / "net.keras")
        ...     place(folder / "net.keras", Path("out/net.keras"))
    """
    goal = _Place.of(target)
    with ExitStack() as stack:
        with writing(target):
            parent = None if goal.is_stream else goal.path.parent
            folder = stack.enter_context(temporary_folder(parent))
        yield folder


def place(finished: Path, target: Path) -> None:
    """Move a finished file to its target, as :func:`replacing` would write it.

    Args:
        finished: The file; it is gone afterwards.
        target: The file to make or to replace, or a stream.

    Raises:
        InputError: The target cannot be written.
        EdgecnnError: The disk is full or the write failed.
    """
    with replacing(target) as temporary:
        shutil.move(finished, temporary)


def place_new(finished: Path, target: Path) -> None:
    """Give a finished file the name ``target`` unless there is a file by then, which stays.

    Args:
        finished: The file, in a folder of :func:`folder_beside`.
        target: Its name, or a symbolic link that leads to nothing yet.

    Raises:
        InputError: The target cannot be written.
        EdgecnnError: The file cannot be given the name.
    """
    path = _Place.of(target).path
    with suppress(OSError):  # There is a file by then, or the file system has no hard links.
        os.link(finished, path)
    with writing(target):
        if not path.exists():
            finished.rename(path)


def write_all(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files into a folder: all of them or none.

    Args:
        folder: The folder; it is made where it is not there, and removed again if the files cannot
            be written. Its other files stay.
        contents: Name -> content of each file.

    Returns:
        The files.

    Raises:
        InputError: The folder cannot be made, or a file in it cannot be written.
        EdgecnnError: The disk is full or the write failed.

    Example:
        >>> write_all(Path("golden"), {"ball.png": picture, "expected.json": b"{}"})
    """
    targets = [folder / name for name in contents]
    with folder_of_outputs(folder), ExitStack() as stack:
        temporaries = [stack.enter_context(replacing(target)) for target in targets]
        for temporary, target in zip(temporaries, targets, strict=True):
            with writing(target):
                temporary.write_bytes(contents[target.name])
    return targets


@contextmanager
def folder_of_outputs(folder: Path) -> Iterator[None]:
    """Make a folder where it is not there yet; remove it if the block fails and leaves it empty.

    Raises:
        InputError: The folder cannot be made: the one above it is missing, for example.
    """
    is_new = not exists(folder)
    make_folder(folder)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise


def make_folder(folder: Path, *, parents: bool = False) -> None:
    """Make a folder where it is not there yet, with those above it if ``parents`` is true.

    Raises:
        InputError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=parents, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot make the folder {quoted(folder)}: {reason}") from error


def is_stream(target: Path) -> bool:
    """Say whether a target is written to rather than replaced, so that it takes one content only.

    Raises:
        InputError: The target cannot be written.
    """
    return _Place.of(target).is_stream


def is_standard_output(target: Path) -> bool:
    """Say whether a target is what this process prints to: ``/dev/stdout``, ``/dev/fd/1``."""
    return own_descriptor(target) == 1


def exists(path: Path) -> bool:
    """Say whether there is something at a path.

    Raises:
        InputError: The path cannot be looked at: no permission, too long a name, links in a circle.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InputError(f"cannot look at {quoted(path)}: {error.strerror}") from error
    except ValueError as error:  # A NUL, or a letter that no file name can have.
        raise InputError(f"{quoted(path)} is no path: {error}") from error
    return True


def refuse_overwriting(target: Path, inputs: Iterable[str | Path]) -> None:
    """Raise InputError if writing ``target`` would destroy one of the files that are read.

    Args:
        target: The file to write.
        inputs: What a command reads, as the user named it; what is no file is ignored.
    """
    if not exists(target) or not target.is_file():
        return
    for each in map(Path, inputs):
        if exists(each) and target.samefile(each):
            raise InputError(
                f"writing {quoted(target)} would destroy {quoted(each)}, which is read: "
                "name another file"
            )


def check_target(target: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Check that a target can be written, before any long work.

    Args:
        target: The file to write, or a stream.
        inputs: What the command reads, which must not be destroyed.

    Raises:
        InputError: The target cannot be written, or it is one of the inputs.

    Example:
        >>> check_target(Path("results.json"), ["model.tflite"])
    """
    _Place.of(target)
    refuse_overwriting(target, inputs)


def check_writable_folder(folder: Path) -> None:
    """Raise InputError unless ``folder`` is a directory that this user may write to."""
    if not exists(folder):
        raise InputError(
            f"folder {quoted(folder)} does not exist: make it first, or choose another"
        )
    if not folder.is_dir():
        raise InputError(f"{quoted(folder)} is a file, where a folder is needed")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write to folder {quoted(folder)}: choose another")


def quoted(path: object) -> str:
    """Return a path in quotes and in one line: newlines and control characters are escaped.

    Example:
        >>> quoted("a\\nb.keras")
        "'a\\\\nb.keras'"
    """
    text = str(path)
    mark = '"' if "'" in text and '"' not in text else "'"
    return mark + printable(text.replace("\\", "\\\\").replace(mark, f"\\{mark}")) + mark


def check_input(path: Path) -> None:
    """Raise InputError unless a path can be opened and is a file: no folder, pipe or device."""
    try:
        open_input(path).close()
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error


def first_bytes(path: Path, count: int = 8) -> bytes:
    """Return the first bytes of a file, which tell its format.

    Raises:
        InputError: The file cannot be read, or it is empty.
    """
    try:
        with open_input(path) as file:
            head = file.read(count)
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    if not head:
        raise InputError(f"{quoted(path)} is empty")
    return head


def cache_folder(name: str) -> Path:
    """Return (and make) a folder in the user's cache; ``EDGECNN_CACHE`` moves the root.

    Args:
        name: Name of the folder, after what it holds: ``"weights"``, ``"models"``.
    """
    root = os.environ.get("EDGECNN_CACHE")
    if not root:
        import platformdirs

        root = platformdirs.user_cache_dir("edgecnn", appauthor=False)
    folder = Path(root) / name
    try:
        make_folder(folder, parents=True)
    except InputError as error:
        raise InputError(
            f"{error}; set EDGECNN_CACHE to a folder that can be written to"
        ) from error
    return folder


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_input(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def json_bytes(value: object) -> bytes:
    """Return the content of a JSON file, indented, with a newline at its end."""
    return (json_text(value) + "\n").encode()


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(json_bytes(value))

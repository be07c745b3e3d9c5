"""Files that are written whole or not at all, where they may go, and what is in them."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.temporary import clean_once, part_name


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that becomes ``target`` if the block succeeds.

    Whatever ends the block early (an error, Ctrl-C) leaves the old file, or none.

    Args:
        target: The file to make or to replace; its folder must exist.

    Raises:
        InputError: The folder does not exist or cannot be written to.
        EdgecnnError: The disk is full or the write failed.

    Example:
        >>> with replacing(Path("model.tflite")) as temporary:
        ...     temporary.write_bytes(content)
    """
    check_target(target)
    clean_once(target.parent)
    temporary = target.with_name(part_name(target.name))
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise EdgecnnError(f"cannot write {quoted(target)}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def exists(path: Path) -> bool:
    """Say whether there is something at a path.

    Raises:
        InputError: The path cannot be looked at: no permission, or too long a name.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InputError(f"cannot look at {quoted(path)}: {error.strerror}") from error
    return True


def refuse_overwriting(target: Path, models: Iterable[str | Path]) -> None:
    """Raise InputError if writing ``target`` would destroy one of the models given."""
    if exists(target) and any(exists(Path(m)) and target.samefile(m) for m in models):
        raise InputError(f"writing {quoted(target)} would destroy the model: name another file")


def check_target(target: Path, models: Iterable[str | Path] = ()) -> None:
    """Raise InputError if a file cannot be written, or if that would destroy one of the models."""
    check_writable_folder(target.parent)
    if exists(target) and target.is_dir():
        raise InputError(f"{quoted(target)} is a folder: name a file in it")
    refuse_overwriting(target, models)


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
    return repr(str(path))


def first_bytes(path: Path, count: int = 8) -> bytes:
    """Return the first bytes of a file, which tell its format.

    Raises:
        InputError: The file cannot be read, or it is empty.
    """
    try:
        with path.open("rb") as file:
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
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the cache folder {quoted(folder)}: {error.strerror}; "
            "set EDGECNN_CACHE to a folder that can be written to"
        ) from error
    return folder


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def json_values(value: Any) -> Any:
    """Return values as JSON has them: lists for tuples, None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): json_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all, indented, with a newline at its end."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")

"""A SavedModel that is packed as a zip, as it is passed on: looked at, unpacked, identified."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath

from edgecnn.core.temporary import temporary_folder
from edgecnn.core.zip_files import (
    ZIP_ERRORS,
    check_contents,
    member_blocks,
    opened_zip,
    zip_explained,
)

GRAPHS = "saved_model.pb"
"""The file that makes a folder a SavedModel."""


def is_saved_model_zip(path: Path) -> bool:
    """Say whether a zip has a SavedModel at its top or in one folder."""
    try:
        with opened_zip(path) as archive:
            return _top(archive) is not None
    except ZIP_ERRORS:
        return False


def check_zip(path: Path) -> int:
    """Refuse a zip that is damaged or a bomb.

    Returns:
        The bytes of the SavedModel's ``saved_model.pb``.

    Raises:
        InputError: The zip cannot be unpacked.
    """
    with _explained(path), opened_zip(path) as archive:
        check_contents(archive)
        return archive.getinfo(f"{_top(archive)}{GRAPHS}").file_size


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack the SavedModel in a zip to a temporary folder, which is there as long as the context.

    Raises:
        InputError: The zip cannot be unpacked.
    """
    with temporary_folder() as folder:
        with _explained(path), opened_zip(path) as archive:
            for name, inner in _files(archive):
                target = folder / inner
                target.parent.mkdir(parents=True, exist_ok=True)
                # No link, whatever the zip says of the file: its content is written.
                with target.open("xb") as file:
                    file.writelines(member_blocks(archive, name))
        yield folder


def zip_digests(path: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield each file's path in the SavedModel in a zip, and the SHA-256 of its content."""
    with opened_zip(path) as archive:
        for name, inner in _files(archive):
            digest = hashlib.sha256()
            for block in member_blocks(archive, name):
                digest.update(block)
            yield inner, digest.hexdigest()


def sha256_of_files(files: Iterable[tuple[PurePosixPath, str]]) -> str:
    """Return the SHA-256 of the list of a SavedModel's files, the same for a folder and its zip.

    Args:
        files: Path of each file in the SavedModel, and the SHA-256 of its content.
    """
    lines = (f"{digest}  {path}\n" for path, digest in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _explained(path: Path) -> AbstractContextManager[None]:
    return zip_explained(path, "a zip of a SavedModel", "pack the SavedModel again")


def _top(archive: zipfile.ZipFile) -> str | None:
    """Return what stands before ``saved_model.pb`` in a zip; None if that is not there once."""
    found = [
        name.removesuffix(GRAPHS)
        for name in archive.namelist()
        if PurePosixPath(name).name == GRAPHS and name.count("/") <= 1
    ]
    return found[0] if len(found) == 1 else None


def _files(archive: zipfile.ZipFile) -> Iterator[tuple[str, PurePosixPath]]:
    """Yield the name of each of a SavedModel's files in its zip, and its path in the SavedModel."""
    top = _top(archive)
    assert top is not None
    for info in archive.infolist():
        if not info.is_dir() and info.filename.startswith(top):
            yield info.filename, PurePosixPath(info.filename.removeprefix(top))

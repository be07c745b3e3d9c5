"""What every file of a folder is: an image that is used, or why it is not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import counted, first_few
from edgecnn.data.image_files import DataNote
from edgecnn.data.image_formats import (
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    OPTIONAL_FORMATS,
    content_format,
    optional_format,
)

SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
SYSTEM_FOLDERS = frozenset(
    {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)
"""Folders that systems, archives and network drives make; the images in them are copies."""

DOCUMENT_SUFFIXES = frozenset(
    {".txt", ".md", ".rst", ".pdf", ".html", ".htm", ".csv", ".tsv", ".json", ".jsonl", ".xml"}
    | {".yaml", ".yml", ".toml", ".ini", ".cfg", ".log", ".py", ".ipynb", ".sh", ".url", ".mat"}
)
RAW_SUFFIXES = frozenset(
    {".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".raf", ".rw2", ".pef", ".srw"}
)
"""Cameras' raw files; several are TIFF files whose first picture is a small preview."""

DOCUMENT, RAW, BROKEN_LINK, NO_FILE = NOUNS = (
    "document",
    "raw camera file",
    "broken link",
    "special file",
)
SYSTEM, UNKNOWN = "hidden or the system's", "of unknown suffix"
UNREMARKABLE = frozenset({DOCUMENT, SYSTEM})
"""Kinds of files that nobody takes for images, so that they alone are no reason for a note."""

NO_SUFFIX = "none"


@dataclass(frozen=True)
class FolderContent:
    """The files of a folder, and maybe of the folders in it, by what they are.

    Args:
        images: Paths of the folder's own image files, sorted.
        deeper: Paths of image files in deeper folders, sorted.
        folders: The folders that the folder holds, sorted, without hidden ones.
        others: Number of the other files by their kind and suffix.
    """

    images: list[str]
    deeper: list[str]
    folders: list[Path]
    others: Counter[tuple[str, str]]

    @property
    def every_image(self) -> list[str]:
        """Paths of the folder's images, and then of those in deeper folders."""
        return [*self.images, *self.deeper]


def folder_content(folder: Path, recursive: bool) -> FolderContent:
    """Find out what the files of a folder are; only those of unknown suffix are looked into.

    Hidden folders are not entered, nor links that lead back to a folder around them.

    Args:
        folder: The folder.
        recursive: Whether the folders in it are entered, too.

    Raises:
        InputError: A folder cannot be read.
    """
    images: list[str] = []
    deeper: list[str] = []
    folders: list[Path] = []
    others: Counter[tuple[str, str]] = Counter()
    waiting: list[tuple[str, tuple[str, ...]]] = [(str(folder), (os.path.realpath(folder),))]
    while waiting:
        place, chain = waiting.pop()
        found = images if len(chain) == 1 else deeper
        for entry in _entries(place):
            if _is_folder(entry):
                if len(chain) == 1:
                    folders.append(Path(entry.path))
                real = os.path.realpath(entry.path)
                if recursive and real not in chain:
                    waiting.append((entry.path, (*chain, real)))
            elif (kind := _kind(entry)) is None:
                found.append(entry.path)
            else:
                others[kind] += 1
    return FolderContent(_sorted(images), _sorted(deeper), sorted(folders), others)


def _sorted(paths: list[str]) -> list[str]:
    """Return paths in the order of ``Path``, at a third of the time."""
    return sorted(paths, key=lambda path: os.path.normcase(path).split(os.sep))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputError(f"cannot read folder {quoted(folder)}: {error.strerror}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder that may hold images."""
    name = entry.name
    return (
        not name.startswith(".") and name.lower() not in SYSTEM_FOLDERS and _succeeds(entry.is_dir)
    )


def _succeeds(check: Callable[[], bool]) -> bool:
    """Return what a check says; False where a link leads in a circle or to a forbidden place."""
    try:
        return check()
    except OSError:
        return False


def _kind(entry: os.DirEntry[str]) -> tuple[str, str] | None:
    """Return the kind and the suffix of a file that is no image to be read; None for an image."""
    suffix = os.path.splitext(entry.name)[1].lower()
    if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FILES | SYSTEM_FOLDERS:
        return SYSTEM, suffix
    if not _succeeds(entry.is_file):
        return (BROKEN_LINK if entry.is_symlink() else NO_FILE), suffix
    if suffix in IMAGE_SUFFIXES:
        return None
    for kind, suffixes in ((DOCUMENT, DOCUMENT_SUFFIXES), (RAW, RAW_SUFFIXES)):
        if suffix in suffixes:
            return kind, suffix
    return _kind_by_content(entry.path, suffix)


def _kind_by_content(path: str, suffix: str) -> tuple[str, str] | None:
    by_suffix = next((each.name for each in OPTIONAL_FORMATS if suffix in each.suffixes), None)
    name = by_suffix or content_format(_head(path))
    if name is None:
        return UNKNOWN, suffix or NO_SUFFIX
    optional = optional_format(name)
    if optional is None or optional.is_readable:
        return None
    return f'{name}, read after "{optional.remedy}"', suffix or NO_SUFFIX


def _head(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


@dataclass(frozen=True)
class FileAccount:
    """How many files there are, how many of them are images in use, and what the others are.

    Args:
        images: Number of image files in use.
        deeper: Number of those in folders below the folders of their class.
        unused: Number of image files that are not in use.
        unused_where: Where the images are that are not in use, such as ``"beside the class
            folders"``.
        missing: Number of files that a list names and that are not there.
        others: Number of the other files by their kind and suffix.
        without_images: Names of folders that hold no image, and so are no class.

    Example:
        >>> str(FileAccount(60, unused=2, unused_where="beside the class folders"))
        '62 files: 60 images, 2 images beside the class folders'
    """

    images: int
    deeper: int = 0
    unused: int = 0
    unused_where: str = ""
    missing: int = 0
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    without_images: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the account in one line."""
        total = self.images + self.unused + self.others.total()
        deeper = f" ({self.deeper:,} in deeper folders of their class)" if self.deeper else ""
        parts = [counted(self.images, "image") + deeper, *self._not_used()]
        return f"{counted(total, 'file')}: {', '.join(parts)}"

    def notes(self, folder: object) -> tuple[DataNote, ...]:
        """Return what a user should know: nothing where every file that may be an image is used.

        Args:
            folder: The folder that the account is of.
        """
        found = f"{quoted(folder)} has {self}"
        kinds = {kind for kind, _ in self.others}
        if kinds - UNREMARKABLE or self.unused or self.missing or self.without_images:
            return (DataNote(found, "nothing but those images is used"),)
        if self.deeper:
            return (DataNote(found, "the class is that of the folder at the top"),)
        return ()

    def _not_used(self) -> Iterator[str]:
        if self.unused:
            yield f"{counted(self.unused, 'image')} {self.unused_where}"
        by_kind: dict[str, dict[str, int]] = {}
        for (kind, suffix), count in sorted(self.others.items(), key=lambda each: (-each[1], each)):
            by_kind.setdefault(kind, {})[suffix] = count
        for kind, counts in by_kind.items():
            total = sum(counts.values())
            named = first_few(suffix for suffix in counts if suffix)
            found = counted(total, kind) if kind in NOUNS else f"{total:,} {kind}"
            yield found + (f" ({named})" if named else "")
        if self.missing:
            yield f"{self.missing:,} listed and not there"
        if self.without_images:
            names = first_few(self.without_images)
            folders = counted(len(self.without_images), "folder")
            yield f"{folders} without images, so no class ({names})"

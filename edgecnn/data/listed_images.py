"""Images that a list names with their labels, found in the folder that the list lies in."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from os.path import basename, dirname, exists, isabs, isdir, join, normpath, splitdrive, splitext
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import counted
from edgecnn.data.file_accounting import FileAccount, folder_content
from edgecnn.data.image_files import DataNote, ImageFiles
from edgecnn.data.image_formats import IMAGE_SUFFIXES
from edgecnn.data.written_labels import NAMES_FILE, ClassLabels, class_labels

IMAGES = "images"
"""Name of a folder beside the list that images may lie in."""


@dataclass(frozen=True)
class ListedImage:
    """What a list says of an image.

    Args:
        file: Path of the image, relative to the list's folder or to ``images/`` in it; the suffix
            may be missing.
        label: The label as it is written.
        where: Place in the list, such as ``line 3``.
    """

    file: str
    label: str
    where: str


def listed_images(
    source: Path,
    name: str,
    listed: Sequence[ListedImage],
    to_labels: Callable[[Sequence[str]], ClassLabels] | None = None,
    notes: tuple[DataNote, ...] = (),
) -> ImageFiles:
    """Find the images of a list.

    Args:
        source: The list.
        name: Name or path that the data are opened by.
        listed: What the list says of each image.
        to_labels: Tells what the labels are; None where whole numbers are class indices, and
            anything else is a name.
        notes: What a user should know of the list.

    Raises:
        InputError: The list is empty, a path leads out of the folder, none of the files is there,
            or an image has two labels.

    Example:
        >>> listed_images(Path("labels.csv"), "photos", [ListedImage("a.png", "cat", "line 2")])
    """
    if not listed:
        raise InputError(f"{quoted(source)} is empty")
    finder = _Finder(source)
    paths = list(map(finder.find, listed))
    _refuse_two_labels(source, paths, listed)
    texts = [each.label for each in listed]
    labels = (
        class_labels(texts, source.parent / NAMES_FILE, quoted(source))
        if to_labels is None
        else to_labels(texts)
    )
    account = finder.account(paths, is_whole=source != Path(name))
    return ImageFiles(
        name,
        tuple(map(Path, paths)),
        labels.labels,
        labels.class_names,
        labels.states_indices,
        summary=str(account),
        notes=(*notes, *_contradictions(source, paths, texts), *account.notes(name)),
    )


def _contradictions(
    source: Path, paths: Sequence[str], texts: Sequence[str]
) -> tuple[DataNote, ...]:
    """Say how many images lie in a folder that has the name of another class than their own."""
    classes = set(texts)
    others = sum(
        folder != text and folder in classes
        for folder, text in zip(map(basename, map(dirname, paths)), texts, strict=True)
    )
    if not others:
        return ()
    found = f"{counted(others, 'image')} of {quoted(source)} in a folder of another class's name"
    return (DataNote(found, "the list says the classes, the folders do not"),)


def _refuse_two_labels(source: Path, paths: Sequence[str], listed: Sequence[ListedImage]) -> None:
    first: dict[str, ListedImage] = {}
    for path, each in zip(paths, listed, strict=True):
        other = first.setdefault(path, each)
        if other.label != each.label:
            raise InputError(
                f"{quoted(source)} has {quoted(each.file)} twice, as {quoted(other.label)} "
                f"({other.where}) and as {quoted(each.label)} ({each.where}): an image can have "
                "one class only"
            )


@dataclass
class _Finder:
    """Finds listed files, and remembers the folders that it looked into."""

    source: Path
    missing: int = 0
    _names: dict[str, frozenset[str]] = field(default_factory=dict)
    _suffixes: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = self.source.parent
        inner = folder / IMAGES
        self._roots = [str(inner), str(folder)] if inner.is_dir() else [str(folder)]

    def find(self, listed: ListedImage) -> str:
        """Return the path of a listed image; where it is missing, that at which it should be."""
        relative = self._relative(listed, listed.file)
        found = self._there(relative)
        if not found and "\\" in listed.file:
            relative = self._relative(listed, listed.file.replace("\\", "/"))
            found = self._there(relative)
        if not found:
            found = [
                path for root in self._roots for path in self._with_suffix(join(root, relative))
            ]
        if len(found) > 1:
            raise InputError(
                f"{self._place(listed)}: {quoted(listed.file)} may be {quoted(found[0])} or "
                f"{quoted(found[1])}: remove one, or write the whole name"
            )
        self.missing += not found
        return found[0] if found else join(self._roots[0], relative)

    def account(self, paths: Sequence[str], is_whole: bool) -> FileAccount:
        """Return what all files are.

        Args:
            paths: Paths of the listed images.
            is_whole: Whether that is said of everything in the list's folder; else of the folders
                in which listed images lie.

        Raises:
            InputError: None of the listed files is there.
        """
        if self.missing == len(paths):
            raise InputError(
                f"none of the {len(paths)} files that {quoted(self.source)} lists is there, not "
                f"even {quoted(paths[0])}: put the list beside its images, or give it another name "
                "if it is no such list"
            )
        used = set(paths)
        inner = sorted({Path(folder) for folder in map(dirname, used) if isdir(folder)})
        folders = [self.source.parent] if is_whole else inner
        contents = [folder_content(each, recursive=is_whole) for each in folders]
        images = {image for content in contents for image in content.every_image}
        return FileAccount(
            images=len(used & images),
            unused=len(images - used),
            unused_where=f"that {quoted(self.source.name)} does not list",
            missing=self.missing,
            others=reduce(add, (content.others for content in contents)),
        )

    def _place(self, listed: ListedImage) -> str:
        return f"{quoted(self.source)}, {listed.where}"

    def _relative(self, listed: ListedImage, name: str) -> str:
        if not name or "\0" in name:
            raise InputError(f"{self._place(listed)}: {quoted(name)} is no name of a file")
        if isabs(name) or splitdrive(name)[0] or ".." in name.replace("\\", "/").split("/"):
            raise InputError(f"{self._place(listed)}: {quoted(name)} leads out of the folder")
        return normpath(name)

    def _there(self, relative: str) -> list[str]:
        return [path for root in self._roots if self._is_there(path := join(root, relative))]

    def _is_there(self, path: str) -> bool:
        # A look at the folder's names saves asking for each file; a file system that takes names
        # in other letters is asked.
        return basename(path) in self._listing(dirname(path)) or exists(path)

    def _with_suffix(self, path: str) -> list[str]:
        folder = dirname(path)
        if folder not in self._suffixes:
            suffixes: dict[str, list[str]] = defaultdict(list)
            for stem, suffix in map(splitext, sorted(self._listing(folder))):
                if suffix.lower() in IMAGE_SUFFIXES:
                    suffixes[stem].append(suffix)
            self._suffixes[folder] = suffixes
        return [path + suffix for suffix in self._suffixes[folder].get(basename(path), ())]

    def _listing(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]

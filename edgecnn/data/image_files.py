"""Images that lie in files, with what is known of their labels and what a user should know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgecnn.core.input_files import open_input
from edgecnn.data.images import Pixels, decode, decode_cut
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.tables import LabelTable
from edgecnn.data.targets import Targets


@dataclass(frozen=True)
class DataNote:
    """What a user should know of how data were read.

    Args:
        message: What was found.
        advice: What follows from it, or what to do about it.
    """

    message: str
    advice: str

    def __str__(self) -> str:
        """Return the note in one line."""
        return f"{self.message}: {self.advice}"


class Labelled:
    """What data sets share: the number of classes, and digests of images by their content."""

    labels: tuple[int, ...] | None
    class_names: tuple[str, ...] | None

    @cached_property
    def _digests(self) -> dict[int, bytes]:
        # Each model of a bench asks for all of them again.
        return {}

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of an image's content; OSError where its file is gone."""
        if index not in self._digests:
            self._digests[index] = hashlib.sha256(self._content(index)).digest()
        return self._digests[index]

    def _content(self, index: int) -> bytes:
        raise NotImplementedError

    @property
    def classes(self) -> int | None:
        """Number of classes."""
        if self.class_names is not None:
            return len(self.class_names)
        return max(self.labels) + 1 if self.labels else None


@dataclass(frozen=True)
class ImageFiles(Labelled):
    """Image files, decoded when they are read.

    Args:
        name: Name or path that the images were opened by.
        paths: The files.
        labels: Class index of each image; None where there are no labels.
        class_names: Name of each class by its index; None where names are not known.
        states_indices: Whether the data numbers its classes itself.
        summary: What all files of the folder are, such as ``120 files: 60 images, 60 of unknown
            suffix (.xyz)``; empty where the images come from no folder.
        notes: What a user should know of how the data were read.
        targets: What is wanted for each image where that is no class; None where nothing else is.
        table: All columns of the table that lists the images; None where it has one beside that of
            the files, or where they come from no table.
    """

    name: str
    paths: tuple[Path, ...]
    labels: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None
    states_indices: bool = True
    summary: str = ""
    notes: tuple[DataNote, ...] = ()
    targets: Targets | None = None
    table: LabelTable | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def read(self, index: int) -> Pixels:
        """Decode an image; UnreadableImageError if that is not possible."""
        return decode(self.paths[index])

    def cut(self, index: int, spec: InputSpec) -> Pixels:
        """Decode and cut an image; UnreadableImageError if that is not possible."""
        return decode_cut(self.paths[index], spec)

    def item_name(self, index: int) -> str:
        """Return the file's path."""
        return str(self.paths[index])

    def _content(self, index: int) -> bytes:
        with open_input(self.paths[index]) as file:
            return file.read()

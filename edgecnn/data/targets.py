"""What labelled data want of a model's answers, where that is no class of the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgecnn.core.input_files import open_input

Array = npt.NDArray[Any]


class Targets(Protocol):
    """What is wanted for each sample of a data set."""

    @property
    def what(self) -> str:
        """What the targets are, in the plural: ``"masks"``."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def content(self, index: int) -> bytes:
        """Return what a digest of the target is made of; OSError where its file is gone."""


@dataclass(frozen=True)
class ArrayTargets:
    """An array of what is wanted, of whatever kind the model's output is.

    Args:
        name: Name of the array.
        values: What is wanted, shape (samples, ...).
        columns: Name of each number of a row, where the array comes from a table.
        reading: How the array was read, in words, where that is to be told.
    """

    name: str
    values: Array = field(repr=False)
    columns: tuple[str, ...] = ()
    reading: str = ""
    what: str = "arrays"

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.values)

    def content(self, index: int) -> bytes:
        """Return the bytes of a sample's array."""
        return np.ascontiguousarray(self.values[index]).tobytes()


class FilesOfTargets:
    """Targets that lie in files of their own, one for each image."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.paths)

    def content(self, index: int) -> bytes:
        """Return the content of a file."""
        with open_input(self.paths[index]) as file:
            return file.read()


@dataclass(frozen=True)
class TargetImages(FilesOfTargets):
    """An image that is wanted for each image.

    Args:
        paths: The files.
    """

    paths: tuple[Path, ...]
    what: str = "target images"

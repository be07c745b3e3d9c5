"""What ``DATA`` can be: class folders, a folder with ``val_map.txt``, images, an .npz, digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, quoted
from edgecnn.data.digits import CLASS_NAMES, DIGITS, read_digits
from edgecnn.data.images import IMAGE_SUFFIXES, Pixels, decode, decode_cut, fit
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.npz import read_npz

VAL_MAP = "val_map.txt"
LABELS = "labels.txt"
IMAGES = "images"
MAP_LINE = re.compile(r"[ \t]*(.+?)[ \t]+([0-9]{1,9})[ \t]*")

BUILT_IN = "builtin:"
"""Prefix of a name that means built-in data, whatever the current folder holds."""


class Dataset(Protocol):
    """Images by index, with labels where they are known."""

    @property
    def name(self) -> str:
        """Name or path that the data set was opened by."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Name of each class by its index; None where names are not known."""

    @property
    def labels(self) -> tuple[int, ...] | None:
        """Class index of each image; None where there are no labels."""

    @property
    def classes(self) -> int | None:
        """Number of classes; at least the highest label plus one."""

    @property
    def states_indices(self) -> bool:
        """Whether the data numbers its classes itself.

        Otherwise its classes are only named, and a label is the place of a name among the others.
        """

    def __len__(self) -> int:
        """Return the number of images."""

    def read(self, index: int) -> Pixels:
        """Return an image: uint8, (height, width, 3) RGB or (height, width, 1) grey."""

    def cut(self, index: int, spec: InputSpec) -> Pixels:
        """Return an image cut to a model's size: uint8, the spec's shape."""

    def item_name(self, index: int) -> str:
        """Return the name of an image for messages."""

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of an image's content; OSError where its file is gone."""


class _Labelled:
    """The number of classes, from labels and names that a data set may have."""

    labels: tuple[int, ...] | None
    class_names: tuple[str, ...] | None

    @cached_property
    def _digests(self) -> dict[int, bytes]:
        # Each model of a bench asks for all of them again.
        return {}

    @property
    def classes(self) -> int | None:
        """Number of classes."""
        if self.class_names is not None:
            return len(self.class_names)
        return max(self.labels) + 1 if self.labels else None


@dataclass(frozen=True)
class ImageFiles(_Labelled):
    """Image files, decoded when they are read."""

    name: str
    paths: tuple[Path, ...]
    labels: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None
    states_indices: bool = True

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

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of the file's bytes."""
        if index not in self._digests:
            self._digests[index] = hashlib.sha256(self.paths[index].read_bytes()).digest()
        return self._digests[index]


@dataclass(frozen=True)
class ImageArray(_Labelled):
    """Images in memory.

    Args:
        name: Name or path that the images were opened by.
        images: Pixels, uint8, shape (count, height, width, channels), 1 or 3 channels.
        labels: Class index of each image; None where there are no labels.
        class_names: Name of each class by its index; None where names are not known.
        states_indices: Whether the data numbers its classes itself.
    """

    name: str
    images: Pixels = field(repr=False)
    labels: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None
    states_indices: bool = True

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def read(self, index: int) -> Pixels:
        """Return an image."""
        image: Pixels = self.images[index]
        return image

    def cut(self, index: int, spec: InputSpec) -> Pixels:
        """Return an image cut to a model's size."""
        return fit(self.images[index], spec)

    def item_name(self, index: int) -> str:
        """Return the name and the index."""
        return f"{self.name}[{index}]"

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of the image's shape and pixels."""
        if index not in self._digests:
            image = self.images[index]
            content = f"{image.shape}".encode() + image.tobytes()
            self._digests[index] = hashlib.sha256(content).digest()
        return self._digests[index]


def open_dataset(data: str | Path) -> Dataset:
    """Open ``DATA``; what lies at such a path comes before built-in data of that name.

    Args:
        data: A folder of class folders (sorted, they are the class indices), a folder with
            ``images/`` and ``val_map.txt`` ("file index" a line), a folder of images (without
            labels), an ``.npz`` with ``x`` and maybe ``y``, ``"digits"`` (the held-out fifth of
            the built-in handwritten digits) or ``"digits-train"`` (the rest);
            ``"builtin:digits"`` is the built-in one even where there is a folder ``digits``.

    Raises:
        InputError: The data does not exist, holds no image, or is malformed.

    Example:
        >>> len(open_dataset("digits"))
        364
    """
    name, path = str(data), Path(data)
    if name.startswith(BUILT_IN) or not exists(path):
        return _built_in(name.removeprefix(BUILT_IN))
    try:
        return _at(path)
    except InputError as error:
        if name not in DIGITS:
            raise
        raise InputError(f"{error}; the built-in data of this name is {BUILT_IN}{name}") from error


def shadowed_name(dataset: Dataset) -> str | None:
    """Return the full name of built-in data if a folder of the same name was opened instead.

    Example:
        >>> shadowed_name(open_dataset("digits"))  # in a folder that holds one called digits
        'builtin:digits'
    """
    is_folder = isinstance(dataset, ImageFiles)
    return f"{BUILT_IN}{dataset.name}" if is_folder and dataset.name in DIGITS else None


def _at(path: Path) -> Dataset:
    if path.is_file():
        return ImageArray(str(path), *read_npz(path))
    if (path / VAL_MAP).is_file():
        return _mapped(path)
    folders = sorted(p for p in _entries(path) if p.is_dir() and not p.name.startswith("."))
    per_class = [_image_files(folder) for folder in folders]
    if any(per_class):
        return _class_folders(path, folders, per_class)
    images = _image_files(path)
    if not images:
        raise InputError(
            f"{quoted(path)} holds no images: give class folders, images/ with {VAL_MAP}, "
            "a folder of images, or an .npz"
        )
    return ImageFiles(str(path), tuple(images))


def _built_in(name: str) -> Dataset:
    if name in DIGITS:
        images, labels = read_digits(name)
        return ImageArray(name, images, tuple(labels.tolist()), CLASS_NAMES)
    raise InputError(f"no data at {quoted(name)}: give a folder, an .npz, or {', '.join(DIGITS)}")


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read folder {quoted(folder)}: {error.strerror}") from error


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in _entries(folder)
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


def _class_folders(path: Path, folders: list[Path], per_class: list[list[Path]]) -> ImageFiles:
    paths = [image for images in per_class for image in images]
    labels = [index for index, images in enumerate(per_class) for _ in images]
    names = tuple(folder.name for folder in folders)
    return ImageFiles(str(path), tuple(paths), tuple(labels), names, states_indices=False)


def _mapped(path: Path) -> ImageFiles:
    """Open a folder in the form that MLPerf and ImageNet tools write."""
    listed = path / VAL_MAP
    root = path / IMAGES if (path / IMAGES).is_dir() else path
    pairs = [
        _parse_line(line, root, f"{quoted(listed)}, line {number}")
        for number, line in enumerate(_lines(listed), 1)
        if line.strip()
    ]
    if not pairs:
        raise InputError(f"{quoted(listed)} is empty")
    paths, labels = zip(*pairs, strict=True)
    names = _class_names(path / LABELS)
    if names is not None and max(labels) >= len(names):
        raise InputError(
            f"{quoted(listed)} has class index {max(labels)}, but {LABELS} names {len(names)}"
        )
    return ImageFiles(str(path), tuple(paths), tuple(labels), names)


def _lines(path: Path) -> list[str]:
    # Not str.splitlines, which also ends a line at characters that a file's name may have.
    try:
        with path.open(encoding="utf-8-sig") as file:
            return [line.rstrip("\n") for line in file]
    except UnicodeDecodeError as error:
        raise InputError(f"{quoted(path)} is not a UTF-8 text file") from error
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error


def _parse_line(line: str, root: Path, where: str) -> tuple[Path, int]:
    match = MAP_LINE.fullmatch(line)
    if match is None:
        raise InputError(f"{where}: expected 'file index', found {line.strip()[:80]!r}")
    name, index = match.groups()
    relative = Path(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise InputError(f"{where}: {quoted(name)} leads out of the folder")
    return root / relative, int(index)


def _class_names(path: Path) -> tuple[str, ...] | None:
    return tuple(_lines(path)) if path.is_file() else None


def sample_indices(dataset: Dataset, count: int, seed: int = 0) -> list[int]:
    """Draw images evenly over the classes, always the same ones.

    Args:
        dataset: A data set with or without labels.
        count: Number of images; all of them if there are fewer.
        seed: Seed of the shuffle.

    Returns:
        Indices of the images, each once.

    Example:
        >>> sample_indices(open_dataset("digits"), 3) == sample_indices(open_dataset("digits"), 3)
        True
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    order = [int(index) for index in generator.permutation(len(dataset))]
    if dataset.labels is None:
        return order[:count]
    rounds = _rounds(order, dataset.labels)
    return sorted(order, key=lambda index: rounds[index])[:count]


def _rounds(order: Sequence[int], labels: Sequence[int]) -> dict[int, int]:
    """Give each index the round in which its class's turn comes to it."""
    seen: dict[int, int] = {}
    rounds = {}
    for index in order:
        rounds[index] = seen[labels[index]] = seen.get(labels[index], -1) + 1
    return rounds

"""What ``DATA`` can be: folders of images, lists of images with labels, an .npz, digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import check_input, exists, quoted
from edgecnn.data.class_folders import read_folder
from edgecnn.data.digits import CLASS_NAMES, DIGITS, read_digits
from edgecnn.data.image_files import DataNote, ImageFiles, Labelled
from edgecnn.data.images import Pixels, fit
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.label_lists import find_list, is_list, read_list
from edgecnn.data.npz import read_npz, split_choice
from edgecnn.data.target_folders import read_target_folders
from edgecnn.data.targets import Targets
from edgecnn.data.yolo import YAML_SUFFIXES, read_yolo_yaml, split_part

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
    def targets(self) -> Targets | None:
        """What is wanted for each image where that is no class; None where nothing else is."""

    @property
    def states_indices(self) -> bool:
        """Whether the data numbers its classes itself.

        Otherwise its classes are only named, and a label is the place of a name among the others.
        """

    @property
    def notes(self) -> tuple[DataNote, ...]:
        """What a user should know of how the data were read."""

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


@dataclass(frozen=True)
class ImageArray(Labelled):
    """Images in memory.

    Args:
        name: Name or path that the images were opened by.
        images: Pixels, uint8, shape (count, height, width, channels), 1 or 3 channels.
        labels: Class index of each image; None where there are no labels.
        class_names: Name of each class by its index; None where names are not known.
        states_indices: Whether the data numbers its classes itself.
        notes: What a user should know of how the data were read.
        targets: What is wanted for each image where that is no class.
    """

    name: str
    images: Pixels = field(repr=False)
    labels: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None
    states_indices: bool = True
    notes: tuple[DataNote, ...] = ()
    targets: Targets | None = None

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

    def _content(self, index: int) -> bytes:
        image = self.read(index)
        return f"{image.shape}".encode() + image.tobytes()


def open_dataset(data: str | Path) -> Dataset:
    """Open ``DATA``; what lies at such a path comes before built-in data of that name.

    Args:
        data: A folder of class folders, a folder of images (without labels), a list of images with
            their labels (``val_map.txt``, ``.csv``, COCO's ``.json``, Ultralytics' ``data.yaml``,
            of which ``data.yaml:train`` names a part) or the folder that it lies in, an ``.npz``
            (``data.npz:images,labels`` names its arrays), ``"digits"`` (the held-out fifth of the
            built-in handwritten digits) or ``"digits-train"`` (the rest);
            ``"builtin:digits"`` is the built-in one even where there is a folder ``digits``.

    Raises:
        InputError: The data does not exist, holds no image, is malformed, or can be understood in
            several ways.

    Example:
        >>> len(open_dataset("digits"))
        364
    """
    name, path = str(data), Path(data)
    if name.startswith(BUILT_IN):
        return _built_in(name.removeprefix(BUILT_IN))
    if not exists(path):
        listed, part = split_part(name)
        if part is not None:
            check_input(listed)
            return read_yolo_yaml(listed, name, part)
        file, arrays = split_choice(name)
        return _npz(name, file, arrays) if arrays else _built_in(name)
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
    if path.is_dir():
        listed, with_targets = find_list(path), read_target_folders(path)
        if listed is not None and with_targets is not None:
            raise InputError(
                f"{quoted(path)} has the list {listed.name} beside {with_targets.summary}: give "
                f"{quoted(listed)}, or move it away"
            )
        if with_targets is not None:
            return with_targets
        return read_folder(path) if listed is None else read_list(listed, str(path))
    if path.is_file() and is_list(path):
        return read_list(path, str(path))
    if path.is_file() and path.suffix.lower() in YAML_SUFFIXES:
        return read_yolo_yaml(path, str(path))
    return _npz(str(path), path)


def _npz(name: str, path: Path, arrays: Sequence[str] = ()) -> ImageArray:
    check_input(path)
    read = read_npz(path, arrays)
    return ImageArray(name, read.images, read.labels, notes=read.notes)


def _built_in(name: str) -> Dataset:
    if name in DIGITS:
        images, labels = read_digits(name)
        return ImageArray(name, images, tuple(labels.tolist()), CLASS_NAMES)
    raise InputError(
        f"no data at {quoted(name)}: give a folder, a list of images, an .npz, or "
        f"{', '.join(DIGITS)}"
    )


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

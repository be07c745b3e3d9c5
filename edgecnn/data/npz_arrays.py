"""Which arrays of an ``.npz`` are the images and which the labels, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few

ARRAY_NAMES = (
    (("x", "X", "images", "data"), ("y", "Y", "labels", "label", "targets", "target")),
    (("x_test", "X_test", "test_images"), ("y_test", "Y_test", "test_labels")),
    (("x_val", "X_val", "val_images"), ("y_val", "Y_val", "val_labels")),
    (("x_train", "X_train", "train_images"), ("y_train", "Y_train", "train_labels")),
)
"""Names of arrays of images and of their labels, for each part that a file may hold.

The first names are those of files that hold one part; such labels go with images of any name.
"""


@dataclass(frozen=True)
class Roles:
    """Names of the arrays that are read.

    Args:
        images: Name of the array of images.
        labels: Name of the array of labels; None where there is none.
    """

    images: str
    labels: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return (self.images,) if self.labels is None else (self.images, self.labels)


def find_roles(arrays: Mapping[str, str], chosen: Sequence[str], path: Path) -> Roles:
    """Return which array holds the images and which the labels.

    Args:
        arrays: Shape and element type of each array in the file by its name, for messages.
        chosen: Names of the arrays that the user chose: images, or images and labels.
        path: The file, for messages.

    Raises:
        InputError: No array has a name that is known, or several have; the arrays are listed.

    Example:
        >>> find_roles({"x_test": "(9, 32, 32, 3) uint8", "y_test": "(9,) int64"}, (), path)
        Roles(images='x_test', labels='y_test')
    """
    if chosen:
        return _chosen(arrays, chosen, path)
    plain = ARRAY_NAMES[0][1]
    found = [
        (name, _present(of_labels, arrays) or _present(plain, arrays))
        for of_images, of_labels in ARRAY_NAMES
        for name in _present(of_images, arrays)
    ]
    if not found:
        raise InputError(f"{quoted(path)} has no array 'x' with images: {_way_out(arrays, path)}")
    images, labels = found[0]
    if len(found) > 1 or len(labels) > 1:
        raise InputError(
            f"{quoted(path)} has several arrays that may be meant: {_way_out(arrays, path)}"
        )
    return Roles(images, labels[0] if labels else None)


def _present(names: Sequence[str], arrays: Mapping[str, str]) -> list[str]:
    return [name for name in names if name in arrays]


def _chosen(arrays: Mapping[str, str], chosen: Sequence[str], path: Path) -> Roles:
    for name in chosen:
        if name not in arrays:
            raise InputError(
                f"{quoted(path)} has no array {quoted(name)}: {_way_out(arrays, path)}"
            )
    if len(chosen) > 2:
        raise InputError(
            f"name one array of images, and maybe one of labels: {quoted(choice(path))}"
        )
    return Roles(chosen[0], chosen[1] if len(chosen) == 2 else None)


def _way_out(arrays: Mapping[str, str], path: Path) -> str:
    if not arrays:
        return "it is empty"
    listed = first_few(f"{quoted(name)} {what}" for name, what in arrays.items())
    return f"it has {listed}; {quoted(choice(path))} says which are meant (LABELS may be left out)"


def choice(path: Path) -> str:
    """Return how a user says which arrays are meant."""
    return f"{path}:IMAGES,LABELS"

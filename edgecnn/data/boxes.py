"""Objects in images: a box and a category for each, from COCO's JSON or YOLO's text files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.file_accounting import folder_content
from edgecnn.data.image_files import DataNote, ImageFiles
from edgecnn.data.images import upright_size
from edgecnn.data.npz_labels import MOST_CLASSES
from edgecnn.data.written_labels import text_lines

YOLO_IMAGES, YOLO_LABELS = "images", "labels"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Args:
        boxes: Left, top, right and bottom in pixels of the image, float64, shape (objects, 4).
        categories: Number of each object's category, int64, shape (objects,).
        crowds: Whether a box holds a crowd, which no detection need find, bool, shape (objects,).
        areas: Area of each object in pixels, float64, shape (objects,).
    """

    boxes: Floats
    categories: npt.NDArray[np.int64]
    crowds: npt.NDArray[np.bool_]
    areas: Floats

    @classmethod
    def of(
        cls,
        boxes: Sequence[Sequence[float]],
        categories: Sequence[int],
        crowds: Sequence[bool] | None = None,
        areas: Sequence[float] | None = None,
    ) -> Objects:
        """Return objects from plain values; areas are those of the boxes where none are given."""
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        sides = corners[:, 2:] - corners[:, :2]
        return cls(
            corners,
            np.asarray(categories, np.int64),
            np.zeros(len(corners), np.bool_) if crowds is None else np.asarray(crowds, np.bool_),
            sides.prod(axis=1) if areas is None else np.asarray(areas, np.float64),
        )


@dataclass(frozen=True)
class BoxTargets:
    """The objects of each image.

    Args:
        images: The images.
        names: Name of each category; empty where they have numbers alone.
        ids: Number of each category in the data, in the order of ``names``.
        objects: The objects of each image, whose boxes are shares of the image's sides where
            ``are_shares`` says so.
        are_shares: Whether boxes are shares of the image's width and height.
        states_indices: Whether the numbers are those of a model's classes.
    """

    images: tuple[Path, ...]
    names: tuple[str, ...]
    ids: tuple[int, ...]
    objects: tuple[Objects, ...] = field(repr=False)
    are_shares: bool = False
    states_indices: bool = False
    what: str = "boxes of objects"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.objects)

    def content(self, index: int) -> bytes:
        """Return the bytes of an image's boxes and categories."""
        found = self.objects[index]
        return found.boxes.tobytes() + found.categories.tobytes() + found.crowds.tobytes()

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of an image."""
        return upright_size(self.images[index])

    def in_pixels(self, index: int) -> Objects:
        """Return the objects of an image with boxes in pixels."""
        found = self.objects[index]
        if not self.are_shares:
            return found
        height, width = self.size(index)
        boxes = found.boxes * np.array([width, height, width, height], np.float64)
        return Objects.of(boxes.tolist(), found.categories.tolist(), found.crowds.tolist())


def read_yolo(path: Path) -> ImageFiles | None:
    """Open a folder in YOLO's layout: ``images/``, and ``labels/`` with a text for each image.

    A line of a text is an object: the number of its class, and the centre, width and height of its
    box as shares of the image's sides. An image without a text, or with an empty one, holds none.

    Args:
        path: The folder, in which ``classes.txt`` may name the classes.

    Returns:
        None for folders of other layouts.

    Raises:
        InputError: A text is malformed, or there is no image.

    Example:
        >>> read_yolo(Path("coco128")).targets.what
        'boxes of objects'
    """
    images, labels = path / YOLO_IMAGES, path / YOLO_LABELS
    if not (images.is_dir() and labels.is_dir() and any(labels.rglob("*.txt"))):
        return None
    files = tuple(map(Path, folder_content(images, recursive=True).every_image))
    if not files:
        raise InputError(f"{quoted(images)} holds no images")
    texts = [labels / each.relative_to(images).with_suffix(".txt") for each in files]
    objects = tuple(_yolo_objects(text) for text in texts)
    without = sum(not text.is_file() for text in texts)
    notes: tuple[DataNote, ...] = ()
    if without:
        found = f"{without} of {len(files)} images of {quoted(path)} have no text in {YOLO_LABELS}/"
        notes = (DataNote(found, "they were taken for images without objects"),)
    numbers = [int(number) for each in objects for number in each.categories]
    names = _yolo_names(path)
    count = max(len(names), max(numbers, default=-1) + 1)
    targets = BoxTargets(
        files, names, tuple(range(count)), objects, are_shares=True, states_indices=True
    )
    return ImageFiles(
        str(path), files, summary=f"{len(files)} images with boxes", notes=notes, targets=targets
    )


def _yolo_objects(path: Path) -> Objects:
    lines = text_lines(path) if path.is_file() else []
    boxes, classes = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            kind, x, y, width, height = (float(word) for word in line.split())
        except ValueError:
            raise InputError(
                f"{quoted(path)}, line {number}: expected class, centre x, centre y, width and "
                f"height, found {line.strip()[:80]!r}"
            ) from None
        is_class = 0 <= kind < MOST_CLASSES and kind == int(kind)
        if not is_class or not all(0 <= n <= 1 for n in (x, y, width, height)):
            raise InputError(
                f"{quoted(path)}, line {number}: a class is a whole number, and a box is shares of "
                f"the image's sides from 0 to 1, not {line.strip()[:80]!r}"
            )
        classes.append(int(kind))
        boxes.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    return Objects.of(boxes, classes)


def _yolo_names(path: Path) -> tuple[str, ...]:
    """Return the names of classes from ``classes.txt``; empty where there is none."""
    for folder in (path, path / YOLO_LABELS):
        if (folder / "classes.txt").is_file():
            return tuple(
                line.strip() for line in text_lines(folder / "classes.txt") if line.strip()
            )
    return ()

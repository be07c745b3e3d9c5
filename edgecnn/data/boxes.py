"""Objects in images: a box and a category for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecnn.data.images import upright_size

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

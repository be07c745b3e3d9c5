"""Masks: pictures that hold a class index for each pixel of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input
from edgecnn.data.images import (
    MAX_PIXELS,
    Pixels,
    UnreadableImageError,
    fit_mask,
    reason_text,
    upright_size,
)
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.targets import FilesOfTargets

IGNORED = 255
"""Class index of pixels that do not count: VOC's borders of objects, Cityscapes' other classes."""

MASK_FORMATS = ("PNG", "BMP", "TIFF", "GIF")
"""Formats whose pixels stay what they were; JPEG's do not."""

LOOKED_AT = 16
"""Masks that are looked at to tell whether 255 stands for a class."""

CITYSCAPES_CLASSES = 19
CITYSCAPES_TRAIN_IDS = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12,
    26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip
"""``id`` -> ``trainId`` of the 19 classes that Cityscapes evaluates, from the labels that
M. Cordts et al. publish with "The Cityscapes Dataset" (2016); all others are ignored."""


@dataclass(frozen=True)
class MaskFiles(FilesOfTargets):
    """Masks in files, one for each image.

    Args:
        paths: The files.
        images: The images, whose sizes the masks have.
        reading: How indices are read, in words; empty where they are the classes themselves.
        translation: Index in a file -> class, for files of other numbers; indices that it lacks are
            ignored. None takes indices as they are.
        is_cityscapes: Whether the files have Cityscapes' own ids.
        may_be_binary: Whether 0 and 255 may be meant as two classes.
    """

    paths: tuple[Path, ...]
    images: tuple[Path, ...]
    reading: str = ""
    translation: Mapping[int, int] | None = None
    is_cityscapes: bool = False
    may_be_binary: bool = False
    what: str = "masks"

    def for_classes(self, classes: int | None) -> MaskFiles:
        """Return the masks as a model with so many classes means them.

        Cityscapes' own ids become the 19 classes of its evaluation for a model of 19 classes. Of
        masks that hold nothing but 0 and 255, 255 is class 1 of two.

        Args:
            classes: Number of classes; None where it is not known.
        """
        if self.is_cityscapes and classes == CITYSCAPES_CLASSES:
            reading = "Cityscapes' ids were read as the 19 classes of its evaluation (trainId)"
            return replace(self, reading=reading, translation=CITYSCAPES_TRAIN_IDS)
        if self.is_cityscapes:
            reading = "Cityscapes' ids (0 to 33) in the masks were read as classes"
            return replace(self, reading=reading)
        if self.may_be_binary and classes in (1, 2) and self._is_black_and_white():
            reading = "0 and 255 in the masks were read as classes 0 and 1"
            return replace(self, reading=reading, translation={0: 0, IGNORED: 1})
        return self

    def cut(self, index: int, spec: InputSpec, height: int, width: int) -> Pixels:
        """Return a mask at the size of a model's map, cut as its image is.

        Args:
            index: Number of the image.
            spec: The model's input.
            height: Height of the map.
            width: Width of the map.

        Returns:
            Classes, uint8, shape (height, width); :data:`IGNORED` where nothing is wanted.

        Raises:
            UnreadableImageError: The file is no mask, or not of its image's size.
        """
        path = self.paths[index]
        mask = read_mask(path)
        wanted = upright_size(self.images[index])
        if mask.shape != wanted:
            sizes = " and its image ".join(f"{w}x{h}" for h, w in (mask.shape, wanted))
            raise UnreadableImageError(f"mask {quoted(path)} is {sizes}")
        if self.translation is not None:
            table = np.full(256, IGNORED, np.uint8)
            table[list(self.translation)] = list(self.translation.values())
            mask = table[mask]
        return fit_mask(mask, spec, height, width, IGNORED)

    def _is_black_and_white(self) -> bool:
        """Return whether the first masks hold nothing but 0 and 255."""
        found: set[int] = set()
        for path in self.paths[:LOOKED_AT]:
            try:
                found |= set(np.unique(read_mask(path)).tolist())
            except UnreadableImageError:
                continue
        return found == {0, IGNORED}


def read_mask(path: Path) -> Pixels:
    """Read a mask: the indices of a palette, or grey levels.

    Args:
        path: A file of a format without loss.

    Returns:
        Indices, uint8, shape (height, width).

    Raises:
        UnreadableImageError: The file is missing, damaged, or no mask.

    Example:
        >>> np.unique(read_mask(Path("SegmentationClass/2007_000033.png"))).tolist()
        [0, 1, 255]
    """
    try:
        with open_input(path) as file, Image.open(file, formats=MASK_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels are too many")
            image.load()
            return _indices(image)
    except Exception as error:
        raise UnreadableImageError(
            f"cannot read mask {quoted(path)}: {reason_text(error)}"
        ) from error


def _indices(image: Image.Image) -> Pixels:
    values: npt.NDArray[Any] = np.asarray(image)
    if values.ndim == 3:
        colours = values[..., :3]
        if values.shape[-1] < 3 or (colours != colours[..., :1]).any():
            raise ValueError(
                "its pixels are colours, where a mask has a class index for each pixel, as a grey "
                "or palette PNG has"
            )
        values = colours[..., 0]
    if values.size and (values.max() > IGNORED or values.min() < 0):
        raise ValueError(f"its indices go up to {values.max()}, and classes to {IGNORED - 1}")
    return values.astype(np.uint8)

"""Folders of images beside folders of what is wanted for each: masks, or other images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import counted, first_few
from edgecnn.data.file_accounting import folder_content
from edgecnn.data.image_files import DataNote, ImageFiles
from edgecnn.data.masks import MaskFiles
from edgecnn.data.targets import TargetImages, Targets
from edgecnn.data.written_labels import text_lines
from edgecnn.data.yolo import read_yolo

VOC_IMAGES, VOC_MASKS, VOC_LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
CITYSCAPES_IMAGES, CITYSCAPES_MASKS = "leftImg8bit", "gtFine"

VALIDATION = "val"
"""Part of a data set that is read where there are several: others may have been trained on."""

IMAGE_PAIRS = (("inputs", "targets"), ("images", "targets"), ("noisy", "clean"), ("lr", "hr"))
"""Names of folders of images and of the images that are wanted for them."""

MASK_PAIR = ("images", "masks")


@dataclass(frozen=True)
class _Pair:
    """An image and the file of what is wanted for it."""

    image: Path
    target: Path


def read_target_folders(path: Path) -> ImageFiles | None:
    """Open a folder that holds images in one folder and what is wanted for each in another.

    Known are PASCAL VOC's layout (``JPEGImages/``, ``SegmentationClass/``), Cityscapes'
    (``leftImg8bit/``, ``gtFine/``), ``images/`` with ``masks/``, YOLO's ``images/`` with texts in
    ``labels/``, and pairs of images in the folders of :data:`IMAGE_PAIRS`.

    Args:
        path: The folder.

    Returns:
        The images with their targets; None for folders of other layouts.

    Raises:
        InputError: No image has a target, or it is not known which part of the data is meant.

    Example:
        >>> read_target_folders(Path("VOC2012")).targets.what
        'masks'
    """
    if _has(path, VOC_IMAGES, VOC_MASKS):
        return _voc(path)
    if _has(path, CITYSCAPES_IMAGES, CITYSCAPES_MASKS):
        return _cityscapes(path)
    if _has(path, *MASK_PAIR):
        return _plain(path, *MASK_PAIR, _masks(may_be_binary=True))
    for pair in IMAGE_PAIRS:
        if _has(path, *pair):
            return _plain(path, *pair, lambda pairs: TargetImages(tuple(p.target for p in pairs)))
    return read_yolo(path)


def _has(path: Path, *folders: str) -> bool:
    return all((path / folder).is_dir() for folder in folders)


def _masks(
    is_cityscapes: bool = False, may_be_binary: bool = False
) -> Callable[[Sequence[_Pair]], Targets]:
    return lambda pairs: MaskFiles(
        tuple(pair.target for pair in pairs),
        tuple(pair.image for pair in pairs),
        is_cityscapes=is_cityscapes,
        may_be_binary=may_be_binary,
    )


def _voc(path: Path) -> ImageFiles:
    images, masks = _by_stem(path / VOC_IMAGES), _by_stem(path / VOC_MASKS)
    listed = path / VOC_LISTS / f"{VALIDATION}.txt"
    if not listed.is_file():
        return _paired(path, images, masks, _masks())
    names = [line.strip() for line in text_lines(listed) if line.strip()]
    note = DataNote(
        f"{quoted(path)} has several parts",
        f"the {len(names)} images of {VOC_LISTS}/{VALIDATION}.txt were taken",
    )
    chosen = {name: images[name] for name in names if name in images}
    return _paired(path, chosen, masks, _masks(), (note,), len(names) - len(chosen))


def _cityscapes(path: Path) -> ImageFiles:
    part, notes = _part(path / CITYSCAPES_IMAGES)
    images = _by_stem(path / CITYSCAPES_IMAGES / part, f"_{CITYSCAPES_IMAGES}")
    folder = path / CITYSCAPES_MASKS / part
    train_ids = _by_stem(folder, "_gtFine_labelTrainIds")
    ids = _by_stem(folder, "_gtFine_labelIds")
    if train_ids and set(ids) <= set(train_ids):
        return _paired(path, images, train_ids, _masks(), notes)
    return _paired(path, images, ids, _masks(is_cityscapes=True), notes)


def _part(folder: Path) -> tuple[str, tuple[DataNote, ...]]:
    """Return the part of a data set that is read, and the note that says so."""
    parts = sorted(each.name for each in folder.iterdir() if each.is_dir())
    if VALIDATION in parts and len(parts) > 1:
        found = f"{quoted(folder)} has the parts {first_few(map(quoted, parts))}"
        return VALIDATION, (DataNote(found, f"{quoted(VALIDATION)} was taken"),)
    if len(parts) > 1 and {"train", "test"} & set(parts):
        raise InputError(
            f"{quoted(folder)} has the parts {first_few(map(quoted, parts))} and no "
            f"{quoted(VALIDATION)}: keep one of them there"
        )
    return (parts[0], ()) if len(parts) == 1 else ("", ())


def _plain(
    path: Path, images: str, targets: str, to_targets: Callable[[Sequence[_Pair]], Targets]
) -> ImageFiles:
    return _paired(path, _by_stem(path / images), _by_stem(path / targets), to_targets)


def _by_stem(folder: Path, ending: str = "") -> dict[str, Path]:
    """Return the images of a folder by their paths in it, without suffix and ending.

    Args:
        folder: The folder; without it there are no images.
        ending: What the names must end in.

    Raises:
        InputError: Two images differ in nothing but the suffix.
    """
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    for image in map(Path, folder_content(folder, recursive=True).every_image):
        if not image.stem.endswith(ending):
            continue
        name = image.relative_to(folder).with_suffix("").as_posix().removesuffix(ending)
        if name in found:
            raise InputError(
                f"{quoted(image)} and {quoted(found[name])} have the same name: remove one"
            )
        found[name] = image
    return found


def _paired(
    path: Path,
    images: Mapping[str, Path],
    targets: Mapping[str, Path],
    to_targets: Callable[[Sequence[_Pair]], Targets],
    notes: tuple[DataNote, ...] = (),
    missing: int = 0,
) -> ImageFiles:
    """Return the images that have a target, and say how many have none."""
    pairs = [_Pair(image, targets[name]) for name, image in images.items() if name in targets]
    if not pairs:
        raise InputError(
            f"{quoted(path)} holds {counted(len(images), 'image')} and "
            f"{counted(len(targets), 'file')} of what is wanted for them, and none of the one is "
            "called like one of the other"
        )
    found = to_targets(pairs)
    lacking = len(images) - len(pairs) + missing
    if lacking:
        where = f"{counted(lacking, 'image')} of {quoted(path)}, or the file that belongs to it,"
        notes = (*notes, DataNote(f"{where} is not there", "nothing is measured on them"))
    return ImageFiles(
        str(path),
        tuple(pair.image for pair in pairs),
        summary=f"{counted(len(pairs), 'image')} with {found.what}",
        notes=notes,
        targets=found,
    )

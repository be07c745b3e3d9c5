"""A folder of images, or of folders that are classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.file_accounting import FileAccount, FolderContent, folder_content
from edgecnn.data.image_files import ImageFiles
from edgecnn.data.written_labels import INDEX, NAMES_FILE, index_names

SPLITS = frozenset(
    {"train", "training", "val", "valid", "validation", "test", "testing", "eval", "evaluation"}
)
"""Names of folders that are parts of a data set, and hold the folders of the classes."""


def read_folder(path: Path) -> ImageFiles:
    """Open a folder whose folders are classes, or a folder of images without labels.

    Images in deeper folders are of the class of the folder at the top, as Keras'
    ``image_dataset_from_directory`` has it. Folders without images are no classes. Where all
    classes are called by whole numbers, they are the labels.

    Args:
        path: The folder.

    Raises:
        InputError: There is no image, or the folders can be understood in several ways.

    Example:
        >>> read_folder(Path("photos")).class_names
        ('cat', 'dog')
    """
    top = folder_content(path, recursive=False)
    content = {folder: folder_content(folder, recursive=True) for folder in top.folders}
    classes = {folder: each for folder, each in content.items() if each.every_image}
    account = _account(top, content)
    if not top.images and not classes:
        raise InputError(
            f"{quoted(path)} holds no images ({account}): give class folders, images with a list "
            "of their labels, a folder of images, or an .npz"
        )
    if not classes:
        return _images(path, top.images, account)
    _refuse_splits(path, classes)
    _refuse_single(path, top, classes)
    return _class_folders(path, classes, account)


def _account(top: FolderContent, content: Mapping[Path, FolderContent]) -> FileAccount:
    others = sum((each.others for each in content.values()), Counter(top.others))
    in_classes = sum(len(each.every_image) for each in content.values())
    if not in_classes:
        return FileAccount(len(top.images), others=others)
    return FileAccount(
        images=in_classes,
        deeper=sum(len(each.deeper) for each in content.values()),
        unused=len(top.images),
        unused_where="beside the class folders",
        others=others,
        without_images=tuple(
            folder.name for folder, each in content.items() if not each.every_image
        ),
    )


def _images(path: Path, images: Sequence[str], account: FileAccount) -> ImageFiles:
    paths = tuple(map(Path, images))
    return ImageFiles(str(path), paths, summary=str(account), notes=account.notes(path))


def _refuse_splits(path: Path, classes: Mapping[Path, FolderContent]) -> None:
    """Refuse a folder of ``train`` and ``val``, which are no classes."""
    splits = [folder for folder in classes if folder.name.lower() in SPLITS]
    holders = [folder for folder in splits if not classes[folder].images]
    if len(splits) > 1 or holders or len(splits) == len(classes):
        raise InputError(
            f"{quoted(path)} holds {first_few(quoted(split.name) for split in splits)}, which are "
            f"parts of a data set and no classes: give one of them, {quoted(splits[-1])}"
        )


def _refuse_single(path: Path, top: FolderContent, classes: Mapping[Path, FolderContent]) -> None:
    """Refuse a single class where the folder may as well be meant otherwise."""
    if len(classes) > 1:
        return
    [(folder, content)] = classes.items()
    if top.images:
        raise InputError(
            f"{quoted(path)} holds {len(top.images)} image(s), and a folder {quoted(folder.name)} "
            f"with others: move the ones that are not meant, or give {quoted(folder)}"
        )
    if not content.images:
        raise InputError(
            f"{quoted(path)} holds one folder of folders, {quoted(folder.name)}: if those are the "
            f"classes give {quoted(folder)}"
        )


def _class_folders(
    path: Path, classes: Mapping[Path, FolderContent], account: FileAccount
) -> ImageFiles:
    names = tuple(folder.name for folder in classes)
    are_indices = all(re.fullmatch(INDEX, name) for name in names)
    of_folders = [int(name) for name in names] if are_indices else list(range(len(names)))
    if twice := [n for n, count in Counter(of_folders).items() if count > 1]:
        raise InputError(f"{quoted(path)} has several folders for class index {twice[0]}")
    paths = [Path(image) for each in classes.values() for image in each.every_image]
    labels = [
        label
        for label, each in zip(of_folders, classes.values(), strict=True)
        for _ in each.every_image
    ]
    class_names = index_names(path / NAMES_FILE, labels, quoted(path)) if are_indices else names
    return ImageFiles(
        str(path),
        tuple(paths),
        tuple(labels),
        class_names,
        states_indices=are_indices,
        summary=str(account),
        notes=account.notes(path),
    )

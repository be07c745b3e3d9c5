"""Lists of images and their labels: which files are such lists, and who reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.coco import read_coco
from edgecnn.data.csv_labels import read_csv
from edgecnn.data.image_files import ImageFiles
from edgecnn.data.listed_images import IMAGES, ListedImage, listed_images
from edgecnn.data.written_labels import INDEX, WNID_PATTERN, text_lines

VAL_MAP = "val_map.txt"
MAP_LINE = re.compile(rf"[ \t]*(.+?)[ \t]+({INDEX}|{WNID_PATTERN})[ \t]*")

SYNSET_LABELS = "imagenet_2012_validation_synset_labels.txt"
"""Name of TensorFlow's list of the WordNet ID of each image of ImageNet's validation set."""

VALIDATION_IMAGE = "ILSVRC2012_val_{:08d}.JPEG"

GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
"""Name of ImageNet's own list, whose numbers are those of no model's outputs."""

LISTS = (
    VAL_MAP,
    "labels.csv",
    "LOC_val_solution.csv",
    SYNSET_LABELS,
    "annotations.json",
    "_annotations.coco.json",
)
"""Names of lists that are looked for in a folder."""

READERS: dict[str, Callable[[Path, str], ImageFiles]]


def find_list(folder: Path) -> Path | None:
    """Return the list of images and labels that lies in a folder; None if there is none.

    Raises:
        InputError: There are several, or there is only one whose numbers mean something else.
    """
    found = [folder / name for name in LISTS if (folder / name).is_file()]
    if len(found) > 1:
        raise InputError(
            f"{quoted(folder)} has two lists of labels, {found[0].name} and {found[1].name}: give "
            f"one of them, {quoted(found[0])}"
        )
    if not found and (folder / GROUND_TRUTH).is_file():
        raise _ground_truth(folder / GROUND_TRUTH)
    return found[0] if found else None


def is_list(path: Path) -> bool:
    """Return whether a file is a list of images and labels, judged by its suffix."""
    return path.suffix.lower() in READERS


def read_list(path: Path, name: str) -> ImageFiles:
    """Open the images of a list.

    Args:
        path: The list: ``.csv`` or ``.tsv``, COCO's ``.json``, or a ``.txt`` in the form of
            ``val_map.txt``.
        name: Name or path that the data are opened by.

    Raises:
        InputError: The list is malformed or empty, or a path in it leads out of its folder.

    Example:
        >>> read_list(Path("photos/labels.csv"), "photos").class_names
        ('cat', 'dog')
    """
    return READERS[path.suffix.lower()](path, name)


def _read_text(path: Path, name: str) -> ImageFiles:
    if path.name == GROUND_TRUTH:
        raise _ground_truth(path)
    lines = text_lines(path)
    if path.name == SYNSET_LABELS:
        return listed_images(path, name, _validation_images(path, lines))
    listed = [
        _parse_line(path, line, f"line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    return listed_images(path, name, listed)


def _parse_line(path: Path, line: str, where: str) -> ListedImage:
    match = MAP_LINE.fullmatch(line)
    if match is None:
        raise InputError(
            f"{quoted(path)}, {where}: expected 'file index' or 'file wnid', found "
            f"{line.strip()[:80]!r}"
        )
    return ListedImage(match[1], match[2], where)


def _validation_images(path: Path, lines: list[str]) -> list[ListedImage]:
    """Return the images that a list of WordNet IDs is about: line N is of image N.

    A part of the validation set may be there; the other lines are of no image.
    """
    folder = path.parent / IMAGES if (path.parent / IMAGES).is_dir() else path.parent
    there = {entry.name for entry in folder.iterdir()}
    listed = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not re.fullmatch(WNID_PATTERN, line.strip()):
            raise InputError(f"{quoted(path)}, line {number}: expected a wnid, found {line[:80]!r}")
        if (file := VALIDATION_IMAGE.format(number)) in there:
            listed.append(ListedImage(file, line.strip(), f"line {number}"))
    if not listed:
        raise InputError(
            f"no image of {quoted(path)} is there: they are called {VALIDATION_IMAGE.format(1)} "
            "and so on"
        )
    return listed


def _ground_truth(path: Path) -> InputError:
    return InputError(
        f"the numbers in {quoted(path)} count from 1 in ILSVRC's own order, not in that of models' "
        f"outputs: put LOC_val_solution.csv, {SYNSET_LABELS} or {VAL_MAP} in its place"
    )


READERS = {".txt": _read_text, ".csv": read_csv, ".tsv": read_csv, ".json": read_coco}

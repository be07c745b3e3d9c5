"""COCO-style JSON: images, annotations that give each image a category, and the categories."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.json_text import json_value
from edgecnn.core.text import counted, first_few
from edgecnn.data.boxes import BoxTargets, Objects
from edgecnn.data.image_files import DataNote, ImageFiles
from edgecnn.data.listed_images import ListedImage, listed_images
from edgecnn.data.written_labels import ClassLabels, named_labels

LARGEST = 1e9
"""Coordinate of a box at most, in pixels."""

COCO_LISTS = ("images", "annotations", "categories")


def read_coco(path: Path, name: str) -> ImageFiles:
    """Open the images of a COCO-style JSON file: with a category each, or with boxes of objects.

    The categories name the classes, in the order of their ids. The ids themselves are no indices
    of a model's outputs. Where each image has one object at most, it has a category and a box.

    Args:
        path: The JSON file, beside the images.
        name: Name or path that the data are opened by.

    Raises:
        InputError: The file is malformed, or an image has several categories and no boxes.

    Example:
        >>> read_coco(Path("photos/annotations.json"), "photos").class_names
        ('cat', 'dog')
    """
    images, annotations, categories = _parts(path)
    try:
        names = _names(path, categories)
        files = {image["id"]: str(image["file_name"]) for image in images}
        of_images: dict[Any, set[str]] = defaultdict(set)
        for annotation in annotations:
            of_images[annotation["image_id"]].add(names[annotation["category_id"]])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{quoted(path)} is no COCO file: an entry lacks {error}, or is of another type"
        ) from error
    if len(files) < len(images):
        raise InputError(f"{quoted(path)} has images of the same id")
    objects = _objects(path, annotations)
    if objects is not None and len(annotations) > len(of_images):
        every = [ListedImage(file, "", f"image {quoted(image)}") for image, file in files.items()]
        found = listed_images(path, name, every, _no_labels)
        targets = _boxes(found, names, [objects.get(image, []) for image in files])
        return dataclasses.replace(found, labels=None, targets=targets)
    _refuse_several(path, files, of_images)
    listed = [
        ListedImage(file, next(iter(of_images[image])), f"image {quoted(image)}")
        for image, file in files.items()
        if image in of_images
    ]
    notes = _without_category(path, len(files) - len(listed))
    to_labels = partial(named_labels, names=list(names.values()))
    found = listed_images(path, name, listed, to_labels, notes)
    if objects is None:
        return found
    of_listed = [objects.get(image, []) for image in files if image in of_images]
    return dataclasses.replace(found, targets=_boxes(found, names, of_listed))


def _no_labels(texts: Sequence[str]) -> ClassLabels:
    return ClassLabels((0,) * len(texts), None, True)


def _objects(path: Path, annotations: Sequence[Any]) -> dict[Any, list[Any]] | None:
    """Return the annotations of each image; None where these have no boxes."""
    if not annotations or not all("bbox" in each for each in annotations):
        return None
    of_images: dict[Any, list[Any]] = defaultdict(list)
    for each in annotations:
        box = each["bbox"]
        numbers = isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))
        if not numbers or min(box[2:]) < 0 or not _is_number(each.get("area", 0)):
            raise InputError(
                f"{quoted(path)}: a bbox is left, top, width and height in pixels, not {box!r:.80}"
            )
        of_images[each["image_id"]].append(each)
    return of_images


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < LARGEST


def _boxes(
    found: ImageFiles, names: Mapping[Any, str], annotations: Sequence[Sequence[Any]]
) -> BoxTargets:
    numbers = {category: place for place, category in enumerate(names)}
    ids = tuple(names) if all(type(category) is int for category in names) else numbers.values()
    known = dict(zip(names, ids, strict=True))
    objects = [
        Objects.of(
            [[x, y, x + width, y + height] for x, y, width, height in (a["bbox"] for a in each)],
            [known[a["category_id"]] for a in each],
            [bool(a.get("iscrowd")) for a in each],
            [float(a.get("area", a["bbox"][2] * a["bbox"][3])) for a in each],
        )
        for each in annotations
    ]
    return BoxTargets(found.paths, tuple(names.values()), tuple(known.values()), tuple(objects))


def _parts(path: Path) -> tuple[list[Any], list[Any], list[Any]]:
    try:
        content: Any = json_value(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{quoted(path)} is not JSON: {error}") from error
    content = content if isinstance(content, dict) else {}
    parts = [content.get(part) for part in COCO_LISTS]
    if not all(isinstance(part, list) for part in parts):
        raise InputError(
            f"{quoted(path)} is no COCO file: it needs the lists {', '.join(COCO_LISTS)}"
        )
    images, annotations, categories = parts
    return images, annotations, categories


def _names(path: Path, categories: Sequence[Any]) -> dict[Any, str]:
    """Return the name of each category by its id, in the order of the ids."""
    names = {each["id"]: str(each["name"]) for each in categories}
    if len(names) < len(categories) or len(set(names.values())) < len(names):
        raise InputError(f"{quoted(path)} has categories of the same id or name")
    return dict(sorted(names.items()))


def _refuse_several(
    path: Path, files: Mapping[Any, str], of_images: Mapping[Any, set[str]]
) -> None:
    several = [image for image, names in of_images.items() if len(names) > 1]
    if several:
        file, names = files.get(several[0], several[0]), sorted(of_images[several[0]])
        raise InputError(
            f"{quoted(path)} gives {counted(len(several), 'image')} several categories, such as "
            f"{quoted(file)} ({first_few(names)}): an image needs one class"
        )


def _without_category(path: Path, count: int) -> tuple[DataNote, ...]:
    if not count:
        return ()
    return (
        DataNote(
            f"{quoted(path)} gives {counted(count, 'image')} no category", "they are left out"
        ),
    )

"""YOLO's data sets: images beside texts of boxes, by folders or by Ultralytics' ``data.yaml``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import counted
from edgecnn.data.boxes import BoxTargets, Objects
from edgecnn.data.file_accounting import folder_content
from edgecnn.data.image_files import DataNote, ImageFiles
from edgecnn.data.npz_labels import MOST_CLASSES
from edgecnn.data.written_labels import text_lines
from edgecnn.data.yolo_yaml import DATA_PARTS, YoloYaml, read_yaml

YOLO_IMAGES, YOLO_LABELS = "images", "labels"

YAML_SUFFIXES = (".yaml", ".yml")


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
    files = _images_in(images)
    texts = [labels / each.relative_to(images).with_suffix(".txt") for each in files]
    return _with_boxes(str(path), files, texts, _class_names(path))


def split_part(name: str) -> tuple[Path, str | None]:
    """Split ``data.yaml:train`` into the file and the part of the data that is meant.

    Example:
        >>> split_part("coco8.yaml:train")
        (PosixPath('coco8.yaml'), 'train')
    """
    file, _, part = name.rpartition(":")
    if part in DATA_PARTS and Path(file).suffix.lower() in YAML_SUFFIXES:
        return Path(file), part
    return Path(name), None


def read_yolo_yaml(path: Path, name: str, part: str | None = None) -> ImageFiles:
    """Open the images that Ultralytics' ``data.yaml`` names, with the texts of their boxes.

    Args:
        path: The file.
        name: Name or path that the data are opened by.
        part: ``"train"``, ``"val"`` or ``"test"``; None takes ``val``, or the only part that there
            is.

    Raises:
        InputError: The file is no such list, has not that part, or its images are not there.

    Example:
        >>> read_yolo_yaml(Path("coco8.yaml"), "coco8.yaml").targets.names[:2]
        ('person', 'bicycle')
    """
    described = read_yaml(path)
    chosen = _chosen_part(described, path, part)
    places = [_place(described, path, place) for place in described.parts[chosen]]
    files = tuple(file for place in places for file in place.files)
    twice = len(files) - len(set(files))
    if twice:
        raise InputError(f"{quoted(path)} names {counted(twice, 'image')} of {chosen} twice")
    notes = [place.note for place in places if place.note is not None]
    if part is None and len(described.parts) > 1:
        others = " and ".join(each for each in described.parts if each != chosen)
        advice = f"{quoted(f'{path}:PART')} takes {others}"
        notes.insert(0, DataNote(f"{chosen} of {quoted(path)} was taken", advice))
    found = _with_boxes(name, files, [_text_of(file) for file in files], described.names)
    targets = found.targets
    assert isinstance(targets, BoxTargets)
    if len(targets.ids) > len(described.names):
        raise InputError(
            f"{quoted(path)} names {len(described.names)} classes, and its texts have class "
            f"{len(targets.ids) - 1}"
        )
    return ImageFiles(
        name, files, summary=found.summary, notes=(*notes, *found.notes), targets=targets
    )


@dataclass(frozen=True)
class _NamedImages:
    """The images of a folder, or of a list, that a ``data.yaml`` names."""

    files: tuple[Path, ...]
    note: DataNote | None = None


def _chosen_part(described: YoloYaml, path: Path, part: str | None) -> str:
    parts = list(described.parts)
    if part is not None and part not in parts:
        raise InputError(f"{quoted(path)} has no {part}: it has {' and '.join(parts)}")
    if part is None and "val" not in parts and len(parts) > 1:
        raise InputError(f"{quoted(path)} has no val: say {quoted(f'{path}:{parts[0]}')}")
    return part or ("val" if "val" in parts else parts[0])


def _place(described: YoloYaml, path: Path, place: str) -> _NamedImages:
    """Return the images of a place, relative to ``path`` of the file, or to the file's folder."""
    root = path.parent / (described.root or "")
    where, note = root / place, None
    if not where.exists() and place.startswith("../") and (root / place[3:]).exists():
        # Roboflow writes ../train/images of what lies in train/images.
        where = root / place[3:]
        note = DataNote(f"{quoted(path)} says {quoted(place)}", f"{quoted(where)} was taken")
    if where.is_dir():
        return _NamedImages(_images_in(where), note)
    if where.suffix.lower() == ".txt" and where.is_file():
        lines = [line.strip() for line in text_lines(where)]
        listed = [Path(os.path.normpath(where.parent / line)) for line in lines if line]
        return _NamedImages(tuple(listed), note)
    raise InputError(
        f"{quoted(path)} names {quoted(place)}, and {quoted(where)} is neither a folder of images "
        "nor a .txt with a list of them: write path: as the folder that it is relative to"
    )


def _images_in(folder: Path) -> tuple[Path, ...]:
    files = tuple(map(Path, folder_content(folder, recursive=True).every_image))
    if not files:
        raise InputError(f"{quoted(folder)} holds no images")
    return files


def _text_of(image: Path) -> Path:
    """Return the text of an image: the last folder ``images`` of its path is ``labels`` then."""
    parts = list(image.parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == YOLO_IMAGES]
    if places:
        parts[places[-1]] = YOLO_LABELS
    return Path(*parts).with_suffix(".txt")


def _with_boxes(
    name: str, files: tuple[Path, ...], texts: Sequence[Path], names: tuple[str, ...]
) -> ImageFiles:
    """Return images with the boxes of their texts."""
    without = sum(not text.is_file() for text in texts)
    if without == len(texts):
        raise InputError(
            f"none of the {counted(len(files), 'image')} of {quoted(name)} has a text of boxes, "
            f"not even {quoted(texts[0])}"
        )
    objects = tuple(_yolo_objects(text) for text in texts)
    notes: tuple[DataNote, ...] = ()
    if without:
        found = f"{without} of {len(files)} images of {quoted(name)} have no text in {YOLO_LABELS}/"
        notes = (DataNote(found, "they were taken for images without objects"),)
    numbers = [int(number) for each in objects for number in each.categories]
    count = max(len(names), max(numbers, default=-1) + 1)
    targets = BoxTargets(
        files, names, tuple(range(count)), objects, are_shares=True, states_indices=True
    )
    return ImageFiles(
        name, files, summary=f"{len(files)} images with boxes", notes=notes, targets=targets
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


def _class_names(path: Path) -> tuple[str, ...]:
    """Return the names of classes from ``classes.txt``; empty where there is none."""
    for folder in (path, path / YOLO_LABELS):
        if (folder / "classes.txt").is_file():
            return tuple(
                line.strip() for line in text_lines(folder / "classes.txt") if line.strip()
            )
    return ()

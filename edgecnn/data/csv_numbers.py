"""Numbers in a table: one or several columns beside that of the file, for regression and labels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import counted, first_few
from edgecnn.data.image_files import DataNote, ImageFiles
from edgecnn.data.listed_images import ListedImage, listed_images
from edgecnn.data.targets import ArrayTargets
from edgecnn.data.written_labels import ClassLabels

LABEL_SEPARATOR = "|"
"""Sign between the labels of an image that has several."""

Rows = Sequence[tuple[int, Sequence[str]]]


def number_columns(titles: Sequence[str], rows: Rows, beside: Sequence[int]) -> list[int]:
    """Return the places of the columns that hold nothing but numbers.

    Args:
        titles: Head of each column.
        rows: The rows below the head, each with the number of its line.
        beside: Places of columns that are known to be something else.
    """
    return [
        place
        for place in range(len(titles))
        if place not in beside
        and rows
        and all(len(row) > place and _number(row[place]) is not None for _, row in rows)
    ]


def read_numbers(
    path: Path, name: str, titles: Sequence[str], rows: Rows, file: int, columns: Sequence[int]
) -> ImageFiles:
    """Open the images that a table names with numbers.

    Args:
        path: The table.
        name: Name or path that the data are opened by.
        titles: Head of each column.
        rows: The rows below the head, each with the number of its line.
        file: Place of the column of files.
        columns: Places of the columns of numbers.

    Raises:
        InputError: The images are not there, or one is listed with different numbers.

    Example:
        >>> read_numbers(path, "faces", ["file", "x", "y"], rows, 0, [1, 2]).targets.columns
        ('x', 'y')
    """
    values = np.array([[_number(row[place]) for place in columns] for _, row in rows], np.float64)
    texts = [LABEL_SEPARATOR.join(row[place] for place in columns) for _, row in rows]
    names = tuple(titles[place] for place in columns)
    left = [titles[n] for n in range(len(titles)) if n != file and n not in columns]
    notes: tuple[DataNote, ...] = ()
    if left:
        found = f"{quoted(path)} has the columns {first_few(map(quoted, left))}, too"
        notes = (DataNote(found, f"only {first_few(map(quoted, names))} were taken as numbers"),)
    targets = ArrayTargets(path.name, values, names)
    return _with_targets(path, name, rows, file, texts, targets, notes)


def read_label_sets(
    path: Path, name: str, rows: Rows, file: int, labels: Sequence[str]
) -> ImageFiles:
    """Open the images that a table names with several labels each: ``cat|dog``.

    Args:
        path: The table.
        name: Name or path that the data are opened by.
        rows: The rows below the head, each with the number of its line.
        file: Place of the column of files.
        labels: Labels of each row as they are written; an empty text is none of them.

    Raises:
        InputError: The images are not there, or one is listed with different labels.
    """
    sets = [{label.strip() for label in text.split(LABEL_SEPARATOR)} - {""} for text in labels]
    names = tuple(sorted(set().union(*sets)))
    values = np.array([[label in found for label in names] for found in sets], np.int64)
    targets = ArrayTargets(path.name, values, names)
    return _with_targets(path, name, rows, file, labels, targets, _empty_sets(path, sets))


def _empty_sets(path: Path, sets: Sequence[set[str]]) -> tuple[DataNote, ...]:
    count = sum(not each for each in sets)
    if not count:
        return ()
    found = f"{quoted(path)} has no label for {counted(count, 'image')}"
    return (DataNote(found, "a model is right there if it says none of the labels"),)


def _with_targets(
    path: Path,
    name: str,
    rows: Rows,
    file: int,
    texts: Sequence[str],
    targets: ArrayTargets,
    notes: tuple[DataNote, ...],
) -> ImageFiles:
    listed = []
    for (number, row), text in zip(rows, texts, strict=True):
        if not row[file]:
            raise InputError(f"{quoted(path)}, line {number}: the file is empty")
        listed.append(ListedImage(row[file], text, f"line {number}"))
    found = listed_images(
        path, name, listed, lambda each: ClassLabels((0,) * len(each), None, True), notes
    )
    return dataclasses.replace(found, labels=None, targets=targets)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def are_measured(texts: Sequence[str]) -> bool:
    """Return whether labels are all numbers and not all whole ones, so that they are no classes."""
    values = [_number(text) for text in texts]
    numbers = [value for value in values if value is not None]
    return len(numbers) == len(values) and any(value != round(value) for value in numbers)

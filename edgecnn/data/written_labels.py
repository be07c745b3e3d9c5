"""Labels as the data write them: whole numbers, which are class indices, or names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted

NAMES_FILE = "labels.txt"
"""Name of a file beside the data with the name of class 0, 1, ... a line."""

INDEX = r"[0-9]{1,9}"
"""Pattern of a class index."""

WNID_PATTERN = r"n[0-9]{8}"
"""Pattern of a WordNet ID, by which ImageNet names its classes."""

# pandas writes whole numbers so where a column once had a gap.
WHOLE_NUMBER = re.compile(r"([+-]?[0-9]{1,9})(?:\.0*)?")


@dataclass(frozen=True)
class ClassLabels:
    """Labels of images as numbers, and what these stand for.

    Args:
        labels: Label of each image.
        class_names: Name of each class by its index; None where names are not known.
        states_indices: Whether the data number their classes themselves.
    """

    labels: tuple[int, ...]
    class_names: tuple[str, ...] | None
    states_indices: bool


def class_labels(texts: Sequence[str], labels_file: Path, place: str) -> ClassLabels:
    """Tell whether labels are class indices, which all of them must be, or names.

    Args:
        texts: Label of each image, as it is written.
        labels_file: A file that names the indices, if it is there.
        place: What messages call the place of the labels.

    Raises:
        InputError: A number is negative, or the file has too few names.

    Example:
        >>> class_labels(["dog", "cat", "dog"], Path("labels.txt"), "the list").labels
        (1, 0, 1)
    """
    matches = [WHOLE_NUMBER.fullmatch(text) for text in texts]
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) < len(texts):
        names = sorted(set(texts))
        return named_labels(texts, names)
    if min(numbers) < 0:
        raise InputError(f"{place} has the negative class index {min(numbers)}")
    return ClassLabels(tuple(numbers), index_names(labels_file, numbers, place), True)


def named_labels(texts: Sequence[str], names: Sequence[str]) -> ClassLabels:
    """Return labels that are names, as their places among the names of all classes."""
    places = {name: place for place, name in enumerate(names)}
    return ClassLabels(tuple(places[text] for text in texts), tuple(names), False)


def index_names(path: Path, labels: Sequence[int], place: str) -> tuple[str, ...] | None:
    """Return the names of class indices from a file with one a line; None if it is not there.

    Args:
        path: The file.
        labels: Class indices that the data have.
        place: What messages call the place of the indices.

    Raises:
        InputError: The file cannot be read, or an index has no name in it.
    """
    if not path.is_file():
        return None
    names = tuple(text_lines(path))
    if max(labels) >= len(names):
        raise InputError(
            f"{place} has class index {max(labels)}, but {path.name} names {len(names)}"
        )
    return names


def text_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 text file without their ends, of Unix or of Windows.

    Raises:
        InputError: The file cannot be read, or is no such text.
    """
    # Not str.splitlines, which also ends a line at characters that a file's name may have.
    try:
        with path.open(encoding="utf-8-sig") as file:
            return [line.rstrip("\n") for line in file]
    except UnicodeDecodeError as error:
        raise InputError(f"{quoted(path)} is not a UTF-8 text file") from error
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error

"""Labels in a table: ``file,label`` with or without a header, or ImageNet's solution of Kaggle."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.csv_numbers import (
    LABEL_SEPARATOR,
    are_measured,
    number_columns,
    read_label_sets,
    read_numbers,
)
from edgecnn.data.image_files import ImageFiles
from edgecnn.data.listed_images import IMAGES, ListedImage, listed_images
from edgecnn.data.tables import table_of
from edgecnn.data.written_labels import WNID_PATTERN

FILE_COLUMNS = frozenset(
    {"file", "files", "filename", "filenames", "filepath", "path", "image", "images", "imageid"}
    | {"imagename", "imagepath", "imagefile", "img", "imgname", "imgpath"}
)
ID_COLUMN = "id"
"""Name of a column that names the files only where no other column does."""

LABEL_COLUMNS = frozenset(
    {"label", "labels", "class", "classes", "classname", "classid", "classindex", "category"}
    | {"categoryid", "target", "species", "breed", "diagnosis", "wnid", "synset", "y"}
)
"""Names of columns that are recognised, in small letters and without anything but letters."""

PREDICTION = "predictionstring"
"""Column of Kaggle's solution for ImageNet: a wnid and a box, for each object in the image."""

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class _Columns:
    """Places of the columns of files and labels, and whether the first row names them."""

    file: int
    label: int
    has_header: bool = True
    is_prediction: bool = False


def read_csv(path: Path, name: str) -> ImageFiles:
    """Open the images that a table names with their labels.

    Args:
        path: A UTF-8 text of rows, separated by commas, semicolons or tabs.
        name: Name or path that the data are opened by.

    Raises:
        InputError: The table is malformed, its columns are not known, or the images are not there.

    Example:
        >>> read_csv(Path("photos/labels.csv"), "photos").class_names
        ('cat', 'dog')
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError(f"{quoted(path)} is empty")
    if (numbers := _numbers(path, name, rows)) is not None:
        return numbers
    columns = _columns(path, rows[0][1])
    found = _labelled(path, name, rows, columns)
    if not columns.has_header or columns.is_prediction:
        return found
    return _with_table(found, path, rows, columns.file, columns.label)


def _labelled(
    path: Path, name: str, rows: Sequence[tuple[int, list[str]]], columns: _Columns
) -> ImageFiles:
    """Open a table with a column of labels."""
    body = rows[1:] if columns.has_header else rows
    has_sets = not columns.is_prediction and any(
        LABEL_SEPARATOR in cell
        for _, row in body
        for cell in row[columns.label : columns.label + 1]
    )
    listed = [_listed(path, number, row, columns, has_sets) for number, row in body]
    texts = [each.label for each in listed]
    if are_measured(texts):
        titles = rows[0][1] if columns.has_header else ("file", "label")
        return read_numbers(path, name, titles, body, columns.file, [columns.label])
    if has_sets:
        return read_label_sets(path, name, body, columns.file, texts)
    return listed_images(path, name, listed)


def _numbers(path: Path, name: str, rows: Sequence[tuple[int, list[str]]]) -> ImageFiles | None:
    """Open a table with a column of files and others of numbers, none of which is a label's."""
    head = rows[0][1]
    titles = [_title(cell) for cell in head]
    files = [place for place, title in enumerate(titles) if title in FILE_COLUMNS]
    ids = [place for place, title in enumerate(titles) if title == ID_COLUMN]
    # A column y beside one x is a coordinate, and a label otherwise.
    labels = LABEL_COLUMNS - ({"y"} if "x" in titles else set())
    if len(files or ids) != 1 or labels & set(titles) or PREDICTION in titles:
        return None
    columns = number_columns(head, rows[1:], [*files, *ids])
    if not columns:
        return None
    file = (files or ids)[0]
    found = read_numbers(path, name, head, rows[1:], file, columns)
    return _with_table(found, path, rows, file, None)


def _with_table(
    found: ImageFiles,
    path: Path,
    rows: Sequence[tuple[int, list[str]]],
    file: int,
    label: int | None,
) -> ImageFiles:
    """Return the images of a table with all of its columns, for models of several outputs."""
    cells = [row for _, row in rows[1:]]
    return dataclasses.replace(found, table=table_of(path.name, rows[0][1], cells, file, label))


def _title(cell: str) -> str:
    return re.sub(r"[^a-z]", "", cell.lower())


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the number of its last line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), None)
            if first is None:
                return
            file.seek(0)
            reader = csv.reader(file, delimiter=_delimiter(path, first), strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, [cell.strip() for cell in row]
    except UnicodeDecodeError as error:
        raise InputError(f"{quoted(path)} is not a UTF-8 text file") from error
    except csv.Error as error:
        raise InputError(f"{quoted(path)} is no table that can be read: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error


def _delimiter(path: Path, line: str) -> str:
    """Return what separates the cells of the first row."""
    outside_quotes = re.sub(r'"[^"]*"', "", line)
    found = [delimiter for delimiter in DELIMITERS if delimiter in outside_quotes]
    if len(found) != 1:
        what = "several of comma, semicolon and tab" if found else "no comma, semicolon or tab"
        raise InputError(
            f"{quoted(path)} has {what} in its first line, where one of them must separate file "
            "and label: put names that hold one in double quotes"
        )
    return found[0]


def _columns(path: Path, first: Sequence[str]) -> _Columns:
    """Find the columns by the header, or by a first row that names an image that is there."""
    titles = [_title(cell) for cell in first]
    files = [place for place, title in enumerate(titles) if title in FILE_COLUMNS]
    files = files or [place for place, title in enumerate(titles) if title == ID_COLUMN]
    labels = [place for place, title in enumerate(titles) if title in LABEL_COLUMNS]
    if len(files) == 1 and PREDICTION in titles:
        return _Columns(files[0], titles.index(PREDICTION), is_prediction=True)
    if len(files) == 1 and len(labels) == 1:
        return _Columns(files[0], labels[0])
    if files and labels:
        names = first_few(quoted(first[place]) for place in (files if files[1:] else labels))
        raise InputError(
            f"{quoted(path)} has the columns {names}: keep one, so that it is known which is meant"
        )
    if len(first) == 2 and _is_file(path.parent, first[0]):
        return _Columns(0, 1, has_header=False)
    raise InputError(
        f"{quoted(path)}: its first line is neither a header that is known, such as file,label, "
        f"nor a file that is there and its label: {first_few(map(quoted, first))}"
    )


def _is_file(folder: Path, name: str) -> bool:
    try:
        names = {name, name.replace("\\", "/")}
        return any((root / n).is_file() for root in (folder, folder / IMAGES) for n in names)
    except (OSError, ValueError):
        return False


def _listed(
    path: Path, number: int, row: Sequence[str], columns: _Columns, may_be_empty: bool
) -> ListedImage:
    place = f"{quoted(path)}, line {number}"
    if len(row) <= max(columns.file, columns.label):
        raise InputError(f"{place}: expected file and label, found {first_few(map(quoted, row))}")
    file, label = row[columns.file], row[columns.label]
    if columns.is_prediction:
        label = _predicted(label, place)
    if not file:
        raise InputError(f"{place}: the file is empty")
    if not label and not may_be_empty:
        raise InputError(
            f"{place}: the label is empty: leave the line out, or, where an image may have several "
            f"labels or none, separate labels by {LABEL_SEPARATOR}"
        )
    return ListedImage(file, label, f"line {number}")


def _predicted(text: str, place: str) -> str:
    """Return the wnid of ``n01440764 10 20 30 40 ...``, which has a wnid and a box an object."""
    words = text.split()
    found = set(words[::5])
    if len(found) != 1 or len(words) % 5 or not re.fullmatch(WNID_PATTERN, words[0]):
        raise InputError(f"{place}: expected the wnid of one class with boxes, found {text[:80]!r}")
    return words[0]

"""All columns of a table of images: what several outputs of a model are each judged by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.written_labels import WHOLE_NUMBER

ONLY_OUTPUT = ""
"""What stands for the name of an output where a user names columns and no output."""


@dataclass(frozen=True)
class LabelTable:
    """The columns of a table beside that of the files.

    Args:
        name: Name of the table.
        columns: Head of a column -> its cell for each image, as it is written.
        label: Head of the column of labels; None where no column is called like one.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]] = field(repr=False)
    label: str | None = None
    what: str = "columns"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(next(iter(self.columns.values()), ()))

    def content(self, index: int) -> bytes:
        """Return the cells of an image."""
        return "\0".join(cells[index] for cells in self.columns.values()).encode()

    def numbers(self, titles: Sequence[str]) -> npt.NDArray[np.float64] | None:
        """Return the numbers in some columns, shape (images, columns); None if a cell is none."""
        try:
            values = np.array([self.columns[title] for title in titles], np.float64).T
        except ValueError:
            return None
        return values if np.isfinite(values).all() else None

    def indices(self, title: str) -> npt.NDArray[np.int64] | None:
        """Return the whole numbers in a column, shape (images,); None if a cell is none."""
        matches = [WHOLE_NUMBER.fullmatch(cell) for cell in self.columns[title]]
        whole = [int(match[1]) for match in matches if match]
        return np.array(whole, np.int64) if len(whole) == len(matches) else None

    def check(self, titles: Sequence[str]) -> None:
        """Raise InputError for a column that is not there."""
        for title in titles:
            if title not in self.columns:
                raise InputError(
                    f"{quoted(self.name)} has no column {quoted(title)}: it has "
                    f"{first_few(map(quoted, self.columns))}"
                )

    def columns_of(self, output: str) -> tuple[str, ...]:
        """Return the columns that are called like an output: ``box``, or ``box_x``, ``box_y``."""
        if output in self.columns:
            return (output,)
        part = re.compile(rf"{re.escape(output)}(?:[_. ]\w+|[0-9]+)")
        return tuple(title for title in self.columns if part.fullmatch(title))


def table_of(
    name: str, titles: Sequence[str], rows: Sequence[Sequence[str]], beside: int, label: int | None
) -> LabelTable | None:
    """Return the columns of a table; None where there is at most one beside that of the files.

    Args:
        name: Name of the table.
        titles: Head of each column.
        rows: The rows below the head.
        beside: Place of the column of files.
        label: Place of the column of labels, if any.
    """
    places = [
        place
        for place, title in enumerate(titles)
        if place != beside
        and title
        and list(titles).count(title) == 1
        and all(len(row) > place for row in rows)
    ]
    if len(places) < 2:
        return None
    columns = {titles[place]: tuple(row[place] for row in rows) for place in places}
    return LabelTable(name, columns, titles[label] if label in places else None)


def parse_columns(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read what a user says of the columns that outputs are judged by.

    Args:
        texts: ``"COLUMN,COLUMN"`` for the only output, or ``"NAME=COLUMN,COLUMN"`` for each.

    Returns:
        Name of an output, empty for the only one -> heads of columns.

    Raises:
        InputError: No column is named, or an output is named twice.

    Example:
        >>> parse_columns(["kind=label", "box=xmin,ymin,xmax,ymax"])["kind"]
        ('label',)
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, listed = text.rpartition("=")
        titles = tuple(title.strip() for title in listed.split(","))
        if not all(titles):
            raise InputError(f"--columns {text}: name columns, such as box=xmin,ymin,xmax,ymax")
        if name in found:
            raise InputError(f"--columns is given twice for {name or 'the output'!r}")
        found[name] = titles
    return found

"""The table of all files as Markdown, and every figure as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from edgecnn.core.escaping import in_csv, in_markdown
from edgecnn.records.columns import Column, columns, csv_fields
from edgecnn.records.fields import ShownIn
from edgecnn.reporting.findings.rows import ReportRow

FILE = "file"
"""Head of the first column, which has the names of the files."""


def table_columns(rows: Sequence[ReportRow]) -> list[Column]:
    """Return the columns after the first one in which any of the rows has a cell."""
    every = columns(ShownIn.REPORT, [row.record for row in rows])
    return [column for column in every if any(row.cell(column) is not None for row in rows)]


def as_csv(rows: Sequence[ReportRow]) -> str:
    """Return CSV with a line for each row: its conditions and figures, by their fields' names."""
    names = [field.name for field in csv_fields()]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([FILE, *names])
    for row in rows:
        writer.writerow(map(in_csv, (row.name, *map(row.value, names))))
    return file.getvalue()


def as_markdown(
    rows: Sequence[ReportRow], marks: Callable[[ReportRow], str] = lambda row: ""
) -> str:
    """Return a table in Markdown.

    Args:
        rows: Rows of the table, at least one.
        marks: Given a row, returns the Markdown that follows the row's name.
    """
    shown = table_columns(rows)
    lines = [
        f"| {' | '.join([FILE, *(column.title for column in shown)])} |",
        f"|---|{'|'.join('---' if column.is_text else '---:' for column in shown)}|",
    ]
    for row in rows:
        cells = [in_markdown(row.cell(column) or "-") for column in shown]
        lines.append(f"| {' | '.join([in_markdown(row.name) + marks(row), *cells])} |")
    return "\n".join(lines) + "\n"

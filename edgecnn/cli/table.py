"""Tables in a terminal: one of records that fits its width, and what all tables have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from edgecnn.cli.output import caption, cell, print_whole, table_width
from edgecnn.core.text import machine_text, model_names
from edgecnn.records.columns import Column, columns
from edgecnn.records.conditions import LabelledData, processor_text
from edgecnn.records.fields import ShownIn
from edgecnn.records.record import Record

MODEL_COLUMN = "model"
"""Head of the first column, which has the names of the models."""


def list_table(texts: Sequence[str], numbers: Sequence[str], folded: Collection[str] = ()) -> Table:
    """Return an empty table without any lines, for a long list.

    Args:
        texts: Heads of the first columns, which stand at the left.
        numbers: Heads of the other columns, which stand at the right.
        folded: Heads of the columns whose cells may take several lines.
    """
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for title in texts:
        is_folded = title in folded
        table.add_column(title, no_wrap=not is_folded, overflow="fold" if is_folded else "ellipsis")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def plain_table(
    titles: Iterable[str], right: Collection[str] = (), folded: Collection[str] = ()
) -> Table:
    """Return an empty table without a frame, whose heads are underlined.

    Args:
        titles: Heads of the columns.
        right: Heads of the columns whose cells stand at the right.
        folded: Heads of the columns whose cells may take several lines.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in titles:
        table.add_column(
            title,
            justify="right" if title in right else "left",
            no_wrap=title not in folded,
            overflow="fold",
        )
    return table


def add_cells(table: Table, cells: Iterable[str | None]) -> None:
    """Add a row to a table; a cell without a text is ``-``."""
    table.add_row(*(cell(text or "-") for text in cells))


def print_pairs(pairs: Iterable[tuple[str, str, str]]) -> None:
    """Print labels with a text beside each.

    Args:
        pairs: Label, rich's style of the label, and text.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, style, text in pairs:
        table.add_row(cell(label, style), cell(text))
    print_whole(table)


def records_table(records: Sequence[Record], width: int | None = None) -> Table:
    """Return a table with a row for each record and the columns that have something in them.

    Args:
        records: The records, at least one.
        width: Characters of a line; where they are too few, columns of lesser importance are left
            out. None shows all columns.

    Example:
        >>> print_whole(records_table(edgecnn.bench("model.tflite")))
    """
    shown = columns(ShownIn.BENCH, records)
    table = _table(records, shown)
    while width is not None and table_width(table) > width:
        last = max(shown, key=lambda column: column.rank)
        if not last.rank:
            break
        shown.remove(last)
        table = _table(records, shown)
    return table


def _table(records: Sequence[Record], shown: Sequence[Column]) -> Table:
    names = model_names(record.model for record in records)
    right = {column.title for column in shown if not column.is_text}
    table = plain_table(
        [MODEL_COLUMN, *(column.title for column in shown)], right, folded=[MODEL_COLUMN]
    )
    table.caption, table.caption_justify = caption(_caption(records)), "left"
    for record in records:
        add_cells(table, [names[record.model], *(column.text(record) for column in shown)])
    return table


def _caption(records: Sequence[Record]) -> list[str]:
    lines = [_host(record) for record in records]
    if any(record.protocol is not None for record in records):
        lines.append("as in MLPerf's single-stream scenario: the result is p90")
    lines += [f"accuracy on {data}" for record in records if (data := LabelledData.of(record))]
    lines += [f"images: {record.image_geometry}" for record in records if record.image_geometry]
    lines += [
        f"agreement with {Path(record.against).name}"
        for record in records
        if record.against is not None
    ]
    return list(dict.fromkeys(lines))


def _host(record: Record) -> str:
    cores = f", {record.cores} cores" if record.cores else ""
    governor = f", governor {record.governor}" if record.governor else ""
    machine = machine_text(record.architecture, record.userland_bits)
    return (
        f"{record.device}: {processor_text(record)}{cores}, {machine}{governor}, "
        f"{record.runtime} {record.runtime_version}"
    )

"""The table of all files: its columns, and the same rows as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgecnn.core.markdown import in_markdown
from edgecnn.core.text import size_text, three_digits
from edgecnn.reporting.rows import Row

Value = float | str | None

FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run by spreadsheets: https://owasp.org/www-community/attacks/CSV_Injection."""


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        title: Its head for people.
        field: Its head in CSV, with the unit.
        value: A row's value, by which it sorts.
        text: A value as people read it.
    """

    title: str
    field: str
    value: Callable[[Row], Value]
    text: Callable[[float], str] | None = None

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.text is None

    def shown(self, row: Row) -> str:
        """Return a row's cell for people."""
        value = self.value(row)
        if value is None:
            return "-"
        return str(value) if self.text is None else self.text(float(value))


def _milliseconds(value: Callable[[Row], float]) -> Callable[[Row], float | None]:
    """Leave out what an emulator took."""
    return lambda row: None if row.record.emulated else value(row)


def _one_digit(value: float) -> str:
    return f"{value:.1f}"


def _size(value: float) -> str:
    return size_text(int(value))


FIRST = Column("file", "file", lambda row: row.name)
ALWAYS = (
    FIRST,
    Column("scheme", "scheme", lambda row: row.record.scheme),
    Column("size", "model_bytes", lambda row: row.record.model_bytes, _size),
)
WHERE = (
    Column("device", "device", lambda row: row.record.device),
    Column("threads", "threads", lambda row: row.record.threads, "{:.0f}".format),
    Column("data", "data", lambda row: row.record.data),
)
MEASURED = (
    Column("p50 ms", "latency_p50_ms", lambda row: row.latency_ms, three_digits),
    Column("99 % interval", "latency_p50_interval_ms", lambda row: row.latency_interval),
    Column("verdict", "verdict", lambda row: row.record.verdict),
    Column(
        "p90 ms",
        "latency_p90_ms",
        _milliseconds(lambda row: row.record.latency_p90_ms),
        three_digits,
    ),
    Column(
        "p99 ms",
        "latency_p99_ms",
        _milliseconds(lambda row: row.record.latency_p99_ms),
        three_digits,
    ),
    Column("load ms", "load_ms", _milliseconds(lambda row: row.record.load_ms), three_digits),
    Column("peak memory", "peak_rss_bytes", lambda row: row.record.peak_rss_bytes, _size),
    Column(
        "energy mJ",
        "energy_per_inference_mj",
        lambda row: None if row.record.emulated else row.record.energy_per_inference_mj,
        three_digits,
    ),
    Column("top-1 %", "top1_percent", lambda row: row.top1_percent, _one_digit),
    Column("95 % interval", "top1_interval_percent", lambda row: row.top1_interval),
    Column("top-5 %", "top5_percent", lambda row: row.record.top5_percent, _one_digit),
    Column("agree %", "agreement_percent", lambda row: row.record.agreement_percent, _one_digit),
    Column("measured", "measured_at", lambda row: row.record.measured_at[:10]),
)


def columns(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that have something to say of these rows."""
    told = [column for column in MEASURED if any(column.value(row) is not None for row in rows)]
    where = [column for column in WHERE if len({column.value(row) for row in rows}) > 1]
    return [*ALWAYS, *where, *told]


def as_csv(rows: Sequence[Row]) -> str:
    """Return a line a row, with every column, numbers in the unit of the column's name."""
    every = [*ALWAYS, *WHERE, *MEASURED]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(column.field for column in every)
    for row in rows:
        writer.writerow(_harmless(column.value(row)) for column in every)
    return file.getvalue()


def as_markdown(rows: Sequence[Row], marks: Callable[[Row], str] = lambda row: "") -> str:
    """Return a table.

    Args:
        rows: At least one.
        marks: What stands behind a row's name.
    """
    shown = columns(rows)
    lines = [
        f"| {' | '.join(column.title for column in shown)} |",
        f"|{'|'.join('---' if column.is_text else '---:' for column in shown)}|",
    ]
    for row in rows:
        cells = [in_markdown(column.shown(row)) for column in shown]
        lines.append(f"| {' | '.join([cells[0] + marks(row), *cells[1:]])} |")
    return "\n".join(lines) + "\n"


def _harmless(value: Value) -> Value:
    """Put an apostrophe before a text that a spreadsheet would run."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_MARKS) else value

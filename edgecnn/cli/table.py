"""Records as a table that fits its terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from edgecnn.core.text import machine_text, model_names, quoted_if_needed, size_text, three_digits
from edgecnn.results.record import Record

UNLIMITED = 1_000_000
"""Columns of text where nothing limits them: a file, a pipe."""

EMULATED = "(emulated)"
"""Instead of a latency that is an emulator's: it says nothing of the board's speed."""


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        title: Its head.
        text: A record's cell, None where there is nothing to say.
        expendable: In a narrow terminal the greatest goes first; 0 always stays.
    """

    title: str
    text: Callable[[Record], str | None]
    expendable: int = 0


def _time(text: Callable[[Record], str | None]) -> Callable[[Record], str | None]:
    """Leave out what an emulator took."""
    return lambda record: None if record.emulated else text(record)


def _median(record: Record) -> str:
    return EMULATED if record.emulated else three_digits(record.latency_p50_ms)


def _interval(record: Record) -> str | None:
    low, high = record.latency_p50_low_ms, record.latency_p50_high_ms
    if low is None or high is None:
        return None
    return f"{three_digits(low)} .. {three_digits(high)}"


def _energy(value: float | None) -> str | None:
    return None if value is None else three_digits(value)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _range(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.1f}-{high:.1f}"


MEASURED = (
    Column("size", lambda r: size_text(r.model_bytes)),
    Column("load ms", _time(lambda r: three_digits(r.load_ms)), 5),
    Column("first ms", _time(lambda r: three_digits(r.first_inference_ms)), 4),
    Column("p50 ms", _median),
    Column("verdict", lambda r: r.verdict, 1),
    Column("99% interval ms", _time(_interval), 7),
    Column("p90 ms", _time(lambda r: three_digits(r.latency_p90_ms)), 3),
    Column("p99 ms", _time(lambda r: three_digits(r.latency_p99_ms)), 2),
    Column(
        "mean ± std ms",
        _time(lambda r: f"{three_digits(r.latency_mean_ms)} ± {three_digits(r.latency_std_ms)}"),
        6,
    ),
    Column("energy mJ", _time(lambda r: _energy(r.energy_per_inference_mj)), 3),
    Column("peak mem", lambda r: size_text(r.peak_rss_bytes) if r.peak_rss_bytes else None, 1),
    Column("top-1 %", lambda r: _percent(r.top1_percent)),
    Column("95% interval", lambda r: _range(r.top1_low_percent, r.top1_high_percent), 2),
    Column("top-5 %", lambda r: _percent(r.top5_percent), 1),
    Column("agree %", lambda r: _percent(r.agreement_percent), 1),
)


def records_table(records: Sequence[Record], width: int | None = None) -> Table:
    """Show records, one a row, with the columns that have something in them.

    Args:
        records: At least one.
        width: Columns of text that there are; where they are too few, lesser columns go. None
            shows all.

    Example:
        >>> Console().print(records_table(edgecnn.bench("model.tflite")))
    """
    columns = [column for column in _columns(records) if any(map(column.text, records))]
    table = _table(records, columns)
    while width is not None and table_width(table) > width:
        last = max(columns, key=lambda column: column.expendable)
        if not last.expendable:
            break
        columns.remove(last)
        table = _table(records, columns)
    return table


def print_whole(table: Table) -> None:
    """Print a table on standard output; nothing is cut or folded in a file or a pipe."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    console = Console(highlight=False, width=table_width(table))
    with console.capture() as captured:
        console.print(table)
    # A cell is as wide as its column; in a file the blanks behind the last are of no use.
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def table_width(table: Table) -> int:
    """Return how many columns of text a table needs to show every cell in one line."""
    console = Console()
    return Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum


def _columns(records: Sequence[Record]) -> list[Column]:
    names = model_names(record.model for record in records)
    columns = [Column("model", lambda r: names[r.model]), Column("scheme", lambda r: r.scheme)]
    if len({record.device for record in records}) > 1:
        columns.append(Column("device", lambda r: quoted_if_needed(r.device)))
    if {record.threads for record in records} != {1}:
        columns.append(Column("threads", lambda r: str(r.threads)))
    return [*columns, *_measured_columns(records)]


def _measured_columns(records: Sequence[Record]) -> Sequence[Column]:
    """Return the columns of figures; by MLPerf's rules the 90th percentile counts."""
    if not all(record.protocol for record in records):
        return MEASURED
    ranks = {"p50 ms": 3, "p90 ms": 0}
    return [replace(c, expendable=ranks.get(c.title, c.expendable)) for c in MEASURED]


def _table(records: Sequence[Record], columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, caption=_caption(records))
    table.caption_justify = "left"
    for column in columns:
        is_name = column.title in ("model", "scheme", "device")
        table.add_column(
            column.title,
            justify="left" if is_name else "right",
            no_wrap=column.title != "model",
            overflow="fold",
        )
    for record in records:
        # Text, not str: a file name with square brackets is no markup.
        table.add_row(*(Text(column.text(record) or "-") for column in columns))
    return table


def _caption(records: Sequence[Record]) -> Text:
    lines = dict.fromkeys(_host(record) for record in records)
    data = dict.fromkeys(
        f"accuracy on {record.images} images of {quoted_if_needed(record.data)}"
        for record in records
        if record.data is not None
    )
    protocols = dict.fromkeys(
        "as in MLPerf's single-stream scenario: the result is p90"
        for record in records
        if record.protocol is not None
    )
    others = dict.fromkeys(
        f"agreement with {quoted_if_needed(Path(record.against).name)}"
        for record in records
        if record.against is not None
    )
    return Text("\n".join([*lines, *protocols, *data, *others]))


def _host(record: Record) -> str:
    cores = f", {record.cores} cores" if record.cores else ""
    governor = f", governor {record.governor}" if record.governor else ""
    known = record.board is None or record.board == record.cpu
    cpu = record.cpu if known else f"{record.board}, {record.cpu}"
    emulated = f" {EMULATED}" if record.emulated else ""
    machine = machine_text(record.architecture, record.userland_bits)
    return (
        f"{record.device}: {cpu}{emulated}{cores}, {machine}{governor}, "
        f"{record.runtime} {record.runtime_version}"
    )

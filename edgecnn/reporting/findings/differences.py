"""Whether two files of a setting differ in time or top-1 by more than noise explains.

The rule is that of ``edgecnn compare``: what the interval of a change does not tell apart counts as
alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from edgecnn.comparison.changes import figure_change, median_change
from edgecnn.comparison.pairing import Pair
from edgecnn.records.interval import Interval
from edgecnn.records.record import Record
from edgecnn.reporting.findings.rows import ReportRow


def time_change(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return the relative change of the median time; None where it is not known.

    Args:
        base: The row that the change starts from.
        new: The other row.
    """
    if base.latency_ms is None or new.latency_ms is None:
        return None
    return _time_change(base.record, new.record)


def top1_change(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return the change of top-1 in points; None where it is not known.

    Args:
        base: The row that the change starts from.
        new: The other row.
    """
    if base.top1_percent is None or new.top1_percent is None:
        return None
    return _top1_change(base.record, new.record)


def is_surely_better(one: ReportRow, other: ReportRow) -> bool:
    """Return whether a file is smaller than another, or surely faster or more accurate."""
    if one.record.model_bytes < other.record.model_bytes:
        return True
    time, top1 = time_change(other, one), top1_change(other, one)
    is_faster = time is not None and time.is_different and time.change < 0
    return is_faster or (top1 is not None and top1.is_different and top1.change > 0)


def are_alike(one: ReportRow, other: ReportRow) -> bool:
    """Return whether neither time nor top-1 tells two files apart."""
    changes = [time_change(one, other), top1_change(one, other)]
    return not any(change.is_different for change in changes if change is not None)


def not_told_from(
    row: ReportRow,
    rows: Sequence[ReportRow],
    change: Callable[[ReportRow, ReportRow], Interval | None],
) -> list[ReportRow]:
    """Return the other rows whose figure noise does not tell from a row's.

    Args:
        row: The row that others are compared with.
        rows: All rows.
        change: Returns the change of the figure: :func:`time_change` or :func:`top1_change`.
    """
    changes = [(other, change(row, other)) for other in rows if other is not row]
    return [other for other, known in changes if known is not None and not known.is_different]


@lru_cache(maxsize=4096)
def _time_change(base: Record, new: Record) -> Interval | None:
    return median_change(base, new)


@lru_cache(maxsize=4096)
def _top1_change(base: Record, new: Record) -> Interval | None:
    change = figure_change("top1_percent", Pair((base,), (new,)))
    return None if change is None else change.interval

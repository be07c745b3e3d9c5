"""Whether two files of a setting differ in time or top-1 by more than noise explains.

The intervals are those of ``edgecnn compare``, and so is the rule: what its interval does not tell
apart counts as alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from edgecnn.comparison.changes import figure_change
from edgecnn.comparison.pairing import Pair
from edgecnn.records.interval import Interval
from edgecnn.records.record import Record
from edgecnn.reporting.findings.rows import ReportRow

TIME, TOP1 = "latency_p50_ms", "top1_percent"


def time_change(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return the relative change of the median time; None where it is not known.

    Args:
        base: The row that the change starts from.
        new: The other row.
    """
    if base.latency_ms is None or new.latency_ms is None:
        return None
    if (apart := _far_apart(base, new)) is not None:
        return apart
    return _change(TIME, base.record, new.record)


def top1_change(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return the change of top-1 in points; None where it is not known.

    Args:
        base: The row that the change starts from.
        new: The other row.
    """
    if base.top1_percent is None or new.top1_percent is None:
        return None
    return _change(TOP1, base.record, new.record)


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


def _far_apart(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return the change of medians whose own intervals are apart; None where they overlap.

    Such an interval of the change leaves out 0, as that of all samples would: there is no need to
    resample the calls of each pair of files.
    """
    ends, new_ends = _logarithms(base.record), _logarithms(new.record)
    if ends is None or new_ends is None:
        return None
    (low, middle, high), (new_low, new_middle, new_high) = ends, new_ends
    if new_low <= high and low <= new_high:
        return None
    change = new_middle - middle
    down = math.hypot(new_middle - new_low, high - middle)
    up = math.hypot(new_high - new_middle, middle - low)
    return Interval(math.expm1(change), math.expm1(change - down), math.expm1(change + up))


def _logarithms(record: Record) -> tuple[float, float, float] | None:
    """Return the median and the ends of its interval, as logarithms."""
    low, high = record.latency_p50_low_ms, record.latency_p50_high_ms
    if low is None or high is None or low <= 0:
        return None
    return math.log(low), math.log(record.latency_p50_ms), math.log(high)


@lru_cache(maxsize=4096)
def _change(figure: str, base: Record, new: Record) -> Interval | None:
    pair = Pair((base,), (new,))
    change = figure_change(figure, pair)
    return None if change is None else change.interval

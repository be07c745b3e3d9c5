"""Whether two files of a setting differ in time or accuracy by more than noise explains.

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


def accuracy_change(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return the change of the leading figure; None where it is not known.

    Args:
        base: The row that the change starts from.
        new: The other row, of the same leading figure.

    Returns:
        The change in points or in dB; of a mean error relative to the base.
    """
    if base.accuracy is None or new.accuracy is None or base.leading is None:
        return None
    return _accuracy_change(base.leading.field.name, base.record, new.record)


def accuracy_gain(base: ReportRow, new: ReportRow) -> Interval | None:
    """Return :func:`accuracy_change` so that more is better; None where it is not known.

    Args:
        base: The row that the change starts from.
        new: The other row, of the same leading figure.
    """
    change = accuracy_change(base, new)
    if change is None or base.leading is None or not base.leading.is_error:
        return change
    return Interval(-change.change, -change.high, -change.low)


def is_surely_better(one: ReportRow, other: ReportRow) -> bool:
    """Return whether a file is smaller than another, or surely faster or more accurate."""
    if one.record.model_bytes < other.record.model_bytes:
        return True
    time, gain = time_change(other, one), accuracy_gain(other, one)
    is_faster = time is not None and time.is_different and time.change < 0
    return is_faster or (gain is not None and gain.is_different and gain.change > 0)


def are_alike(one: ReportRow, other: ReportRow) -> bool:
    """Return whether neither time nor accuracy tells two files apart."""
    changes = [time_change(one, other), accuracy_change(one, other)]
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
        change: Returns the change of the figure: :func:`time_change` or :func:`accuracy_change`.
    """
    changes = [(other, change(row, other)) for other in rows if other is not row]
    return [other for other, known in changes if known is not None and not known.is_different]


@lru_cache(maxsize=4096)
def _time_change(base: Record, new: Record) -> Interval | None:
    return median_change(base, new)


@lru_cache(maxsize=4096)
def _accuracy_change(figure: str, base: Record, new: Record) -> Interval | None:
    change = figure_change(figure, Pair((base,), (new,)))
    return None if change is None else change.interval

"""The file to ship: the files that no other file beats, and the one that a plain rule chooses.

All rows that are compared here were measured in one setting: under the same conditions, on the same
data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.reporting.findings.differences import is_surely_better
from edgecnn.reporting.findings.rows import ReportRow

ACCEPTED_LOSS_POINTS = 1.0
"""Percentage points of top-1 below the best that a file may have and still be recommended."""

EQUALLY_FAST = 1.05
"""Ratio up to which two medians count as equally fast: runs of one file differ as much."""


@dataclass(frozen=True)
class Answer:
    """The best files of a setting; None for a file whose figure was not measured.

    Args:
        optimal: The Pareto front: files that no other beats in size, speed and accuracy together.
        recommended: The file that the rule of :func:`recommend` chooses.
        fastest: The file with the least median time of a call.
        smallest: The file with the fewest bytes.
        most_accurate: The file with the highest top-1.
    """

    optimal: tuple[ReportRow, ...]
    recommended: ReportRow | None
    fastest: ReportRow | None
    smallest: ReportRow | None
    most_accurate: ReportRow | None


def answer(rows: Sequence[ReportRow]) -> Answer:
    """Return the best files among the rows of one setting.

    Example:
        >>> answer(make_rows(edgecnn.bench(files, data="photos/"))).recommended.name
        'mobilenet_v2_int8.tflite'
    """
    timed = [row for row in rows if row.latency_ms is not None]
    judged = [row for row in rows if row.top1_percent is not None]
    return Answer(
        optimal=tuple(pareto(rows)),
        recommended=recommend(rows),
        fastest=min(timed, key=_latency, default=None),
        smallest=min(rows, key=_size, default=None),
        most_accurate=max(judged, key=_top1, default=None),
    )


def pareto(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the Pareto front: the rows that no other row beats, in their order.

    A row beats another if it is no larger, no slower and no less accurate, and better in one of the
    three by more than noise explains. Accuracy counts if any row has one; rows without accuracy are
    then left out. The same holds for times.
    """
    measured = _comparable(rows)
    return [row for row in measured if not any(_beats(other, row) for other in measured)]


def recommend(rows: Sequence[ReportRow]) -> ReportRow | None:
    """Return the file to ship by the rule of :class:`Shortlist`; None without any accuracy.

    The file is always on the Pareto front.
    """
    shortlist = Shortlist.of(rows)
    return None if shortlist is None else shortlist.recommended


@dataclass(frozen=True)
class Shortlist:
    """The files among which one is chosen to ship, step by step.

    Without times (an emulated CPU) all accurate files count as fast.

    Args:
        judged: Files with an accuracy.
        accurate: Files among them whose top-1 is at most ``ACCEPTED_LOSS_POINTS`` below the best.
        fast: Files among these that take at most ``EQUALLY_FAST`` times the time of the fastest.
    """

    judged: tuple[ReportRow, ...]
    accurate: tuple[ReportRow, ...]
    fast: tuple[ReportRow, ...]

    @classmethod
    def of(cls, rows: Sequence[ReportRow]) -> Shortlist | None:
        """Choose among the rows of one setting; None where no accuracy was measured."""
        judged = tuple(row for row in _comparable(rows) if row.top1_percent is not None)
        if not judged:
            return None
        best = max(map(_top1, judged))
        accurate = tuple(row for row in judged if _top1(row) >= best - ACCEPTED_LOSS_POINTS)
        limit = EQUALLY_FAST * min(map(_latency, accurate))
        return cls(judged, accurate, tuple(row for row in accurate if _latency(row) <= limit))

    @property
    def recommended(self) -> ReportRow:
        """The smallest of the fast; of equal sizes the fastest, then the most accurate."""
        return min(self.fast, key=lambda row: (_size(row), _latency(row), -_top1(row)))

    @property
    def most_accurate(self) -> ReportRow:
        """The file with the highest top-1."""
        return max(self.judged, key=_top1)

    @property
    def fastest(self) -> ReportRow:
        """The fastest of the accurate files."""
        return min(self.accurate, key=_latency)


def best_accuracy_by_time(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the rows that are more accurate than every faster row, the fastest first."""
    measured = [row for row in rows if row.latency_ms is not None and row.top1_percent is not None]
    best: list[ReportRow] = []
    for row in sorted(measured, key=lambda row: (_latency(row), -_top1(row))):
        if not best or _top1(row) > _top1(best[-1]):
            best.append(row)
    return best


def _comparable(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the rows that have a time if any row has one, and an accuracy if any row has one."""
    is_timed = any(row.latency_ms is not None for row in rows)
    is_judged = any(row.top1_percent is not None for row in rows)
    return [
        row
        for row in rows
        if not (is_timed and row.latency_ms is None)
        and not (is_judged and row.top1_percent is None)
    ]


def _goals(row: ReportRow) -> tuple[float, float, float]:
    """Return the numbers that a file is judged by; less is better for each of them."""
    return _size(row), _latency(row), -_top1(row)


def _beats(one: ReportRow, other: ReportRow) -> bool:
    goals, others = _goals(one), _goals(other)
    is_no_worse = all(a <= b for a, b in zip(goals, others, strict=True))
    return is_no_worse and goals != others and is_surely_better(one, other)


def _size(row: ReportRow) -> float:
    return float(row.record.model_bytes)


def _latency(row: ReportRow) -> float:
    return 0.0 if row.latency_ms is None else row.latency_ms


def _top1(row: ReportRow) -> float:
    return 0.0 if row.top1_percent is None else row.top1_percent

"""The file to ship: the files that no other file beats, and the one that a plain rule chooses.

All that is compared here was measured in one setting: under the same conditions, on the same data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.reporting.rows import ReportRow

ACCEPTED_LOSS_POINTS = 1.0
"""Percentage points of top-1 below the best that a file may have and still be recommended."""

EQUALLY_FAST = 1.05
"""Ratio up to which two medians count as equally fast: runs of one file differ as much."""


@dataclass(frozen=True)
class Answer:
    """What the measurements of a setting say; None where the figure it takes was not measured.

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
    """Return what the rows of one setting say.

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
    three. Accuracy counts if any row has one, and then a row without accuracy is left out; so it is
    with times.
    """
    measured = _comparable(rows)
    goals = {row.id: _goals(row) for row in measured}
    return [
        row
        for row in measured
        if not any(_beats(goals[other.id], goals[row.id]) for other in measured)
    ]


def recommend(rows: Sequence[ReportRow]) -> ReportRow | None:
    """Return the file to ship by this rule, None where no accuracy was measured.

    1. Of the files whose top-1 is at most ``ACCEPTED_LOSS_POINTS`` below the best,
    2. those that take at most ``EQUALLY_FAST`` times the time of the fastest of them,
    3. and of those the smallest; then the fastest, then the most accurate.

    Without times (an emulated CPU) step 2 is left out. The file is always on the Pareto front.
    """
    judged = [row for row in _comparable(rows) if row.top1_percent is not None]
    if not judged:
        return None
    best = max(map(_top1, judged))
    accurate = [row for row in judged if _top1(row) >= best - ACCEPTED_LOSS_POINTS]
    limit = EQUALLY_FAST * min(map(_latency, accurate))
    fast = [row for row in accurate if _latency(row) <= limit]
    return min(fast, key=lambda row: (_size(row), _latency(row), -_top1(row)))


def best_accuracy_by_time(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the rows with the best top-1 that can be had up to each time, the fastest first."""
    both = [row for row in rows if row.latency_ms is not None and row.top1_percent is not None]
    found: list[ReportRow] = []
    for row in sorted(both, key=lambda row: (_latency(row), -_top1(row))):
        if not found or _top1(row) > _top1(found[-1]):
            found.append(row)
    return found


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
    """Return what a file is judged by; less of it is better."""
    return _size(row), _latency(row), -_top1(row)


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _size(row: ReportRow) -> float:
    return float(row.record.model_bytes)


def _latency(row: ReportRow) -> float:
    return 0.0 if row.latency_ms is None else row.latency_ms


def _top1(row: ReportRow) -> float:
    return 0.0 if row.top1_percent is None else row.top1_percent

"""Which file to ship: what no other file beats, and the one that a plain rule chooses among them.

All that is compared here was measured in one setting: one device, runtime, thread count, data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.reporting.rows import Row

ACCEPTED_LOSS_POINTS = 1.0
"""Points of top-1 below the best that a file may be and still be recommended."""

AS_FAST = 1.05
"""Up to this ratio two medians are taken for equally fast: runs of one file differ as much."""


@dataclass(frozen=True)
class Answer:
    """What a setting's measurements say; None where what that needs was not measured.

    Args:
        optimal: Files that no other beats: each other one is larger, slower or less accurate.
        recommended: What the rule of :func:`recommend` chooses.
        fastest: Least median time of a call.
        smallest: Fewest bytes.
        most_accurate: Highest top-1.
    """

    optimal: tuple[Row, ...]
    recommended: Row | None
    fastest: Row | None
    smallest: Row | None
    most_accurate: Row | None


def answer(rows: Sequence[Row]) -> Answer:
    """Return what the rows of one setting say.

    Args:
        rows: Of one setting.

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


def pareto(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that no other row beats, in their order.

    One beats another if it is no larger, no slower and no less accurate, and better in one of the
    three. Accuracy counts where any row has one, and then a row without is not compared; the same
    for time.
    """
    measured = _comparable(rows)
    goals = {row.id: _goals(row) for row in measured}
    return [
        row
        for row in measured
        if not any(_beats(goals[other.id], goals[row.id]) for other in measured)
    ]


def recommend(rows: Sequence[Row]) -> Row | None:
    """Return the file to ship by this rule, None where no accuracy was measured.

    1. Of the files whose top-1 is at most ``ACCEPTED_LOSS_POINTS`` below the best,
    2. those that take at most ``AS_FAST`` times the time of the fastest of them,
    3. and of those the smallest; then the fastest, then the most accurate.

    Without times (an emulated CPU) step 2 is left out. The file is always one of :func:`pareto`'s.
    """
    judged = [row for row in _comparable(rows) if row.top1_percent is not None]
    if not judged:
        return None
    best = max(map(_top1, judged))
    accurate = [row for row in judged if _top1(row) >= best - ACCEPTED_LOSS_POINTS]
    limit = AS_FAST * min(map(_latency, accurate))
    fast = [row for row in accurate if _latency(row) <= limit]
    return min(fast, key=lambda row: (_size(row), _latency(row), -_top1(row)))


def front(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the best top-1 that can be had up to each time, the fastest first."""
    both = [row for row in rows if row.latency_ms is not None and row.top1_percent is not None]
    found: list[Row] = []
    for row in sorted(both, key=lambda row: (_latency(row), -_top1(row))):
        if not found or _top1(row) > _top1(found[-1]):
            found.append(row)
    return found


def _comparable(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that have whatever any of them has: a time, an accuracy."""
    is_timed = any(row.latency_ms is not None for row in rows)
    is_judged = any(row.top1_percent is not None for row in rows)
    return [
        row
        for row in rows
        if not (is_timed and row.latency_ms is None)
        and not (is_judged and row.top1_percent is None)
    ]


def _goals(row: Row) -> tuple[float, float, float]:
    """Return what is better the less it is."""
    return _size(row), _latency(row), -_top1(row)


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _size(row: Row) -> float:
    return float(row.record.model_bytes)


def _latency(row: Row) -> float:
    return 0.0 if row.latency_ms is None else row.latency_ms


def _top1(row: Row) -> float:
    return 0.0 if row.top1_percent is None else row.top1_percent

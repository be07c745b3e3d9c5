"""The file to ship: the files that no other file beats, and the one that a plain rule chooses.

All rows that are compared here were measured in one setting: under the same conditions, on the same
data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.reporting.findings.differences import is_surely_better
from edgecnn.reporting.findings.rows import ReportRow

ACCEPTED_LOSS = {"percent": 1.0, "db": 0.1, "units": 0.01}
"""Unit of the leading figure, as its field's name has it -> how far behind the best a file may be
and still be recommended: percentage points of a share, decibels, and a part of the least error. 1 %
of a root mean square error is about 0.1 dB."""

BENCH_WITH_DATA = "'edgecnn bench MODEL... --data DATA' measures it"

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
        most_accurate: The file with the best leading figure of accuracy.
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
    judged = [row for row in rows if row.accuracy is not None]
    return Answer(
        optimal=tuple(pareto(rows)),
        recommended=recommend(rows),
        fastest=min(timed, key=_latency, default=None),
        smallest=min(rows, key=_size, default=None),
        most_accurate=max(judged, key=lambda row: row.merit, default=None),
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
        accurate: Files among them that are behind the best one by ``ACCEPTED_LOSS`` at most.
        fast: Files among these that take at most ``EQUALLY_FAST`` times the time of the fastest.
    """

    judged: tuple[ReportRow, ...]
    accurate: tuple[ReportRow, ...]
    fast: tuple[ReportRow, ...]

    @classmethod
    def of(cls, rows: Sequence[ReportRow]) -> Shortlist | None:
        """Choose among the rows of one setting; None where no accuracy was measured."""
        judged = tuple(row for row in _comparable(rows) if row.accuracy is not None)
        if not judged:
            return None
        best = max(judged, key=lambda row: row.merit)
        accurate = tuple(row for row in judged if is_near(best, row))
        limit = EQUALLY_FAST * min(map(_latency, accurate))
        return cls(judged, accurate, tuple(row for row in accurate if _latency(row) <= limit))

    @property
    def recommended(self) -> ReportRow:
        """The smallest of the fast; of equal sizes the fastest, then the most accurate."""
        return min(self.fast, key=lambda row: (_size(row), _latency(row), -row.merit))

    @property
    def most_accurate(self) -> ReportRow:
        """The file with the best accuracy."""
        return max(self.judged, key=lambda row: row.merit)

    @property
    def fastest(self) -> ReportRow:
        """The fastest of the accurate files."""
        return min(self.accurate, key=_latency)


def accepted_loss(row: ReportRow) -> float:
    """Return how far behind the best a file may be, in the unit of a row's leading figure.

    Args:
        row: A row with an accuracy.
    """
    assert row.leading is not None
    return ACCEPTED_LOSS[row.leading.last_word]


def is_near(best: ReportRow, row: ReportRow) -> bool:
    """Return whether a row is no further behind the best one than is accepted.

    Args:
        best: The row with the best accuracy.
        row: A row with the same leading figure.
    """
    assert best.leading is not None
    # An error's loss is a part of the least error.
    scale = abs(best.merit) if best.leading.is_error else 1.0
    return row.merit >= best.merit - accepted_loss(best) * scale


def why_nothing_is_recommended(rows: Sequence[ReportRow]) -> str:
    """Return why no file of a setting can be recommended, as part of a sentence.

    Args:
        rows: Rows without any accuracy that counts.
    """
    if any(row.has_chance_accuracy for row in rows):
        return "the accuracy that was measured is that of random weights, which is chance"
    if any(row.record.data is not None for row in rows):
        return "what was measured on the data has no figure by which files are ranked"
    return f"no accuracy was measured: {BENCH_WITH_DATA}"


def best_accuracy_by_time(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the rows that are more accurate than every faster row, the fastest first."""
    measured = [row for row in rows if row.latency_ms is not None and row.accuracy is not None]
    best: list[ReportRow] = []
    for row in sorted(measured, key=lambda row: (_latency(row), -row.merit)):
        if not best or row.merit > best[-1].merit:
            best.append(row)
    return best


def _comparable(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the rows that have a time if any row has one, and an accuracy if any row has one."""
    is_timed = any(row.latency_ms is not None for row in rows)
    is_judged = any(row.accuracy is not None for row in rows)
    return [
        row
        for row in rows
        if not (is_timed and row.latency_ms is None) and not (is_judged and row.accuracy is None)
    ]


def _goals(row: ReportRow) -> tuple[float, float, float]:
    """Return the numbers that a file is judged by; less is better for each of them."""
    return _size(row), _latency(row), -row.merit


def _beats(one: ReportRow, other: ReportRow) -> bool:
    goals, others = _goals(one), _goals(other)
    is_no_worse = all(a <= b for a, b in zip(goals, others, strict=True))
    return is_no_worse and goals != others and is_surely_better(one, other)


def _size(row: ReportRow) -> float:
    return float(row.record.model_bytes)


def _latency(row: ReportRow) -> float:
    return 0.0 if row.latency_ms is None else row.latency_ms

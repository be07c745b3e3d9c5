"""Which file to ship: the rule and what beats what, by arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from edgecnn.records.record import MeasurementWarning
from edgecnn.reporting.findings.recommendation import (
    ACCEPTED_LOSS,
    EQUALLY_FAST,
    answer,
    best_accuracy_by_time,
    pareto,
    recommend,
)
from edgecnn.reporting.findings.rows import ReportRow, make_rows

from .conftest import made_result

MakeRows = Callable[..., list[ReportRow]]


def names(rows: Any) -> list[str]:
    return [row.name for row in rows]


def test_the_fastest_within_a_point_of_the_best(make_rows_of: MakeRows) -> None:
    rows = make_rows_of(
        ("best", 4_000_000, 10.0, 90.0),
        ("a point less", 3_000_000, 5.0, 89.0),
        ("too bad", 1_000_000, 1.0, 88.9),
    )
    chosen = recommend(rows)
    assert chosen is not None and chosen.name == "a point less"


def test_the_smallest_of_those_that_are_as_fast(make_rows_of: MakeRows) -> None:
    rows = make_rows_of(
        ("fastest", 4_000_000, 2.00, 90.0),
        ("smaller, 5 % slower", 3_000_000, 2.10, 89.5),
        ("smallest, 6 % slower", 1_000_000, 2.12, 89.5),
    )
    chosen = recommend(rows)
    assert chosen is not None and chosen.name == "smaller, 5 % slower"


def test_nothing_beats_in_one_what_is_optimal(make_rows_of: MakeRows) -> None:
    rows = make_rows_of(
        ("small", 1, 3.0, 80.0),
        ("fast", 3, 1.0, 80.0),
        ("right", 3, 3.0, 90.0),
        ("as right, larger", 4, 3.0, 90.0),
        ("beaten in all", 4, 4.0, 79.0),
        ("small again", 1, 3.0, 80.0),
    )
    assert names(pareto(rows)) == ["small", "fast", "right", "small again"]


def test_the_best_accuracy_up_to_each_time(make_rows_of: MakeRows) -> None:
    rows = make_rows_of(("c", 1, 3.0, 95.0), ("a", 1, 1.0, 80.0), ("b", 1, 2.0, 79.0))
    assert names(best_accuracy_by_time(rows)) == ["a", "c"]


def test_what_is_best_at_what(make_rows_of: MakeRows) -> None:
    rows = make_rows_of(("small", 1, 3.0, 80.0), ("fast", 3, 1.0, 70.0), ("right", 3, 3.0, 90.0))
    found = answer(rows)
    assert [row and row.name for row in (found.smallest, found.fastest, found.most_accurate)] == [
        "small", "fast", "right",
    ]  # fmt: skip


def test_without_accuracy_nothing_is_recommended(make_rows_of: MakeRows) -> None:
    found = answer(make_rows_of(("small", 1, 3.0, None), ("fast", 3, 1.0, None)))
    assert found.recommended is found.most_accurate is None
    assert names(found.optimal) == ["small", "fast"]


def test_random_weights_have_no_accuracy() -> None:
    warned = (MeasurementWarning("random-weights", "random", "train"),)
    rows = make_rows([made_result("a", top1=10.0, warnings=warned), made_result("b", top1=5.0)])
    assert {row.name: row.accuracy for row in rows} == {"a": None, "b": 5.0}
    chosen = recommend(rows)
    assert chosen is not None and chosen.name == "b"


def test_an_emulator_is_neither_fast_nor_slow(make_rows_of: MakeRows) -> None:
    rows = make_rows_of(
        ("large", 3, 1.0, 90.0), ("small", 1, 9.0, 89.5), ("bad", 1, 1.0, 50.0), emulated=True
    )
    found = answer(rows)
    assert found.fastest is None
    assert found.recommended is not None and found.recommended.name == "small"
    assert names(found.optimal) == ["large", "small"]


figures = some.tuples(
    some.integers(1, 6), some.integers(1, 40), some.one_of(some.none(), some.integers(0, 8))
)


@given(some.lists(figures, min_size=1, max_size=8))
def test_what_is_recommended_is_beaten_by_none_and_within_the_rule(
    values: list[tuple[int, int, int | None]],
) -> None:
    rows = make_rows([
        replace(made_result(f"{number}", size), latency_p50_ms=time / 10, top1_percent=top1)
        for number, (size, time, top1) in enumerate(values)
    ])  # fmt: skip
    chosen, optimal = recommend(rows), pareto(rows)
    judged = [row for row in rows if row.accuracy is not None]
    assert optimal
    if not judged:
        assert chosen is None
        return
    assert chosen is not None and chosen in optimal
    best = max(row.accuracy or 0 for row in judged)
    near = [row for row in judged if (row.accuracy or 0) >= best - ACCEPTED_LOSS["percent"]]
    assert chosen in near
    fastest = min(row.record.latency_p50_ms for row in near)
    assert chosen.record.latency_p50_ms <= fastest * EQUALLY_FAST * (1 + 1e-12)
    assert pytest.approx(best) == max(row.accuracy or 0 for row in best_accuracy_by_time(rows))

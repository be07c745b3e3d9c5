"""Which columns a table of measurements has, and what stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from edgecnn.records.columns import columns
from edgecnn.records.fields import ShownIn
from edgecnn.records.record import Record

from ..store.records import made_record  # noqa: TID252


def titles(place: ShownIn, *records: Record) -> list[str]:
    return [column.title for column in columns(place, records)]


def cells(place: ShownIn, record: Record) -> dict[str, str | None]:
    return {column.title: column.text(record) for column in columns(place, [record])}


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"threads": 4}, "threads"),
        ({"cpus": "0"}, "cpus"),
        ({"protocol": "x"}, "protocol"),
        ({"usable_cpus": 0.5}, "usable CPUs"),
    ],
)
def test_bench_says_a_condition_that_is_not_the_usual_one(
    change: dict[str, Any], title: str
) -> None:
    assert title not in titles(ShownIn.BENCH, made_record())
    assert title in titles(ShownIn.BENCH, made_record(**change))


@pytest.mark.parametrize(
    ("change", "title"),
    [({"device": "pi"}, "device"), ({"cpu": "b"}, "cpu"), ({"cpus": "0"}, "cpus"),
     ({"runtime_version": "9"}, "runtime version"), ({"data": "digits"}, "data")],
)  # fmt: skip
def test_a_report_says_the_conditions_that_differ(change: dict[str, Any], title: str) -> None:
    one, other = made_record(), made_record(**change)
    assert title not in titles(ShownIn.REPORT, other, other)
    assert title in titles(ShownIn.REPORT, one, other)


def test_columns_without_content_are_left_out() -> None:
    judged = made_record(data="digits", images=9, top1_percent=50.0, top5_percent=None)
    assert "top-1 %" in titles(ShownIn.BENCH, judged)
    assert "top-5 %" not in titles(ShownIn.BENCH, judged)
    assert "top-1 %" not in titles(ShownIn.LIST, made_record())


@pytest.mark.parametrize("place", [ShownIn.BENCH, ShownIn.REPORT, ShownIn.LIST])
def test_the_median_of_an_emulated_cpu_is_withheld_and_its_size_is_not(place: ShownIn) -> None:
    shown = cells(place, made_record(emulated=True))
    assert (shown["p50 ms"], shown["size"]) == ("(emulated)", "1000 B")
    assert "p90 ms" not in shown


def test_by_mlperfs_rules_p90_stays_when_a_terminal_is_narrow() -> None:
    def ranks(**changes: Any) -> dict[str, int]:
        every = columns(ShownIn.BENCH, [made_record(**changes)])
        return {column.title: column.rank for column in every if not column.is_interval}

    usual, mlperf = ranks(), ranks(protocol="mlperf-single-stream")
    assert usual["p50 ms"] == 0 < usual["p90 ms"]
    assert mlperf["p90 ms"] == 0 < mlperf["p50 ms"]

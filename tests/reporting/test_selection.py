"""Which results a report is about, from a real store and from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import InputError
from edgecnn.records.filter import Filter
from edgecnn.records.record import Record
from edgecnn.reporting.findings.rows import make_rows
from edgecnn.reporting.findings.selection import MOST_LISTED, Selection, select
from edgecnn.reporting.findings.settings import find_settings
from edgecnn.store.store import Store

from .conftest import MakeResult

Write = Callable[[Path, list[Record]], Path]
OLD, NEW = "2026-11-01T10:00:00+00:00", "2026-11-20T10:00:00+00:00"


@pytest.fixture()
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.sqlite")


def of_store(store: Store, limit: int = 100, **wanted: Any) -> Selection:
    return select((), Filter(**wanted), limit, lambda: store)


def medians(found: Selection) -> set[float]:
    return {record.latency_p50_ms for record in found.records}


def test_the_newest_of_each_file_scheme_device_and_threads(
    store: Store, make_result: MakeResult
) -> None:
    store.add(make_result("a.tflite", latency_ms=1, measured_at=OLD))
    for number, changes in enumerate(
        ({}, {"scheme": "float32"}, {"device": "pi"}, {"threads": 2}, {"runtime_version": "9"}), 2
    ):
        store.add(make_result("a.tflite", latency_ms=number, measured_at=NEW, **changes))
    found = of_store(store)
    assert medians(found) == {2, 3, 4, 5, 6}
    assert found.notes == ("1 older result(s) of the same measurements are left out",)


def test_a_file_made_anew_takes_the_place_of_the_old_one(
    store: Store, make_result: MakeResult
) -> None:
    store.add(make_result("a.tflite", latency_ms=1))
    store.add(make_result("a.tflite", latency_ms=2, model_sha256="cd" * 32))
    assert medians(of_store(store)) == {2}


def test_networks_of_one_name_stand_beside_each_other(
    store: Store, make_result: MakeResult
) -> None:
    for number, digest in enumerate(("ab" * 32, "cd" * 32), 1):
        store.add(make_result("mobilenet_v2", latency_ms=number, model_sha256=digest))
    found = of_store(store)
    assert medians(found) == {1, 2}
    assert {row.name for row in make_rows(found.records)} == {
        "mobilenet_v2 (ababab)", "mobilenet_v2 (cdcdcd)",
    }  # fmt: skip


def test_filters_and_the_limit(store: Store, make_result: MakeResult) -> None:
    for number in range(1, 6):
        store.add(make_result(f"{number}.tflite", latency_ms=number, threads=number), ["tagged"])
    store.add(make_result("other.tflite", latency_ms=9))
    assert medians(of_store(store, tag="tagged")) == {1, 2, 3, 4, 5}
    assert medians(of_store(store, threads=3)) == {3}
    assert medians(of_store(store, model="o*")) == {9}
    limited = of_store(store, 2)
    assert medians(limited) == {5, 9}
    assert limited.notes[0].startswith("4 result(s) measured longer ago are left out: --limit")
    with pytest.raises(InputError, match="no such result to report on"):
        of_store(store, device="pi")


class ManyResults(Store):
    """A store that says it has as many results as one asks for."""

    asked = 0

    def listed(
        self, wanted: Any = None, limit: int | None = None, on_damaged: Any = None
    ) -> list[Any]:
        assert limit is not None
        self.asked = limit
        (one,) = super().listed(Filter(), 1)
        return [one] * limit


def test_a_large_store_is_not_read_whole(tmp_path: Path, make_result: MakeResult) -> None:
    store = ManyResults(tmp_path / "many.sqlite")
    store.add(make_result("a.tflite"))
    found = of_store(store)
    assert len(found.records) == 1 and store.asked == MOST_LISTED + 1
    assert any("only the newest 20,000 results" in note for note in found.notes)


def test_files_of_records_and_the_same_filters(
    tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    records = [
        make_result("x/a_int8.tflite", latency_ms=1, measured_at=OLD),
        make_result("x/a_int8.tflite", latency_ms=2, measured_at=NEW),
        make_result("y/b[1].tflite", latency_ms=3, measured_at=NEW, device="pi"),
    ]
    path = str(write_results(tmp_path / "results.json", records))

    def found(**wanted: Any) -> set[float]:
        return medians(select([path], Filter(**wanted), 100, lambda: None))

    assert found() == {2, 3}
    assert found(model="a_int8.tflite") == found(model="x/*") == found(since="2026-11-02") - {3}
    assert found(model="*b[1]*") == found(device="pi") == {3}
    with pytest.raises(InputError, match="a tag is one itself"):
        found(tag="v1")


def test_nothing_measured_yet_is_one_line() -> None:
    with pytest.raises(InputError, match="no results yet: measure with 'edgecnn bench"):
        select((), Filter(), 100, lambda: None)


def test_devices_runtimes_threads_and_data_are_not_mixed(make_result: MakeResult) -> None:
    rows = make_rows([
        make_result("a.tflite", top1=90.0),
        make_result("b.tflite", top1=80.0, images=100),
        make_result("c.tflite"),
        make_result("d.tflite", threads=2),
        make_result("e.tflite", cpu="another cpu"),
        make_result("f.tflite", device="pi", emulated=True),
    ])  # fmt: skip
    settings = {
        (one.machine, one.conditions.threads, one.data and str(one.data)): {
            row.name for row in one.rows
        }
        for one in find_settings(rows)
    }
    assert settings == {
        ("desktop, a cpu", 1, "400 images of digits"): {"a.tflite", "c.tflite"},
        ("desktop, a cpu", 1, "100 images of digits"): {"b.tflite", "c.tflite"},
        ("desktop, a cpu", 2, None): {"d.tflite"},
        ("desktop, another cpu", 1, None): {"e.tflite"},
        ("pi, emulated", 1, None): {"f.tflite"},
    }


def test_a_file_measured_with_and_without_data_counts_once(make_result: MakeResult) -> None:
    rows = make_rows([make_result("a.tflite", top1=90.0), make_result("a.tflite")])
    (setting,) = find_settings(rows)
    assert [row.accuracy for row in setting.rows] == [90.0]

"""Which measurements are comparable: each condition alone keeps two of them apart, everywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from edgecnn.comparison.pairing import paired
from edgecnn.core.errors import InputError
from edgecnn.records.conditions import (
    Conditions,
    LabelledData,
    geometry_differences,
    give_same_answers,
    identity_of,
    measured_file,
)
from edgecnn.records.fields import Field, Role
from edgecnn.records.filter import Filter
from edgecnn.records.record import FIELDS
from edgecnn.records.rules import SHA256
from edgecnn.reporting.findings.rows import make_rows
from edgecnn.reporting.findings.selection import select
from edgecnn.reporting.findings.settings import find_settings
from edgecnn.reporting.tables import table_columns
from edgecnn.store.store import Store

from ..store.records import made_record  # noqa: TID252

OTHERS: dict[str, Any] = {
    "device": "pi",
    "cpu": "another cpu",
    "architecture": "aarch64",
    "emulated": True,
    "runtime": "tflite-runtime",
    "runtime_version": "9",
    "threads": 2,
    "cpus": "0,1",
    "usable_cpus": 1.5,
    "protocol": "mlperf-single-stream",
    "signature": "decode",
    "input_shapes": "1x224x224x3",
}


def test_all_conditions_are_tried() -> None:
    assert list(OTHERS) == [field.name for field in dataclasses.fields(Conditions)]


@pytest.mark.parametrize("name", OTHERS)
def test_each_condition_keeps_measurements_apart(name: str, tmp_path: Path) -> None:
    one, other = made_record(), made_record(**{name: OTHERS[name]})
    assert Conditions.of(one) != Conditions.of(other)
    with pytest.raises(InputError, match=rf"cannot be compared, {name}: .* and "):
        paired([one], [other], force=False)
    store = Store(tmp_path / "r.sqlite")
    for record in (one, other):
        store.add(record)
    found = select((), Filter(), 100, lambda: store)
    assert (len(found.records), found.notes) == (2, ())
    settings = find_settings(make_rows(found.records))
    assert len({setting.text for setting in settings}) == 2
    choices = {(one.machine, one.threads_text, one.data) for one in settings}
    assert len(choices) == 2


CONDITIONS = [field for field in FIELDS.values() if field.role is Role.CONDITION]


@pytest.mark.parametrize("field", CONDITIONS, ids=lambda field: str(field.name))
def test_each_field_that_is_a_condition_keeps_results_apart_in_reports(
    field: Field, tmp_path: Path
) -> None:
    judged = {"data": "digits", "images": 400, "top1_percent": 90.0, "agreement_percent": 95.0}
    one = made_record(**judged, against="a.tflite", against_sha256="ab" * 32)
    values: dict[type, Any] = {str: "another", int: 7, float: 1.5, bool: True}
    value = "cd" * 32 if field.rule is SHA256 else values[field.kind]
    other = dataclasses.replace(one, **{field.name: value})
    store = Store(tmp_path / "r.sqlite")
    for record in (one, other):
        store.add(record)
    found = select((), Filter(), 100, lambda: store)
    assert (len(found.records), found.notes) == (2, ())
    rows = make_rows(found.records)
    cells = {tuple(column.text(row.record) for column in table_columns(rows)) for row in rows}
    assert len(cells) == 2


def test_a_record_that_knows_nothing_of_emulators_is_comparable() -> None:
    one, other = made_record(emulated=None), made_record(emulated=False)
    assert Conditions.of(one) == Conditions.of(other)


def test_what_is_usual_is_not_said() -> None:
    free = Conditions.of(made_record())
    pinned = Conditions.of(made_record(threads=2, cpus="0,1", protocol="mlperf-single-stream"))
    assert free.setting == "1 thread"
    assert pinned.setting == "2 threads on CPUs 0,1, mlperf-single-stream"
    assert free.differences(pinned) == (
        "threads: 1 and 2", "cpus: any and 0,1", "protocol: default and mlperf-single-stream",
    )  # fmt: skip
    confined = Conditions.of(made_record(usable_cpus=1.5))
    assert confined.setting == "1 thread with 1.5 usable CPUs"
    assert free.differences(confined) == ("usable_cpus: all and 1.5",)


def test_data_of_another_size_are_other_data() -> None:
    few, many = (LabelledData.of(made_record(data="photos", images=n)) for n in (10, 1000))
    assert few is not None and many is not None
    assert few.differences(many) == ("images: 10 and 1000",)
    assert str(many) == "1,000 images of photos"
    assert LabelledData.of(made_record()) is None


def test_answers_depend_on_the_computation_not_on_the_speed() -> None:
    judged = made_record(data="photos", images=10)
    for change in ({"threads": 4}, {"device": "pi"}, {"cpus": "1"}, {"protocol": "other"}):
        assert give_same_answers(judged, dataclasses.replace(judged, **change))
    others = ({"architecture": "armv7l"}, {"runtime_version": "9"}, {"images": 9})
    for change in (*others, {"image_geometry": "whole"}):
        assert not give_same_answers(judged, dataclasses.replace(judged, **change))


def test_a_file_made_anew_is_the_same_file_and_a_network_is_not() -> None:
    old, new = ({"model_sha256": digit * 64} for digit in "ab")
    files = {measured_file(made_record(model="a/net.tflite", **one)) for one in (old, new)}
    networks = {measured_file(made_record(model="mobilenet_v2", **one)) for one in (old, new)}
    assert (len(files), len(networks)) == (1, 2)


def test_another_geometry_is_another_preprocessing() -> None:
    """Records of older versions do not say theirs, so nothing can be said of a difference."""
    crop, whole, old = (made_record(image_geometry=g) for g in ("centre crop", "whole", None))
    assert geometry_differences(crop, whole) == ("images: centre crop and whole",)
    assert geometry_differences(crop, crop) == geometry_differences(crop, old) == ()
    assert identity_of(crop) != identity_of(whole)

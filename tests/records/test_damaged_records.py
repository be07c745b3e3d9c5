"""A record that says what cannot be is refused in one line that names the field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edgecnn.cli.table import records_table
from edgecnn.core.errors import InputError
from edgecnn.records.columns import card_fields, csv_fields, tooltip_fields
from edgecnn.records.conditions import Conditions, LabelledData
from edgecnn.records.record import FIELDS, Record

from ..store.records import made_record  # noqa: TID252
from .wrong_values import wrong_fields

JUDGED = {
    "data": "digits", "images": 8, "images_sha256": "cd" * 32, "hits_top1": "8A==",
    "top1_percent": 50.0, "top1_low_percent": 20.0, "top1_high_percent": 80.0,
    "top5_percent": 75.0, "hits_top5": "/A==", "turn_runs": (2, 2), "in_turn": 2,
    "turn_group": "a", "latency_p50_low_ms": 2.9, "latency_p50_high_ms": 3.1,
    "verdict": "steady", "images_seen": 0, "class_matching": "names", "mcnemar_p": 1.0,
}  # fmt: skip
VALUES = json.loads(json.dumps(made_record(**JUDGED).to_dict()))

JSON_VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text()
    | some.sampled_from([0, 1, -1, 2**63, 1e308, 100, 101, "1", "steady", "2026-01-01"]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def refusal(values: Any) -> str:
    with pytest.raises(InputError) as caught:
        Record.from_dict(values)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 300
    return text


def test_what_is_whole_is_read() -> None:
    assert Record.from_dict(VALUES) == made_record(**JUDGED)


def test_a_wrong_value_is_refused_and_its_field_is_named() -> None:
    for name, value in wrong_fields():
        assert name.replace("_", " ") in refusal({**VALUES, name: value}).replace("_", " "), value


def test_each_field_that_may_not_be_none_must_be_there() -> None:
    for name, field in FIELDS.items():
        values = {key: value for key, value in VALUES.items() if key != name}
        if not field.is_optional:
            assert name.replace("_", " ") in refusal(values).replace("_", " ")


def pairs_of_ends() -> list[tuple[str, str]]:
    return [field.bounds for field in FIELDS.values() if field.confidence is not None]


@pytest.mark.parametrize(("low", "high"), pairs_of_ends())
def test_the_ends_of_an_interval_are_in_order(low: str, high: str) -> None:
    text = refusal({**VALUES, low: 60.0, high: 40.0})
    assert low in text and high in text
    assert getattr(Record.from_dict({**VALUES, low: 40.0, high: 60.0}), low) == 40


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"latency_p50_ms": 3.25}, ("latency_p50_ms", "latency_p90_ms")),
        ({"latency_p90_ms": 3.4}, ("latency_p90_ms", "latency_p99_ms")),
        ({"runs": 3}, ("latency_samples_ms has 4", "runs is 3")),
        ({"latency_samples_ms": []}, ("latency_samples_ms has 0", "runs is 4")),
        ({"turn_runs": [2, 3]}, ("turn_runs has 5", "runs is 4")),
        ({"top5_percent": 25.0}, ("top1_percent", "top5_percent")),
        ({"images_seen": 9}, ("images_seen", "images")),
        ({"images_only_right": 9}, ("images_only_right", "images")),
        ({"images": 9}, ("hits_top1", "9 images")),
        ({"images": None}, ("hits_top1", "images")),
        ({"hits_top1": "8A"}, ("hits_top1",)),
        ({"hits_top1": "8AAA"}, ("hits_top1",)),
        ({"top1_percent": 62.5}, ("top1_percent is 62.5", "hits_top1 says 50")),
        ({"top1_percent": None}, ("top1_percent is None", "hits_top1")),
    ],
)
def test_contradictions_are_refused(change: dict[str, Any], named: tuple[str, ...]) -> None:
    text = refusal({**VALUES, **change})
    assert all(part in text for part in named)


def use(record: Record) -> None:
    """Ask of a record what tables, reports and stores ask."""
    json.dumps(record.to_dict(), allow_nan=False)
    for field in (*card_fields(), *csv_fields(), *tooltip_fields()):
        if field.title:
            field.full_text_of(record)
    records_table([record])
    Conditions.of(record)
    LabelledData.of(record)


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(
    changes=some.dictionaries(some.sampled_from(list(FIELDS)), JSON_VALUES, min_size=1, max_size=3)
)
def test_what_is_read_can_be_used(changes: dict[str, Any]) -> None:
    try:
        record = Record.from_dict({**VALUES, **changes})
    except InputError as error:
        assert str(error).isprintable()
        return
    use(record)

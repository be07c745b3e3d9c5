"""Records survive JSON, and only records are read as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.errors import InputError
from edgecnn.records import Record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Record:
    model = colour_model(tmp_path_factory.mktemp("records") / "a\nb [red] ü.tflite")
    return edgecnn.bench(model, runs=3, min_time_s=0)[0]


def test_json_and_back(record: Record) -> None:
    assert record.warnings
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_field_names_carry_their_unit(record: Record) -> None:
    values = record.to_dict()
    units = ("_ms", "_bytes", "_percent")
    for name in values:
        if name.startswith(("latency", "load", "first", "model_b", "peak", "base", "top")):
            assert name.endswith(units), name


@pytest.mark.parametrize(
    "change", [{"schema_version": 999}, {"runs": None, "colour": "red"}, {"warnings": [{"a": 1}]}]
)
def test_what_is_no_record_is_refused(record: Record, change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Record.from_dict({**record.to_dict(), **change})


@pytest.mark.parametrize("value", [{}, [], "text", None, 3])
def test_other_json_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        Record.from_dict(value)


def test_a_missing_field_is_refused(record: Record) -> None:
    values = record.to_dict()
    del values["latency_p50_ms"]
    with pytest.raises(InputError, match="latency_p50_ms"):
        Record.from_dict(values)


def test_reads_a_file_that_the_command_wrote(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([record.to_dict()]))
    assert [Record.from_dict(values) for values in json.loads(path.read_text())] == [record]

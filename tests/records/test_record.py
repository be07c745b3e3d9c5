"""Records survive JSON, and only records are read as such."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.records.record import Record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Record:
    model = colour_model(tmp_path_factory.mktemp("records") / "a\nb [red] ü.tflite")
    return edgecnn.bench(model, runs=3, min_time_s=0)[0]


def test_json_and_back(record: Record) -> None:
    assert record.warnings
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_what_is_measured_is_what_a_record_may_have(
    colour_model: Any, colour_photos: Path, tmp_path: Path
) -> None:
    """Accuracy, another model's answers, turns and intervals: all that other benches lack."""
    models = [colour_model(tmp_path / f"{n}.tflite", outputs=n) for n in (3, 7, 4)]
    records = edgecnn.bench(
        models[:2], data=colour_photos, against=models[2], preprocess="raw", label_offset=0,
        runs=60, min_time_s=0,
    )  # fmt: skip
    assert len(records) == 2
    for record in records:
        assert record.agreement_percent == 100 and record.latency_p50_low_ms is not None
        assert record.turn_runs is not None and record.hits_top1 is not None
        assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_field_names_carry_their_unit(record: Record) -> None:
    values = record.to_dict()
    units = ("_ms", "_bytes", "_percent", "_mhz", "_c", "_w", "_mj", "_pages")
    measured = ("latency", "load", "first", "model_b", "peak", "base", "top", "cpu_", "temp")
    for name in values:
        if name.startswith((*measured, "memory", "busy", "power", "energy", "swapped")):
            assert name.endswith(units), name


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 999},
        {"runs": None},
        {"latency_p50_ms": "fast"},
        {"latency_samples_ms": ["a"]},
        {"input_shape": None},
        {"warnings": [{"a": 1}]},
    ],
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


def test_a_record_of_an_earlier_version_is_read(record: Record) -> None:
    new = ("board", "soc", "emulated", "userland_bits", "cpu_max_mhz", "cpu_before_mhz")
    new += ("cpu_lowest_mhz", "cpu_after_mhz", "temperature_before_c", "temperature_after_c")
    new += ("throttled_before", "throttled_after", "system_load_1min", "busy_before_percent")
    new += ("memory_available_bytes", "swapped_in_pages", "power_idle_w", "power_w")
    new += ("energy_per_inference_mj", "source")
    new += tuple(name for name in record.to_dict() if name.endswith(("_low_ms", "_high_ms")))
    new += ("verdict", "verdict_evidence", "verdict_advice", "cpus", "protocol", "in_turn")
    new += ("turn_group", "turn_runs")
    new += ("cooldown_s", "warmup_steady", "timed_s", "latency_drift_percent", "outliers")
    new += ("clock_step_ns", "clock_cost_ns", "waited_percent", "others_cores", "steal_percent")
    new += ("voluntary_switches", "involuntary_switches", "major_faults", "activation_bytes")
    values = {name: value for name, value in record.to_dict().items() if name not in new}
    read = Record.from_dict(values)
    assert all(getattr(read, name) is None for name in new)
    assert read.latency_samples_ms == record.latency_samples_ms


def test_a_field_of_a_later_version_is_left_out(record: Record) -> None:
    assert Record.from_dict({**record.to_dict(), "colour": "red"}) == record


def test_this_machine_tells_its_health(record: Record) -> None:
    if sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    assert record.emulated is False
    assert record.userland_bits in (32, 64)
    assert record.memory_available_bytes is None or record.memory_available_bytes > 0
    assert record.busy_before_percent is not None and 0 <= record.busy_before_percent <= 100
    assert record.swapped_in_pages is None or record.swapped_in_pages >= 0
    assert record.system_load_1min is not None and record.system_load_1min >= 0


def test_reads_a_file_that_the_command_wrote(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([record.to_dict()]))
    assert [Record.from_dict(values) for values in json.loads(path.read_text())] == [record]

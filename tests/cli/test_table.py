"""The table of records: what is shown of a board, and what is not of an emulated one."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import edgecnn
from edgecnn.cli.table import records_table
from edgecnn.records.record import Record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Record:
    model = colour_model(tmp_path_factory.mktemp("table") / "net.tflite")
    (measured,) = edgecnn.bench(Path(model), runs=3, min_time_s=0)
    times = {"load_ms": 71.25, "first_inference_ms": 72.25, "latency_p50_ms": 73.25}
    times |= {"latency_p90_ms": 74.25, "latency_p99_ms": 75.25, "latency_mean_ms": 76.25}
    return replace(measured, latency_std_ms=77.25, energy_per_inference_mj=78.25, **times)


def shown(*records: Record) -> str:
    """Return the table as text, all columns."""
    console = Console(file=io.StringIO(), width=400)
    console.print(records_table(records))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


NUMBERS = ("71.25", "72.25", "73.25", "74.25", "75.25", "76.25", "77.25", "78.25")


def test_times_and_energy_of_a_board_are_shown(record: Record) -> None:
    table = shown(record)
    assert all(number in table for number in NUMBERS)
    assert "energy mJ" in table
    assert "emulated" not in table
    assert "energy" not in shown(replace(record, energy_per_inference_mj=None))


def test_no_time_of_an_emulated_cpu_is_shown(record: Record) -> None:
    emulated = replace(record, emulated=True, cpu="ARMv7 Processor rev 4", board="Raspberry Pi 4")
    table = shown(emulated)
    assert not any(number in table for number in NUMBERS)
    assert "p50 ms" in table
    assert "(emulated)" in table.split("\n")[2]
    assert "Raspberry Pi 4, ARMv7 Processor rev 4 (emulated)" in " ".join(table.split())


def test_beside_a_real_one_an_emulated_ones_cells_are_empty(record: Record) -> None:
    table = shown(record, replace(record, emulated=True, latency_p90_ms=99.99))
    assert "74.25" in table
    assert "99.99" not in table


def test_rows_of_several_devices_say_which(record: Record) -> None:
    assert "device" not in shown(record)
    pi = replace(record, device="pi", architecture="aarch64", userland_bits=32)
    head, _, *rows = shown(record, pi).splitlines()
    place = head.index("device")
    assert [row[place:].split()[0] for row in rows[:2]] == ["desktop", "pi"]
    assert "aarch64 with 32-bit programs" in " ".join(shown(pi).split())

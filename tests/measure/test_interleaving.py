"""Models that are timed in turn."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError
from edgecnn.measure import bench as benching
from edgecnn.measure import interleaving

QUICK: dict[str, Any] = {"runs": 25, "min_time_s": 0, "warmup": 1}


def test_models_and_threads_take_turns_in_groups(
    tmp_path: Path, colour_model: Any, new_children: Callable[[], list[int]]
) -> None:
    models = [colour_model(tmp_path / f"{name}.tflite") for name in "abc"]
    most = 0

    def count(phase: str, done: int, total: int) -> None:
        nonlocal most
        most = max(most, len(new_children()))

    records = edgecnn.bench(models, threads=(1, 2), on_progress=count, **QUICK)
    assert [(Path(r.model).stem, r.threads) for r in records] == [
        (name, threads) for name in "abc" for threads in (1, 2)
    ]
    assert [record.in_turn for record in records] == [4, 4, 4, 4, 2, 2]
    assert all(record.runs == 25 == len(record.latency_samples_ms) for record in records)
    assert not new_children()
    assert most == interleaving.MOST_OPEN


def test_one_model_alone_is_timed_in_one_go(tmp_path: Path, colour_model: Any) -> None:
    (record,) = edgecnn.bench(colour_model(tmp_path / "a.tflite"), **QUICK)
    assert (record.in_turn, record.runs) == (1, 25)


def test_too_little_memory_for_another_runner(
    tmp_path: Path, colour_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/meminfo").exists():
        pytest.skip("free memory is read from /proc")
    monkeypatch.setattr(interleaving, "RUNNER_BYTES", 1 << 60)
    models = [colour_model(tmp_path / f"{name}.tflite") for name in "ab"]
    assert [record.in_turn for record in edgecnn.bench(models, **QUICK)] == [1, 1]


def test_a_runner_that_dies_among_the_calls_costs_its_own_record(
    tmp_path: Path, colour_model: Any, new_children: Callable[[], list[int]]
) -> None:
    models = [colour_model(tmp_path / f"{name}.tflite") for name in "abc"]
    killed: list[int] = []
    failures: list[EdgecnnError] = []

    def kill_the_second(phase: str, done: int, total: int) -> None:
        if phase == "timing 3 in turn" and done > 50 and not killed:
            killed.append(new_children()[1])
            os.kill(killed[0], signal.SIGSEGV)

    records = edgecnn.bench(
        models,
        runs=10,
        min_time_s=2,
        on_progress=kill_the_second,
        on_failure=failures.append,
    )
    assert len(killed) == 1
    assert [Path(record.model).stem for record in records] == ["a", "c"]
    (failure,) = failures
    assert isinstance(failure, ChildCrashedError)
    assert "b.tflite" in str(failure)


def test_a_model_is_kept_on_the_cpus_that_are_named(
    tmp_path: Path, colour_model: Any, new_children: Callable[[], list[int]]
) -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system does not pin processes")
    cpus = sorted(os.sched_getaffinity(0))
    model = colour_model(tmp_path / "model.tflite")
    allowed: list[set[int]] = []

    def look(phase: str, done: int, total: int) -> None:
        if phase.startswith("timing"):
            allowed.extend(os.sched_getaffinity(pid) for pid in new_children())

    (record,) = edgecnn.bench(
        model, cpus=cpus[-1:], threads=(2,), runs=20, min_time_s=0.5, on_progress=look
    )
    assert record.cpus == str(cpus[-1])
    assert {cpus[-1]} in allowed
    assert "threads-exceed-cores" in {warning.code for warning in record.warnings}
    with pytest.raises(InputError, match=r"cpus=4095: there are only \d"):
        edgecnn.bench(model, cpus=(4095,), **QUICK)


def test_mlperfs_numbers_are_the_least(
    tmp_path: Path, colour_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching, "MLPERF_MIN_TIME_S", 0.2)
    model = colour_model(tmp_path / "model.tflite")
    (record,) = edgecnn.bench(model, mlperf=True, runs=5, min_time_s=0)
    assert record.protocol == "mlperf-single-stream"
    assert record.runs >= 1024
    assert record.timed_s is not None and record.timed_s >= 0.2
    (longer,) = edgecnn.bench(model, mlperf=True, runs=3000, min_time_s=0)
    assert longer.runs >= 3000


def test_warm_up_goes_on_until_calls_are_alike_or_as_long_as_said(
    tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    (found,) = edgecnn.bench(model, runs=20, min_time_s=0)
    # Two windows of three calls and of 50 ms at least.
    assert found.warmup >= 6
    assert found.warmup_steady in (True, False)
    (asked,) = edgecnn.bench(model, runs=20, min_time_s=0, warmup=3)
    assert (asked.warmup, asked.warmup_steady) == (3, None)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's counters are Linux's")
def test_what_the_clock_costs_and_what_the_kernel_counts_is_told(
    tmp_path: Path, colour_model: Any
) -> None:
    (record,) = edgecnn.bench(colour_model(tmp_path / "model.tflite"), runs=50, min_time_s=0.1)
    assert record.clock_cost_ns is not None and record.clock_cost_ns > 0
    assert record.clock_step_ns is not None and record.clock_step_ns > 0
    assert record.timed_s is not None and record.timed_s >= 0.1
    assert record.others_cores is not None and record.others_cores >= 0
    assert record.voluntary_switches is not None and record.involuntary_switches is not None
    assert record.latency_p50_low_ms is not None and record.latency_p50_high_ms is not None
    assert record.latency_p50_low_ms <= record.latency_p50_ms <= record.latency_p50_high_ms
    # Four inputs and outputs of some values; what they take at once is known to the byte.
    assert record.activation_bytes is not None and record.activation_bytes > 0

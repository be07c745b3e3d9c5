"""A measurement on fewer CPUs than the device has says so, and is not compared with others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..control_groups import cpu_group, joining  # noqa: TID252

QUICK = ("--runs", "30", "--min-time", "0", "--warmup", "0", "--no-store")


@pytest.fixture(autouse=True)
def _two_cpus() -> None:
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs Linux and two CPUs, of which one can be taken away")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Path:
    path: Path = colour_model(tmp_path_factory.mktemp("usable") / "m.tflite")
    return path


def on_one_cpu() -> None:
    """Leave the child process one CPU, as ``taskset -c 0`` does."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def confined(
    confine: Callable[[], None] | None, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run a command in a child process that is confined before it starts."""
    return subprocess.run(
        [sys.executable, "-m", "edgecnn", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "EDGECNN_WARM_COMMAND": ""},
        preexec_fn=confine,
    )


def thread_warnings(path: Path) -> list[tuple[int, float | None, list[str]]]:
    """Return threads, usable CPUs and the messages about threads of each record."""
    return [
        (
            record["threads"],
            record["usable_cpus"],
            [w["message"] for w in record["warnings"] if w["code"] == "threads-exceed-cores"],
        )
        for record in json.loads(path.read_text())
    ]


def test_two_threads_on_one_cpu_are_warned_of_and_one_is_not(model: Path, tmp_path: Path) -> None:
    path, cores = tmp_path / "one.json", os.cpu_count()
    done = confined(on_one_cpu, "bench", model, "--threads", "1,2", *QUICK, "--json", path)
    message = f"2 threads on 1 usable CPU of {cores}"
    assert thread_warnings(path) == [(1, 1.0, []), (2, 1.0, [message])]
    assert f"note: m.tflite: {message}: use --threads 1, or measure without" in done.stdout
    assert "usable CPUs" in done.stdout.splitlines()[0]


def test_measurements_on_fewer_cpus_are_not_compared_with_others(
    model: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    free, one = tmp_path / "free.json", tmp_path / "one.json"
    confined(None, "bench", model, *QUICK, "--json", free)
    confined(on_one_cpu, "bench", model, *QUICK, "--json", one)
    assert thread_warnings(free) == [(1, None, [])]
    done = run_edgecnn("compare", free, one)
    assert done.returncode == 2
    assert "cannot be compared, usable_cpus: all and 1: measure both alike" in done.stderr


def test_a_model_that_bench_keeps_on_a_cpu_is_not_said_to_be_confined(
    model: Path, tmp_path: Path
) -> None:
    cpu, path = min(os.sched_getaffinity(0)), tmp_path / "kept.json"
    confined(None, "bench", model, "--cpus", cpu, "--threads", "2", *QUICK, "--json", path)
    assert thread_warnings(path) == [(2, None, ["2 threads share 1 core(s)"])]


@pytest.mark.parametrize(
    ("quota", "threads", "warned"),
    [
        (1.5, 1, None),
        (1.5, 2, "2 threads on 1.5 usable CPUs"),
        (0.5, 1, "1 thread on 0.5 usable CPUs"),
    ],
)
def test_a_cpu_quota_counts_in_fractions(
    quota: float, threads: int, warned: str | None, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "quota.json"
    with cpu_group(quota) as group:
        confined(joining(group), "bench", model, "--threads", threads, *QUICK, "--json", path)
    messages = [f"{warned} of {os.cpu_count()}"] if warned else []
    assert thread_warnings(path) == [(threads, quota, messages)]


def test_profile_warns_of_it_too(model: Path) -> None:
    done = confined(on_one_cpu, "profile", model, "--threads", "2")
    assert f"note: 2 threads on 1 usable CPU of {os.cpu_count()}: use --threads 1" in done.stdout

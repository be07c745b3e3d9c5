"""``edgecnn.profile`` on the real runtime: which ops, what they cost, and what can go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError
from edgecnn.profiling.result import Profile

from .nets import Net, lopsided


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return edgecnn.profile(lopsided(tmp_path_factory.mktemp("profile") / "net.tflite"))


def test_multiply_adds_and_bytes_are_those_of_the_shapes(profile: Profile) -> None:
    assert [op.kind for op in profile.ops] == ["CONV_2D", "CONV_2D", "RELU"]
    assert [op.macs for op in profile.ops] == [98_304, 4_915_200, 0]
    values = [16 * 16 * channels * 4 for channels in (24, 16, 48)]
    weights = [4 * (16 * 24 + 16), 4 * (48 * 25 * 16 + 48)]
    assert [op.bytes for op in profile.ops] == [
        values[0] + weights[0] + values[1],
        values[1] + weights[1] + values[2],
        2 * values[2],
    ]


def test_the_op_that_does_the_work_comes_first(profile: Profile) -> None:
    small, large, _ = profile.ops
    assert profile.slowest[0] is large
    assert small.time_ms is not None
    assert large.time_ms is not None
    assert large.time_ms > 5 * small.time_ms
    assert profile.kinds[0].kind == "CONV_2D"
    assert profile.kinds[0].share_percent > 50  # type: ignore[operator]


def test_sums_and_rates_fit_together(profile: Profile) -> None:
    times = [op.time_ms or 0.0 for op in profile.ops]
    assert profile.ops_ms == pytest.approx(sum(times))
    assert sum(op.share_percent or 0.0 for op in profile.ops) == pytest.approx(100)
    assert sum(kind.time_ms or 0.0 for kind in profile.kinds) == pytest.approx(sum(times))
    for one in (*profile.ops, *profile.kinds):
        assert one.gmacs_per_s == (
            pytest.approx(one.macs / one.time_ms / 1e6) if one.macs and one.time_ms else None
        )
        assert one.bound in ("compute", "memory", "kernel", "overhead")
    assert profile.limits is not None
    assert profile.latency_p50_ms is not None
    assert not profile.emulated


def test_a_makers_network_has_each_op_once(shared_data: Path) -> None:
    path = shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite"
    phases = []
    result = edgecnn.profile(path, on_progress=lambda *told: phases.append(told))
    summary = edgecnn.summarize(path)
    assert [(op.name, op.kind, op.macs) for op in result.ops] == [
        (row.name, row.kind, row.macs) for row in summary.rows
    ]
    assert result.macs == summary.macs
    assert all(op.time_ms is not None for op in result.ops)
    assert sum(kind.count for kind in result.kinds) == len(summary.rows)
    # Ops that are alike are timed together: five blocks of 14x14x128 are.
    alike = [
        op for op in result.ops if op.kind == "CONV_2D" and op.output_shape == (1, 14, 14, 128)
    ]
    assert len(alike) == 6
    assert len({op.time_ms for op in alike}) < len(alike)
    assert {phase.split(" ")[0] for phase, *_ in phases} == {"cutting", "timing"}


def test_weights_that_are_widened_at_load_are_no_ops(tmp_path: Path) -> None:
    net = Net((1, 64))
    halves = net.tensor((32, 64), np.full((32, 64), 0.5, np.float16))
    widened = net.add("DEQUANTIZE", [halves], (32, 64))
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    options = schema.FullyConnectedOptionsT()
    dense = net.add("FULLY_CONNECTED", [net.inputs[0], widened, -1], (1, 32), options)
    result = edgecnn.profile(net.write(tmp_path / "halves.tflite", dense))
    (op,) = result.ops
    assert (op.kind, op.macs, op.error) == ("FULLY_CONNECTED", 64 * 32, None)
    assert op.bytes == 4 * (64 + 64 * 32 + 32)
    assert op.time_ms is not None


def test_several_inputs(tmp_path: Path) -> None:
    net = Net((1, 500), (1, 500))
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    total = net.add("ADD", net.inputs, (1, 500), schema.AddOptionsT())
    twice = net.add("ADD", [total, total], (1, 500), schema.AddOptionsT())
    result = edgecnn.profile(net.write(tmp_path / "two.tflite", total, twice))
    # What is read twice is one value.
    assert [op.bytes for op in result.ops] == [6000, 4000]
    assert all(op.time_ms is not None for op in result.ops)


def test_an_op_that_cannot_run_alone_is_listed_and_said(tmp_path: Path) -> None:
    net = Net((1, 40, 30))
    shape = net.shape_of(net.inputs[0], 3)
    same = net.add("RESHAPE", [net.inputs[0], shape], (1, 40, 30))
    last = net.add("RELU", [same], (1, 40, 30))
    result = edgecnn.profile(net.write(tmp_path / "shapes.tflite", last))
    assert [op.kind for op in result.ops] == ["SHAPE", "RESHAPE", "RELU"]
    assert [op.time_ms is None for op in result.ops] == [False, True, False]
    assert result.ops[1].error
    assert any(note.startswith("1 op(s) cannot run alone") for note in result.notes)


def test_a_part_that_crashes_costs_no_other(
    tmp_path: Path, new_children: Callable[[], list[int]]
) -> None:
    crashed = []

    def crash_the_second(phase: str, done: int, total: int) -> None:
        if phase.startswith("timing") and done == 1:
            crashed.append(new_children())
            for pid in new_children():
                os.kill(pid, signal.SIGSEGV)

    result = edgecnn.profile(lopsided(tmp_path / "net.tflite"), on_progress=crash_the_second)
    assert crashed
    assert [op.time_ms is None for op in result.ops] == [True, False, False]
    assert "crashed (SIGSEGV)" in str(result.ops[0].error)
    assert not new_children()


def test_a_model_that_crashes_is_told(
    tmp_path: Path, new_children: Callable[[], list[int]]
) -> None:
    def crash(phase: str, done: int, total: int) -> None:
        if phase.startswith("timing") and done == 0:
            for pid in new_children():
                os.kill(pid, signal.SIGSEGV)

    with pytest.raises(ChildCrashedError, match=r"net\.tflite.*crashed \(SIGSEGV\)"):
        edgecnn.profile(lopsided(tmp_path / "net.tflite"), on_progress=crash)


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    model = lopsided(tmp_path / "net.tflite")
    command = subprocess.Popen(
        [sys.executable, "-m", "edgecnn", "profile", model, "--json", tmp_path / "out.json"],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
    )
    give_up = time.monotonic() + 60
    while not list(scratch.glob("edgecnn-*/3.tflite")):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert command.returncode == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.tflite", "scratch"]
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [({"threads": 0}, "^threads must be 1"), ({"device": "toaster"}, "unknown device")],
)
def test_bad_options(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        edgecnn.profile(lopsided(tmp_path / "net.tflite"), **options)


def test_a_file_that_loads_and_does_not_run(shared_data: Path) -> None:
    broken = shared_data / "peers" / "invalid" / "model_invoking_error.tflite"
    with pytest.raises(EdgecnnError, match="model_invoking_error"):
        edgecnn.profile(broken)


def test_the_command_prints_tables_and_writes_json(tmp_path: Path, run_edgecnn: Any) -> None:
    lopsided(tmp_path / "net [red].tflite")
    done = run_edgecnn("profile", "net [red].tflite", "--json", "p.json", "--all", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "p.json").read_text())
    assert written["model"] == "net [red].tflite"
    assert written["macs"] == 98_304 + 4_915_200
    assert [op["kind"] for op in written["ops"]] == ["CONV_2D", "CONV_2D", "RELU"]
    assert done.stdout.count("CONV_2D") == 4
    assert "3 ops take" in done.stdout
    assert "at best:" in done.stdout
    printed = run_edgecnn("profile", "net [red].tflite", "--json", "-", cwd=tmp_path)
    assert json.loads(printed.stdout)["schema_version"] == written["schema_version"]

"""The runner as devices start it: one file that a Python runs, asked and answering over pipes."""

from __future__ import annotations

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

from edgecnn.core.child import ChildProcess
from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError
from edgecnn.core.messages import Frame
from edgecnn.runner.bundle import RUNNER, zip_of
from edgecnn.runner.ondevice.protocol import (
    BatchClassified,
    ClassifyBatch,
    DescribeHost,
    HostFacts,
    LoadModel,
    ModelLoaded,
)
from edgecnn.runner.session import RunnerSession

Start = Callable[..., ChildProcess]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("device") / "runner.zip"
    path.write_bytes(zip_of(RUNNER))
    return path


@pytest.fixture
def start(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the runner, where edgecnn itself is not to be found."""
    monkeypatch.chdir(tmp_path)

    def start(*options: str, **environment: str) -> ChildProcess:
        command = [sys.executable, *options, str(program), "run", "inf"]
        return ChildProcess(command, task="running a model", environment=environment)

    return start


@pytest.mark.parametrize("options", [(), ("-I",)])
def test_loads_times_and_tells_memory(
    options: tuple[str, ...], start: Start, tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    with RunnerSession(start(*options), "desktop") as session:
        loaded = session.load(model, threads=2)
        warmed = session.warm_up(1)
        timing = session.time(settle=1, runs=7, min_time_s=0, max_samples=100)
        memory = session.memory()
    assert loaded.inputs[0].shape == (1, 4, 4, 3)
    assert loaded.inputs[0].dtype == "float32"
    assert loaded.runtime in ("ai-edge-litert", "tflite-runtime")
    assert loaded.runtime_version != "unknown"
    assert len(timing.samples_ms) == 7
    assert min(timing.samples_ms) > 0
    assert warmed.first_inference_ms > 0
    assert (warmed.calls, warmed.steady) == (1, None)
    assert memory.base_rss_bytes and memory.peak_rss_bytes
    assert memory.peak_rss_bytes >= memory.base_rss_bytes > 0


def test_the_longer_of_runs_and_time_counts_and_samples_are_limited(
    start: Start, tmp_path: Path, colour_model: Any
) -> None:
    with RunnerSession(start(), "desktop") as session:
        session.load(colour_model(tmp_path / "model.tflite"), threads=1)
        timing = session.time(runs=1, min_time_s=60, max_samples=500)
    assert len(timing.samples_ms) == 500


def test_peak_memory_is_the_models_own_and_not_the_parents(
    start: Start, tmp_path: Path, colour_model: Any
) -> None:
    ballast = np.ones(400 << 20, np.uint8)
    with RunnerSession(start(), "desktop") as session:
        session.load(colour_model(tmp_path / "model.tflite"), threads=1)
        peak = session.memory().peak_rss_bytes
    assert peak is None or peak < ballast.nbytes


def test_native_prints_do_not_get_between_messages(
    start: Start, tmp_path: Path, colour_model: Any
) -> None:
    """What a runtime prints while it is imported goes elsewhere."""
    (tmp_path / "ai_edge_litert.py").write_text("raise ImportError('not for this machine')")
    (tmp_path / "tflite_runtime.py").write_text("import os\nos.write(1, b'noise\\n')")
    with start(PYTHONPATH=str(tmp_path)) as runner:
        runner.send(DescribeHost())
        assert runner.receive(HostFacts).cores == os.cpu_count()
        assert "noise" in runner.stderr_tail()


def test_errors_are_answers_and_the_next_request_works(
    start: Start, tmp_path: Path, colour_model: Any
) -> None:
    garbage = tmp_path / "garbage.tflite"
    garbage.write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    model = colour_model(tmp_path / "model.tflite")
    with start() as runner:
        runner.send(LoadModel(str(garbage)))
        with pytest.raises(InputError, match="cannot load it") as refused:
            runner.receive(ModelLoaded)
        runner.send_frame(Frame({"kind": "Dance"}))
        with pytest.raises(EdgecnnError, match="'Dance'"):
            runner.receive(ModelLoaded)
        runner.send_frame(Frame({"kind": "LoadModel", "model": 7}))
        with pytest.raises(EdgecnnError, match="LoadModel: model is 7, not str"):
            runner.receive(ModelLoaded)
        runner.send(LoadModel(str(model)))
        assert runner.receive(ModelLoaded).inputs
    assert "\n" not in str(refused.value)


def test_nothing_is_timed_before_a_model_is_loaded(start: Start) -> None:
    with (
        RunnerSession(start(), "desktop") as session,
        pytest.raises(EdgecnnError, match="no model is loaded"),
    ):
        session.warm_up()


def test_tflite_runtime_with_numpy_2_is_told_before_it_fails_inside(
    start: Start, tmp_path: Path, colour_model: Any
) -> None:
    if int(np.__version__.split(".")[0]) < 2:
        pytest.skip("this numpy is older than 2, which is what tflite-runtime wants")
    (tmp_path / "ai_edge_litert.py").write_text("raise ImportError('not for this machine')")
    (tmp_path / "tflite_runtime").mkdir()
    (tmp_path / "tflite_runtime" / "__init__.py").touch()
    model = colour_model(tmp_path / "model.tflite")
    with (
        RunnerSession(start(PYTHONPATH=str(tmp_path)), "desktop") as session,
        pytest.raises(EdgecnnError, match="pip install 'numpy<2'"),
    ):
        session.load(model, threads=1)


def test_no_runtime_at_all(start: Start, tmp_path: Path, colour_model: Any) -> None:
    for name in ("ai_edge_litert.py", "tflite_runtime.py"):
        (tmp_path / name).write_text("raise ImportError('not for this machine')")
    model = colour_model(tmp_path / "model.tflite")
    with (
        RunnerSession(start(PYTHONPATH=str(tmp_path)), "desktop") as session,
        pytest.raises(EdgecnnError, match=r"pip install ai-edge-litert.*not for this machine"),
    ):
        session.load(model, threads=1)


def test_raw_scores_are_given_if_asked_for(start: Start, tmp_path: Path, colour_model: Any) -> None:
    image = np.zeros((1, 1, 4, 4, 3), np.float32) + np.float32([1, 5, 2])
    with start() as runner:
        runner.send(LoadModel(str(colour_model(tmp_path / "model.tflite"))))
        runner.receive(ModelLoaded)
        runner.send(ClassifyBatch(1, 2, outputs=True, has_levels=False, payload=image.tobytes()))
        answer = runner.receive(BatchClassified)
    assert answer.top == ((1, 2),)
    assert answer.payload is not None
    scores = np.frombuffer(answer.payload, answer.dtype).reshape(answer.shape)
    assert scores.tolist() == [[1, 5, 2]]


def test_a_runner_that_crashes_is_told(start: Start) -> None:
    with start() as runner:
        runner.send(DescribeHost())
        runner.receive(HostFacts)
        os.kill(runner.pid, signal.SIGSEGV)
        with pytest.raises(ChildCrashedError, match=r"crashed \(SIGSEGV\)"):
            runner.receive(HostFacts)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_does_not_outlive_its_parent(program: Path) -> None:
    script = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, {str(program)!r}, 'run', 'inf'], "
        "stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True); "
        'p.stdin.write(b\'{"kind": "DescribeHost"}\\n\'); p.stdin.flush(); p.stdout.readline(); '
        "print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

"""The runner as devices start it: by its path, over pipes."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.runner import runner

RUNNER = Path(runner.__file__)


def talk(
    *requests: dict[str, Any], options: tuple[str, ...] = (), **environment: str
) -> list[dict[str, Any]]:
    """Send requests to a runner and return its answers, checking that it ends well."""
    done = subprocess.run(
        [sys.executable, *options, str(RUNNER)],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_needs_nothing_but_the_standard_library_numpy_and_a_runtime() -> None:
    tree = ast.parse(RUNNER.read_text(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"numpy"}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


@pytest.mark.parametrize("options", [(), ("-I",)])
def test_loads_times_and_tells_memory(
    options: tuple[str, ...], tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    loaded, warmed, timed, memory = talk(
        {"do": "load", "model": str(model), "threads": 2},
        {"do": "warm", "calls": 1, "max_s": 1},
        {"do": "time", "settle": 1, "runs": 7, "min_time_s": 0, "max_samples": 100},
        {"do": "memory"},
        options=options,
    )
    assert loaded["inputs"][0]["shape"] == [1, 4, 4, 3]
    assert loaded["inputs"][0]["dtype"] == "float32"
    assert loaded["runtime"] in ("ai-edge-litert", "tflite-runtime")
    assert loaded["runtime_version"] != "unknown"
    assert len(timed["samples_ns"]) == 7
    assert min(timed["samples_ns"]) > 0
    assert warmed["first_inference_ms"] > 0
    assert (warmed["calls"], warmed["steady"]) == (1, None)
    assert memory["peak_rss_bytes"] >= memory["base_rss_bytes"] > 0


def test_the_longer_of_runs_and_time_counts_and_samples_are_limited(
    tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    *_, timed = talk(
        {"do": "load", "model": str(model)},
        {"do": "time", "settle": 0, "runs": 1, "min_time_s": 60, "max_samples": 500},
    )
    assert len(timed["samples_ns"]) == 500


def test_peak_memory_is_the_models_own_and_not_the_parents(
    tmp_path: Path, colour_model: Any
) -> None:
    ballast = np.ones(400 << 20, np.uint8)
    model = colour_model(tmp_path / "model.tflite")
    *_, memory = talk({"do": "load", "model": str(model)}, {"do": "memory"})
    assert memory["peak_rss_bytes"] < ballast.nbytes


def test_native_prints_do_not_get_between_messages(tmp_path: Path, colour_model: Any) -> None:
    script = (
        "import os, sys, runpy; os.write(2, b'ok'); "
        "import importlib; real = importlib.import_module; "
        "importlib.import_module = lambda n: (os.write(1, b'noise\\n'), real(n))[1]; "
        f"sys.argv = [{str(RUNNER)!r}]; runpy.run_path({str(RUNNER)!r}, run_name='__main__')"
    )
    model = colour_model(tmp_path / "model.tflite")
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps({"do": "load", "model": str(model)}) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "noise" in done.stderr
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["loaded"]


def test_errors_are_answers_and_the_next_request_works(tmp_path: Path, colour_model: Any) -> None:
    garbage = tmp_path / "garbage.tflite"
    garbage.write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    model = colour_model(tmp_path / "model.tflite")
    refused, unknown, loaded = talk(
        {"do": "load", "model": str(garbage)}, {"do": "dance"}, {"do": "load", "model": str(model)}
    )
    assert (refused["event"], refused["kind"]) == ("error", "input")
    assert (unknown["event"], unknown["kind"]) == ("error", "failed")
    assert "\n" not in refused["message"]
    assert loaded["event"] == "loaded"


def test_tflite_runtime_with_numpy_2_is_told_before_it_fails_inside(
    tmp_path: Path, colour_model: Any
) -> None:
    if int(np.__version__.split(".")[0]) < 2:
        pytest.skip("this numpy is older than 2, which is what tflite-runtime wants")
    (tmp_path / "ai_edge_litert.py").write_text("raise ImportError('not for this machine')")
    (tmp_path / "tflite_runtime").mkdir()
    (tmp_path / "tflite_runtime" / "__init__.py").touch()
    model = colour_model(tmp_path / "model.tflite")
    (answer,) = talk({"do": "load", "model": str(model)}, PYTHONPATH=str(tmp_path))
    assert answer["kind"] == "failed"
    assert "pip install 'numpy<2'" in answer["message"]


def test_no_runtime_at_all(tmp_path: Path, colour_model: Any) -> None:
    for name in ("ai_edge_litert.py", "tflite_runtime.py"):
        (tmp_path / name).write_text("raise ImportError('not for this machine')")
    model = colour_model(tmp_path / "model.tflite")
    (answer,) = talk({"do": "load", "model": str(model)}, PYTHONPATH=str(tmp_path))
    assert "pip install ai-edge-litert" in answer["message"]
    assert "not for this machine" in answer["message"]


def test_raw_scores_are_given_if_asked_for(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    image = np.zeros((1, 1, 4, 4, 3), np.float32) + np.float32([1, 5, 2])
    request = {"do": "classify", "count": 1, "top_k": 2, "outputs": True}
    with subprocess.Popen(
        [sys.executable, str(RUNNER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        lines = [{"do": "load", "model": str(model)}, {**request, "payload_bytes": image.nbytes}]
        content = "".join(json.dumps(line) + "\n" for line in lines).encode() + image.tobytes()
        output, _ = process.communicate(content)
    _, answer, raw = output.split(b"\n", 2)
    message = json.loads(answer)
    assert message["top"] == [[1, 2]]
    scores = np.frombuffer(raw, message["dtype"]).reshape(message["shape"])
    assert scores.tolist() == [[1, 5, 2]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_does_not_outlive_its_parent() -> None:
    script = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, {str(RUNNER)!r}], stdin=subprocess.PIPE, "
        "stdout=subprocess.PIPE, start_new_session=True); "
        'p.stdin.write(b\'{"do": "facts"}\\n\'); p.stdin.flush(); p.stdout.readline(); '
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

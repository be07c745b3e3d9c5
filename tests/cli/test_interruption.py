"""A command that a signal ends, or whose child is killed: what is finished stays, nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.children import children_of, is_alive

pytestmark = pytest.mark.fresh_processes


@pytest.fixture()
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command in a session of its own, as a shell's job; scratch files go beside it."""
    started = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgecnn", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(scratch)},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_for(something: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    while not (found := something()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return found


def converter_of(process: subprocess.Popen[str]) -> int | None:
    for pid in children_of(process.pid):
        if b"edgecnn.quantize.conversion_child" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def assert_soon_gone(pids: list[int]) -> None:
    """A child that was just being started ends when it finds its parent's pipe closed."""
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture()
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def contents(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


@pytest.fixture()
def calibrating(start: Any, out: Path, tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A conversion that has begun to calibrate, and its children."""
    data = tmp_path / "many.npz"
    np.savez(data, x=np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3), np.uint8))
    process = start("convert", "mobilenet_v2", "-c", data, "--samples", 300, "-o", out)
    wait_for(lambda: list((tmp_path / "scratch").rglob("calibration_0.npy")), process)
    return process, wait_for(lambda: children_of(process.pid), process)


@needs_proc
@pytest.mark.parametrize(
    ("send", "number", "text", "status"),
    [
        # To the command alone, as ``kill`` does it, and to its group, as a terminal does it.
        (os.killpg, signal.SIGINT, "interrupted", 130),
        (os.kill, signal.SIGTERM, "ended by SIGTERM", 143),
        (os.killpg, signal.SIGHUP, "ended by SIGHUP", 129),
    ],
)
def test_a_signal_during_calibration(
    send: Callable[[int, int], None],
    number: signal.Signals,
    text: str,
    status: int,
    calibrating: tuple[subprocess.Popen[str], list[int]],
    out: Path,
    tmp_path: Path,
) -> None:
    process, children = calibrating
    for _ in range(2):  # ``timeout`` sends two
        send(process.pid, number)
    output, errors = process.communicate(timeout=5)
    # click ends the line on which the terminal shows ^C.
    assert errors.lstrip("\n") == f"edgecnn: {text}\n"
    assert process.returncode == status
    assert output == ""
    assert contents(out) == contents(tmp_path / "scratch") == []
    assert_soon_gone(children)


@needs_proc
def test_the_next_run_removes_what_a_killed_one_left(
    calibrating: tuple[subprocess.Popen[str], list[int]], start: Any, out: Path, tmp_path: Path
) -> None:
    process, children = calibrating
    process.kill()
    process.communicate(timeout=5)
    assert_soon_gone(children)
    scratch = tmp_path / "scratch"
    assert contents(out)
    assert contents(scratch)
    output, errors = start("convert", "resnet8", "-q", "float32", "-o", out).communicate(timeout=60)
    assert [path.name for path in contents(out)] == ["resnet8_float32.tflite"], output + errors
    assert contents(scratch) == []


def test_ignored_signals_stay_ignored(start: Any, colour_model: Any, tmp_path: Path) -> None:
    """``nohup`` ignores SIGHUP, and a shell SIGINT for a script's background job."""
    ignored = (signal.SIGHUP, signal.SIGINT)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        model, target = colour_model(tmp_path / "whole.tflite"), tmp_path / "r.json"
        process = start("bench", model, "--threads", "1,2", "--min-time", "0.2", "--json", target)
    finally:
        for number, how in zip(ignored, before, strict=True):
            signal.signal(number, how)
    wait_for(target.exists, process)
    for number in ignored:
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert len(json.loads(target.read_text())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no terminals that can be closed")
def test_a_terminal_that_is_closed_costs_nothing_that_is_measured(
    colour_model: Any, tmp_path: Path
) -> None:
    """Nothing can be written to it any more, which is no reason for another exit status."""
    master, terminal = os.openpty()
    target = tmp_path / "r.json"
    model = colour_model(tmp_path / "whole.tflite")
    command = ["bench", str(model), "--threads", "1,2", "--min-time", "1.5", "--json", str(target)]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgecnn", *command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    while not target.exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.close(master)
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == 129
    assert len(json.loads(target.read_text())) == 1


@needs_proc
def test_a_converter_that_is_killed_is_named(start: Any, out: Path) -> None:
    process = start("convert", "mobilenet_v2", "-o", out)
    os.kill(wait_for(lambda: converter_of(process), process), signal.SIGKILL)
    output, errors = process.communicate(timeout=5)
    cause = "its process was killed (SIGKILL), perhaps for lack of memory"
    assert errors == f"edgecnn: converting 'mobilenet_v2' failed: {cause}\n"
    assert process.returncode == 1
    assert output == ""
    assert contents(out) == []


@needs_proc
def test_ctrl_c_to_the_group_keeps_what_is_measured(
    start: Any, colour_model: Any, tmp_path: Path
) -> None:
    model = colour_model(tmp_path / "whole.tflite")
    target = tmp_path / "r.json"
    process = start("bench", model, "--threads", "1,2", "--min-time", "1.5", "--json", target)
    wait_for(target.exists, process)
    children = children_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=5)
    assert errors.lstrip("\n") == "edgecnn: interrupted\n"
    assert process.returncode == 130
    assert "whole.tflite" in output
    assert len(json.loads(target.read_text())) == 1
    assert_soon_gone(children)

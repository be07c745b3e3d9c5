"""Children that start warm do what fresh ones do; see ``warm_start/server.py``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edgecnn

from .warm_start.hooks import HERE as FOLDER
from .warm_start.hooks import LIBRARIES, Server
from .warm_start.sitecustomize import CHILD, COMMAND

resource = pytest.importorskip("resource")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked as on Linux")
FACTS = "'tensorflow' in sys.modules, os.getpid(), os.getcwd(), os.environ.get('COLOUR')"
SAY_FACTS = f"import json, os, sys; print(json.dumps([{FACTS}]), flush=True)"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(LIBRARIES[CHILD])
    yield server.address
    server.close()


def start(
    address: str, code: str, module: str = "edgecnn.inspection.keras_layers", **more: Any
) -> subprocess.Popen[str]:
    variables = {CHILD: address, "PYTHONPATH": str(FOLDER), "COLOUR": "blue"}
    return subprocess.Popen(
        [sys.executable, "-c", f"{code}; from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables, **more.pop("env", {})},
        **more,
    )


def said_by(child: subprocess.Popen[str]) -> list[Any]:
    assert child.stdout is not None
    said: list[Any] = json.loads(child.stdout.readline())
    return said


def end(child: subprocess.Popen[str]) -> int:
    child.communicate()
    return child.returncode


def test_tensorflow_is_there_and_all_else_is_the_childs(address: str, tmp_path: Path) -> None:
    first, second = (start(address, SAY_FACTS, cwd=tmp_path) for _ in range(2))
    told = [said_by(child) for child in (first, second)]
    for child, (is_warm, pid, folder, colour) in zip((first, second), told, strict=True):
        assert is_warm
        assert pid != child.pid
        assert (folder, colour) == (str(tmp_path), "blue")
    assert end(first) == end(second) == 0


def test_a_library_that_would_be_loaded_otherwise_is_loaded_anew(address: str) -> None:
    assert end(start(address, "pass")) == 0
    other = start(address, SAY_FACTS, env={"OMP_NUM_THREADS": "7"})
    is_warm, pid, _, colour = said_by(other)
    assert (is_warm, pid, colour) == (False, other.pid, "blue")
    assert end(other) == 0


def test_who_may_do_less_starts_anew(address: str) -> None:
    assert end(start(address, "pass")) == 0
    least = (1 << 20, 1 << 20)
    confined = start(
        address, SAY_FACTS, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, least)
    )
    is_warm, pid, _, _ = said_by(confined)
    assert (is_warm, pid) == (False, confined.pid)
    assert end(confined) == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import os; os._exit(3)", 3),
        ("raise SystemExit(4)", 4),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
    ],
)
def test_it_ends_as_its_code_does(address: str, code: str, status: int) -> None:
    assert end(start(address, code, stderr=subprocess.DEVNULL)) == status


def test_it_is_killed_with_the_child_that_was_asked_for(address: str) -> None:
    child = start(address, SAY_FACTS)
    _, pid, _, _ = said_by(child)
    child.kill()
    child.wait()
    give_up = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_without_a_server_it_starts_as_usual() -> None:
    child = start("/nowhere", SAY_FACTS)
    assert said_by(child)[:2] == [False, child.pid]
    assert end(child) == 0


def test_a_conversion_makes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def converted(name: str) -> list[str]:
        (tmp_path / name).mkdir()
        results = edgecnn.convert(
            "mobilenet_v2", quantize="float32,int8", alpha=0.35, size=32, output=tmp_path / name
        )
        return [result.sha256 for result in results]

    warm = converted("warm")
    monkeypatch.delenv(CHILD)
    assert converted("fresh") == warm


def test_a_command_says_the_same(run_edgecnn: Any, tmp_path: Path) -> None:
    def said(*arguments: str, **variables: str) -> tuple[int, str, str]:
        done = run_edgecnn(*arguments, cwd=tmp_path, env=variables)
        return done.returncode, done.stdout, done.stderr

    for arguments in (("models",), ("bench", "absent.tflite"), ("--nonsense",), ("convert", "-h")):
        assert said(*arguments) == said(*arguments, **{COMMAND: ""})


def test_the_runner_is_always_fresh(address: str) -> None:
    runner = start(address, SAY_FACTS, module="edgecnn.runner.ondevice.runner")
    is_warm, pid, _, _ = said_by(runner)
    assert (is_warm, pid) == (False, runner.pid)
    assert end(runner) == 0

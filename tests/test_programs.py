"""Programs of others: what they say, and their end with all that they started."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgecnn.core.programs import run_program, run_talking_program
from tests.children import is_alive, wait_until

pytestmark = [
    pytest.mark.fresh_processes,
    pytest.mark.skipif(sys.platform == "win32", reason="starts a shell"),
]

STARTS_ANOTHER = "sleep 600 & echo $! > pid; wait"
"""A program that starts another one, as npm does, and writes down which."""


def test_what_it_says_and_how_it_ends(tmp_path: Path) -> None:
    command = ["sh", "-c", 'echo "$SAID"; pwd >&2; cat; exit 3']
    done = run_program(command, environment={"SAID": "é", "PATH": "/bin:/usr/bin"}, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "é\n", f"{tmp_path}\n")


def test_one_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    before = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(["sh", "-c", STARTS_ANOTHER], folder=tmp_path, timeout_s=3)
    assert time.monotonic() - before < 30
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(pid), 5)


def test_one_that_talks_may_take_longer_than_it_may_be_silent() -> None:
    script = "for i in 1 2 3 4; do echo $i; echo on >&2; sleep 1; done; exit 3"
    done = run_talking_program(["sh", "-c", script], silence_s=3)
    assert (done.returncode, done.stdout) == (3, "1\non\n2\non\n3\non\n4\non\n")


def test_one_that_falls_silent_is_ended_with_what_it_started(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_talking_program(["sh", "-c", STARTS_ANOTHER], silence_s=2, folder=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(pid), 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_this_process(number: signal.Signals, tmp_path: Path) -> None:
    code = f"from edgecnn.core.programs import *; run_program(['sh', '-c', {STARTS_ANOTHER!r}])"
    pid = tmp_path / "pid"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"))
        process.send_signal(number)
        process.wait(10)
    wait_until(lambda: not is_alive(int(pid.read_text())), 5)

"""The program on a device: the lock, and the end when the other side is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest

from edgecnn.runner.bundle import RUNNER, zip_of

ELSEWHERE = "0123456789-1234-5678-abcdef01"
"""A process of another machine, in the name of a file that it sends."""

PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's home on a device, with the program and the folder for the lock."""
    (tmp_path / ".edgecnn").mkdir()
    (tmp_path / "program.zip").write_bytes(zip_of(RUNNER))
    return tmp_path


def start(home: Path, *arguments: str, silence_s: float = 30) -> subprocess.Popen[bytes]:
    command = [sys.executable, "program.zip", *arguments, str(silence_s)]
    return subprocess.Popen(command, cwd=home, **PIPES)


def said(output: IO[bytes] | None) -> dict[str, Any]:
    assert output is not None
    answer: dict[str, Any] = json.loads(output.readline())
    return answer


def hold(
    home: Path, token: str, wait_s: float = 0, silence_s: float = 30
) -> subprocess.Popen[bytes]:
    arguments = (token, f"holder of {token}", str(wait_s))
    return start(home, "hold", *arguments, silence_s=silence_s)


HELD = {"kind": "LockHeld"}


def test_the_second_is_told_who_is_first(home: Path) -> None:
    files, programs = home / ".edgecnn/files", home / ".edgecnn/runner"
    files.mkdir()
    part = files / f".a.tflite.{ELSEWHERE}.part"
    part.touch()
    programs.mkdir()
    new, old = (programs / f".{name}.zip.{ELSEWHERE}.part" for name in ("new", "old"))
    archive = home / ".edgecnn" / f".packages.tar.gz.{ELSEWHERE}.part"
    new.touch()  # another host may be at it
    for path in (old, archive):
        path.touch()
        os.utime(path, (0, 0))
    with hold(home, "1") as first:
        assert said(first.stdout) == HELD
        assert new.exists()
        assert not any(path.exists() for path in (part, old, archive))
        with hold(home, "2") as second:
            assert "in use by holder of 1" in said(second.stdout)["message"]
        first.communicate()
    with hold(home, "3") as last:
        assert said(last.stdout) == HELD


def test_who_comes_back_waits_for_itself(home: Path) -> None:
    with hold(home, "1", silence_s=2) as first:
        assert said(first.stdout) == HELD
        with hold(home, "1", wait_s=30) as again:
            assert said(again.stdout) == HELD
            assert first.wait(5) == 0


@pytest.mark.parametrize("silence_s", [30, 1])
def test_a_runner_ends_with_its_input_and_after_silence(silence_s: float, home: Path) -> None:
    with start(home, "run", silence_s=silence_s) as running:
        assert running.stdin is not None
        running.stdin.write(b'{"kind": "DescribeHost"}\n')
        running.stdin.flush()
        assert said(running.stdout)["kind"] == "HostFacts"
        begin = time.monotonic()
        if silence_s == 30:
            running.stdin.close()
        running.wait(20)
        assert time.monotonic() - begin < 15


def test_a_runner_that_is_busy_ends_with_its_input(home: Path) -> None:
    """It works on a request, and does not read; the thread that reads for it ends it."""
    with start(home, "run") as running:
        assert running.stdin is not None
        running.stdin.write(b'{"kind": "AskHealth", "idle_s": 600}\n')
        running.stdin.close()
        assert running.wait(20) == 1


def test_empty_lines_are_signs_of_life(home: Path) -> None:
    with start(home, "run", silence_s=1) as running:
        assert running.stdin is not None
        for _ in range(8):
            running.stdin.write(b"\n")
            running.stdin.flush()
            time.sleep(0.3)
        running.stdin.write(b'{"kind": "DescribeHost"}\n')
        running.stdin.flush()
        assert said(running.stdout)["kind"] == "HostFacts"
        running.stdin.close()


def test_a_lock_that_cannot_be_made_is_said(home: Path) -> None:
    (home / ".edgecnn").rmdir()
    with hold(home, "1") as one:
        assert "cannot lock it" in said(one.stdout)["message"]

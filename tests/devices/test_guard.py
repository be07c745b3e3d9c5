"""What runs beside the runner on a device, here: the lock, and the end with the other side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from edgecnn.devices.ssh import guard

PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def start(*arguments: str, silence_s: float = 30) -> subprocess.Popen[bytes]:
    code = (
        f"import sys, runpy; sys.argv[0] = {guard.__file__!r};"
        f"names = runpy.run_path(sys.argv[0]); main = names['main'];"
        f"main.__globals__['SILENCE_S'] = {silence_s}; main()"
    )
    return subprocess.Popen([sys.executable, "-c", code, *arguments], **PIPES)


def said(output: IO[bytes] | None) -> dict[str, str]:
    assert output is not None
    answer: dict[str, str] = json.loads(output.readline())
    return answer


def hold(lock: Path, token: str, wait_s: float = 0, **named: float) -> subprocess.Popen[bytes]:
    return start("hold", str(lock), token, f"holder of {token}", str(wait_s), **named)


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    part = tmp_path / "files" / ".a.tflite.1234.part"
    part.touch()
    (tmp_path / "runner").mkdir()
    new, old = (tmp_path / "runner" / f".{name}.py.1234.part" for name in ("new", "old"))
    new.touch()  # another host may be at it
    old.touch()
    os.utime(old, (0, 0))
    with hold(tmp_path / "lock", "1") as first:
        assert said(first.stdout) == {"event": "held"}
        assert (part.exists(), old.exists(), new.exists()) == (False, False, True)
        with hold(tmp_path / "lock", "2") as second:
            assert "in use by holder of 1" in said(second.stdout)["message"]
        first.communicate()
    with hold(tmp_path / "lock", "3") as last:
        assert said(last.stdout) == {"event": "held"}


def test_who_comes_back_waits_for_itself(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", "1", silence_s=2) as first:
        assert said(first.stdout) == {"event": "held"}
        with hold(tmp_path / "lock", "1", wait_s=30) as again:
            assert said(again.stdout) == {"event": "held"}
            assert first.wait(5) == 0


def test_a_program_ends_with_its_input_and_after_silence(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, time\nprint(sys.stdin.readline(), end='', flush=True)\ntime.sleep(600)\n"
    )
    for silence_s in (30, 1):
        with start("run", str(program), silence_s=silence_s) as running:
            assert running.stdin is not None and running.stdout is not None
            running.stdin.write(b"hello\n")
            running.stdin.flush()
            assert running.stdout.readline() == b"hello\n"
            begin = time.monotonic()
            if silence_s == 30:
                running.stdin.close()
            assert running.wait(20) == 1
            assert time.monotonic() - begin < 5


def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with hold(tmp_path / "nowhere" / "lock", "1") as one:
        assert "cannot lock it" in said(one.stdout)["message"]

"""What systems do differently, as far as this one can show it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgecnn.core import platform_support as platform

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="of other systems the answer is None")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows does otherwise")

HOLD = """
import sys
from edgecnn.core.platform_support import try_lock
file = open(sys.argv[1], "a+")
print(try_lock(file), flush=True)
sys.stdin.read()
"""


def test_a_lock_is_for_one_process_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with path.open("a+") as file:
        file.write("who has it")
        file.flush()
        with subprocess.Popen(command, text=True, **pipes) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == "True\n"
            assert not platform.try_lock(file)
            file.seek(0)
            assert file.read() == "who has it"
            first.communicate()
        assert platform.try_lock(file)


@POSIX
def test_a_process_ends_after_its_parent(tmp_path: Path) -> None:
    """As macOS does it, which has no call for that."""
    child = (
        "import os; from edgecnn.core.platform_support import end_after; "
        "end_after(os.getppid(), 0.01)"
    )
    parent = (
        "import subprocess, sys; "
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}]); "
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", parent], text=True, **pipes) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        time.sleep(0.3)
        os.kill(pid, 0)  # it lives
        process.kill()
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("it lives on")


@LINUX
def test_what_linux_counts() -> None:
    usage = platform.process_usage()
    assert usage.cpu_s and usage.cpu_s > 0
    assert usage.voluntary_switches is not None and usage.major_faults is not None
    peak, now = platform.peak_memory_bytes(), platform.resident_memory_bytes()
    assert peak and peak > 1 << 20
    assert now and now > 1 << 20
    memory = platform.physical_memory_bytes()
    assert memory and memory > 1 << 28


@LINUX
def test_a_process_that_gives_way_is_the_first_that_the_kernel_ends() -> None:
    code = (
        "from edgecnn.core import platform_support as platform; platform.give_way_to_others(); "
        "print(open('/proc/self/oom_score_adj').read())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "1000"


@POSIX
def test_a_file_is_exposed_if_others_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch()
    for mode, exposed in ((0o600, False), (0o400, False), (0o640, True), (0o604, True)):
        file.chmod(mode)
        assert platform.is_exposed(file) is exposed


def test_a_system_file_that_is_not_there_has_no_text(tmp_path: Path) -> None:
    assert platform.system_text(tmp_path / "none") is None
    (tmp_path / "one").write_bytes(b"  a\xff\n")
    assert platform.system_text(tmp_path / "one") == "a\ufffd"

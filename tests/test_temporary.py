"""Temporary files and folders: what a dead process left goes, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgecnn.core.temporary import (
    is_leftover,
    part_name,
    process_name,
    remove_leftovers,
    temporary_folder,
)
from tests.children import wait_until

NAMES = "from edgecnn.core import temporary; print(temporary.process_name(), end='')"
DAY_S = 86400.0
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for processes")


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a process that was here and is gone."""
    return subprocess.run(
        [sys.executable, "-c", NAMES], capture_output=True, text=True, check=True
    ).stdout


def other_names(living: str) -> dict[str, str]:
    """Names that are nearly those of a living process, by what they mean."""
    space, pid, start = living.split("-")
    return {
        "an id that was used again": f"{space}-{pid}-{int(start) - 1}",
        "another host or container": f"{'0' * len(space)}-{pid}-{start}",
    }


def make(folder: Path, process: str) -> list[Path]:
    """Make a temporary folder, which is not empty, and a temporary file of a process."""
    made = folder / f".edgecnn-{process}-01234567"
    made.mkdir()
    (made / "int8.tflite").write_text("half")
    part = folder / f".model.tflite.{process}.part"
    part.write_text("half")
    return [made, part]


@linux_only
def test_what_a_dead_process_left_is_removed(tmp_path: Path, dead: str) -> None:
    make(tmp_path, dead)
    make(tmp_path, other_names(process_name())["an id that was used again"])
    with temporary_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_process_has_is_left(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edgecnn.core.temporary import *\n"
        "with temporary_folder(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        made = list(tmp_path.iterdir())
        os.utime(made[0], (0, 0))
        remove_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == made
        other.communicate()
    assert list(tmp_path.iterdir()) == []


def test_what_another_host_made_is_left_for_a_day(tmp_path: Path) -> None:
    made = make(tmp_path, other_names(process_name())["another host or container"])
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(made)
    for path in made:
        os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [made[0]]  # its content is new
    os.utime(made[0] / "int8.tflite", (0, 0))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["edgecnn-examples", ".edgecnn-a1b2c3d4", ".model.tflite.4711.part", "model.part", "edgecnn"],
)
def test_what_names_no_process_is_left(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    os.utime(tmp_path / name, (0, 0))
    remove_leftovers(tmp_path)
    assert (tmp_path / name).exists()


@linux_only
def test_links_are_not_followed(tmp_path: Path, dead: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years")
    folder = tmp_path / "out"
    (folder / f".edgecnn-{dead}-00000000").mkdir(parents=True)
    (folder / f".edgecnn-{dead}-00000000" / "link").symlink_to(precious)
    (folder / f".edgecnn-{dead}-11111111").symlink_to(precious)
    remove_leftovers(folder)
    assert list(folder.iterdir()) == []
    assert (precious / "thesis.txt").read_text() == "years"


@linux_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_what_another_user_has_is_left(tmp_path: Path, dead: str) -> None:
    made = make(tmp_path, dead)
    for path in made:
        os.chown(path, 65534, 65534)
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(made)


@linux_only
def test_a_process_that_was_not_waited_for_is_dead(tmp_path: Path) -> None:
    """As in a container whose first process waits for none."""
    with subprocess.Popen([sys.executable, "-c", NAMES], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        name = process.stdout.read().decode()
        state = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z")
        assert is_leftover(f".a.{name}.part", age_s=0)


def test_names_are_told_by_what_is_in_them() -> None:
    space, pid, start = process_name().split("-")
    assert int(pid) == os.getpid()
    assert not is_leftover(part_name("two\nlines"), age_s=10 * DAY_S)
    there = f".a.zip.{'f' * len(space)}-{pid}-{start}-01234567.part"
    assert not is_leftover(there, age_s=3000, abandoned_s=3600)
    assert is_leftover(there, age_s=4000, abandoned_s=3600)


def test_a_folder_of_a_thread_that_works_goes_with_the_process(tmp_path: Path) -> None:
    code = (
        "import sys, threading, time; from pathlib import Path\n"
        "from edgecnn.core.temporary import *\n"
        "def work():\n"
        "    with temporary_folder(Path(sys.argv[1])): begun.set(); time.sleep(60)\n"
        "begun = threading.Event()\n"
        "threading.Thread(target=work, daemon=True).start(); begun.wait()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_several_threads_have_folders_of_their_own(tmp_path: Path) -> None:
    both = threading.Barrier(2)
    names: set[Path] = set()

    def work() -> None:
        with temporary_folder(tmp_path) as folder:
            names.add(folder)
            both.wait(10)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 2
    assert list(tmp_path.iterdir()) == []

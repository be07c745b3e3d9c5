"""Where outputs go: links stay, streams are written to, what cannot be replaced is refused."""

from __future__ import annotations

import json
import os
import pty
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import (
    check_target,
    folder_beside,
    is_stream,
    place,
    place_new,
    replacing,
    write_all,
    write_json,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can")
NOBODY = 65534


@pytest.fixture()
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_text("old")
    return path


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("absent/file", "folder '.*absent' does not exist"),
        ("a file/file", "'.*a file' is a file, where a folder is needed"),
        ("a folder", "'.*a folder' is a folder: name a file in it"),
        ("n" * 300, "File name too long"),
        ("loop", "Too many levels of symbolic links"),
        ("loop/file", "Too many levels of symbolic links"),
        ("to nowhere", "folder '.*absent' does not exist"),
        ("to a folder", "'.*to a folder' is a folder: name a file in it"),
        ("a\0b", "is no path: .*embedded null"),
        ("\ud800", "is no path: .*surrogates not allowed"),
        ("socket", "'.*socket' is a socket, which cannot be written to"),
    ],
)
def test_targets_that_cannot_be(tmp_path: Path, path: str, says: str) -> None:
    """Whatever asks, before the work or after it, gets the same answer."""
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to nowhere").symlink_to("absent/file")
    (tmp_path / "to a folder").symlink_to("a folder")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(InputError, match=says) as late, replacing(tmp_path / path):
            pytest.fail("the block must not run")
        with pytest.raises(InputError) as early:
            check_target(tmp_path / path)
        with pytest.raises(InputError) as amid, folder_beside(tmp_path / path):
            pytest.fail("the block must not run")
    assert str(early.value) == str(amid.value) == str(late.value)
    assert len(list(tmp_path.iterdir())) == 6


def test_a_link_keeps_its_place(tmp_path: Path) -> None:
    """Links of each kind, which at first lead to nothing yet."""
    (tmp_path / "place").mkdir()
    (tmp_path / "absolute").symlink_to(tmp_path / "place" / "file")
    (tmp_path / "place" / "relative").symlink_to("../absolute")
    (tmp_path / "other place").symlink_to("place")
    link = tmp_path / "link"
    link.symlink_to("other place/relative")
    for text in ("first", "second"):
        check_target(link)
        with replacing(link) as temporary:
            assert temporary.parent.samefile(tmp_path / "place")
            temporary.write_text(text)
        assert (tmp_path / "place" / "file").read_text() == text
    links = {path.name for path in tmp_path.rglob("*") if path.is_symlink()}
    assert links == {"absolute", "relative", "other place", "link"}
    assert len(list(tmp_path.rglob("*"))) == 6


@pytest.fixture()
def another_file_system(target: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == target.stat().st_dev:
        pytest.skip("needs a file system beside that of the tests")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_a_link_to_another_file_system(target: Path, another_file_system: Path) -> None:
    file, link = another_file_system / "file", target.with_name("link")
    link.symlink_to(file)
    with folder_beside(target) as folder:
        (folder / "made").write_text("new")
        place(folder / "made", link)
    assert (file.read_text(), link.is_symlink()) == ("new", True)
    assert list(another_file_system.iterdir()) == [file]
    assert sorted(target.parent.iterdir()) == sorted([link, target])


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o664, 0o755, 0o444, 0o000])
def test_a_replaced_file_keeps_its_mode(target: Path, mode: int) -> None:
    target.chmod(mode)
    write_json(target, [])
    assert stat.S_IMODE(target.stat().st_mode) == mode
    target.chmod(0o600)
    assert target.read_text() == "[]\n"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
@pytest.mark.parametrize("in_a_folder", [False, True])
def test_a_new_file_has_the_mode_that_the_user_wants(
    tmp_path: Path, mask: int, mode: int, in_a_folder: bool
) -> None:
    target, before = tmp_path / "new", os.umask(mask)
    try:
        if in_a_folder:
            with folder_beside(target) as folder:
                (folder / "made").write_text("new")
                place(folder / "made", target)
        else:
            write_json(target, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == mode


@as_root
def test_owner_and_group_are_kept(target: Path) -> None:
    os.chown(target, 1234, 5678)
    write_json(target, {})
    assert (target.stat().st_uid, target.stat().st_gid) == (1234, 5678)


@as_root
def test_a_group_that_cannot_be_kept_hands_its_rights_to_no_other(target: Path) -> None:
    target.parent.chmod(0o777)
    target.chmod(0o660)
    os.chown(target, NOBODY, 5678)
    assert as_nobody(target, lambda: write_json(target, {})) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def as_nobody(path: Path, action: object) -> int:
    """Call a function as another user, who may go to ``path``, and return how that ended.

    7 stands for an InputError about another user.
    """
    for folder in path.parents[1:4]:
        folder.chmod(folder.stat().st_mode | 0o111)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            action()  # type: ignore[operator]
        except InputError as error:
            os._exit(7 if "belongs to another user" in str(error) else 1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@as_root
def test_a_file_of_another_user_in_a_shared_folder(tmp_path: Path) -> None:
    """As in /tmp: renaming would fail, after all work was done."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "file").touch()
    assert as_nobody(shared / "file", lambda: check_target(shared / "file")) == 7
    assert as_nobody(shared / "file", lambda: check_target(shared / "new")) == 0


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="this system has no such attributes")
def test_extended_attributes_are_kept(target: Path) -> None:
    try:
        os.setxattr(target, "user.origin", b"mine")
    except OSError as error:
        pytest.skip(f"this file system has no extended attributes: {error.strerror}")
    write_json(target, {})
    assert os.getxattr(target, "user.origin") == b"mine"


def test_other_names_of_a_file_keep_its_content(target: Path) -> None:
    other = target.with_name("other name")
    other.hardlink_to(target)
    write_json(target, {})
    assert other.read_text() == "old"


def test_a_pipe_gets_what_is_whole(tmp_path: Path) -> None:
    pipe, content = tmp_path / "pipe", {"whole": "x" * 200_000}
    os.mkfifo(pipe)
    assert is_stream(pipe)
    check_target(pipe)  # which must not open it: a reader would see its end
    with ThreadPoolExecutor() as pool:
        got = pool.submit(pipe.read_bytes)
        with pytest.raises(ValueError, match="half"), replacing(pipe) as temporary:
            temporary.write_bytes(b"half")
            raise ValueError("half")
        write_json(pipe, content)
        assert json.loads(got.result(30)) == content
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_terminal_is_written_to(tmp_path: Path) -> None:
    reading, writing = pty.openpty()
    name, link = Path(os.ttyname(writing)), tmp_path / "link"
    link.symlink_to(name)
    write_json(link, [])
    assert os.read(reading, 100) == b"[]\r\n"
    assert name.is_char_device()
    assert link.is_symlink()
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_device_that_is_full_is_one_line() -> None:
    with pytest.raises(EdgecnnError, match="cannot write '/dev/full': No space left on device"):
        write_json(Path("/dev/full"), {})
    assert Path("/dev/full").is_char_device()


@as_root
def test_a_disk_is_refused(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    try:
        os.mknod(disk, 0o600 | stat.S_IFBLK, os.makedev(7, 99))
    except PermissionError:
        pytest.skip("root may not make devices here")
    with pytest.raises(InputError, match="is a disk"):
        check_target(disk)
    assert disk.is_block_device()


PRINTING = """\
import sys; from pathlib import Path; from edgecnn.core.files import write_json
print('before'); write_json(Path(sys.argv[1]), [1]); print('after')
"""


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_is_written_where_it_stands(tmp_path: Path, path: str) -> None:
    if not Path(path).exists():
        pytest.skip(f"this system has no {path}")
    with (tmp_path / "out").open("wb") as out:
        out.write(b"first\n")
        out.flush()
        subprocess.run([sys.executable, "-c", PRINTING, path], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "first\nbefore\n[\n  1\n]\nafter\n"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system names no open files")
def test_what_is_open_for_reading_or_not_at_all_is_refused(target: Path) -> None:
    with target.open("rb") as file, pytest.raises(InputError, match="is not open for writing"):
        check_target(Path(f"/dev/fd/{file.fileno()}"))
    with pytest.raises(InputError, match="is not open for writing"):
        check_target(Path("/dev/fd/999"))


def test_a_file_that_is_mounted_alone(tmp_path: Path, target: Path) -> None:
    """As containers mount them: it can be written, but not replaced."""
    mounted = tmp_path / "a file" / "x y"
    mounted.parent.mkdir()
    mounted.touch()
    done = subprocess.run(["mount", "--bind", target, mounted], stderr=subprocess.DEVNULL)
    if done.returncode:
        pytest.skip("mounting needs root")
    try:
        with pytest.raises(InputError, match="is a mount point: name another file"):
            check_target(mounted)
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_folder_that_vanishes_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def write() -> None:
        with replacing(folder / "file") as temporary:
            temporary.write_text("new")
            shutil.rmtree(folder)

    with pytest.raises(EdgecnnError, match=r"cannot write '.*file': No such file"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_write_one_file_each_is_whole(target: Path) -> None:
    texts = [letter * 300_000 for letter in "abcdefgh"]

    def write(text: str) -> None:
        for _ in range(5):
            with replacing(target) as temporary, temporary.open("w") as file:
                for start in range(0, len(text), 1000):
                    file.write(text[start : start + 1000])

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write, text) for text in texts]:
            done.result()
            assert target.read_text() in texts
    assert list(target.parent.iterdir()) == [target]


def test_a_name_that_was_taken_meanwhile_stays(target: Path) -> None:
    new = target.with_name("new")
    for name, expected in ((target, "old"), (new, "made")):
        with folder_beside(name) as folder:
            (folder / "made").write_text("made")
            place_new(folder / "made", name)
        assert name.read_text() == expected
    assert sorted(target.parent.iterdir()) == [target, new]


def test_several_files_are_written_all_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert write_all(folder, {"a": b"1", "b": b"2"}) == [folder / "a", folder / "b"]
    (folder / "c").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_all(folder, {"a": b"3", "c": b"4"})
    assert (folder / "a").read_bytes() == b"1"
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "c"]
    with pytest.raises(InputError, match="File name too long"):
        write_all(tmp_path / "new", {"a": b"1", "n" * 300: b"2"})
    assert not (tmp_path / "new").exists()

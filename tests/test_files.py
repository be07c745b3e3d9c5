"""Files are whole or absent, and messages about them are one line."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import (
    cache_folder,
    check_writable_folder,
    exists,
    quoted,
    refuse_overwriting,
    replacing,
    sha256_of,
    write_json,
)


@pytest.fixture()
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_text("old")
    return path


def test_success_replaces(target: Path) -> None:
    with replacing(target) as temporary:
        assert temporary.parent == target.parent
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_success_makes_a_new_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "new") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "new").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, InputError])
def test_any_early_end_keeps_the_old_file(target: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), replacing(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_early_end_leaves_no_new_file(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), replacing(tmp_path / "new") as temporary:
        temporary.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_writes_nothing_is_an_error(target: Path) -> None:
    with pytest.raises(EdgecnnError, match=r"cannot write '.*model\.tflite'"), replacing(target):
        pass
    assert target.read_text() == "old"


def test_a_killed_process_leaves_the_old_file(target: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from edgecnn.core.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)])
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(target: Path) -> None:
    with (
        pytest.raises(EdgecnnError, match="No space left on device") as caught,
        replacing(target) as temporary,
    ):
        temporary.symlink_to("/dev/full")
        temporary.write_text("new")
    assert not isinstance(caught.value, InputError)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "name", ["with space", "two\nlines", "-dash", 'it\'s "quoted"', "é" * 120, "🐜" * 63]
)
def test_hostile_names_are_written_and_quoted(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as temporary:
        temporary.write_text("content")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(EdgecnnError) as caught, replacing(tmp_path / name):
        pass
    assert str(caught.value).isprintable()


def test_exists_is_about_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("absent")
    assert not exists(tmp_path / "link")
    assert not exists(tmp_path / "absent" / "file")
    (tmp_path / "absent").touch()
    assert exists(tmp_path / "link")
    assert not exists(tmp_path / "absent" / "file")


def test_a_link_is_the_file_that_it_leads_to(target: Path) -> None:
    link = target.with_name("link")
    link.symlink_to(target)
    with pytest.raises(InputError, match="which is read"):
        refuse_overwriting(link, [target])
    refuse_overwriting(target, ["mobilenet_v2", target.with_name("absent")])
    refuse_overwriting(target.with_name("absent"), [target])


@given(st.text())
def test_quoted_is_a_literal_in_one_line(name: str) -> None:
    assert ast.literal_eval(quoted(name)) == name
    assert len(quoted(name).splitlines()) == 1


def test_quoted_tells_names_apart() -> None:
    assert quoted("a\nb") == r"'a\nb'"
    assert quoted(Path("a b")) == "'a b'"
    assert quoted("a\\nb") != quoted("a\nb")
    assert quoted(os.fsdecode(b"\xff")).isprintable()


def test_cache_folder_follows_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    folder = cache_folder("weights")
    assert folder == tmp_path / "cache" / "weights"
    check_writable_folder(folder)
    assert cache_folder("weights") == folder


def test_a_cache_that_cannot_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a\nfile").touch()
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "a\nfile"))
    with pytest.raises(InputError, match="set EDGECNN_CACHE") as caught:
        cache_folder("weights")
    assert str(caught.value).isprintable()


def test_sha256_of_a_file_larger_than_a_block(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 17)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_json_that_cannot_be_written_keeps_the_old_file(target: Path) -> None:
    with pytest.raises(TypeError):
        write_json(target, [object()])
    assert target.read_text() == "old"
    write_json(target, {"name": "ü\n"})
    assert json.loads(target.read_text(encoding="utf-8")) == {"name": "ü\n"}
    assert list(target.parent.iterdir()) == [target]

"""Damaged records, stores and inventories, as the commands tell of them: one line, and no trace."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edgecnn.store.store import Store

from ..records.wrong_values import wrong_fields  # noqa: TID252
from ..store.records import made_record  # noqa: TID252


def line_of(done: Any, exit_code: int) -> str:
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecnn: ") and "internal error" not in line
    assert (done.returncode, line.isprintable()) == (exit_code, True), done.stderr
    return str(line)


def damage(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A store with five results, of which the second is damaged."""
    store = Store(tmp_path / "r.sqlite")
    for number in range(1, 6):
        store.add(made_record(threads=number, model=f"{number}.tflite"))
    damage(
        tmp_path / "r.sqlite",
        "UPDATE edgecnn_results SET threads = 'many' WHERE id = 2",
        """UPDATE edgecnn_details SET record = json_set(record, '$.latency_p50_ms', -1)
           WHERE result_id = 2""",
    )
    return tmp_path / "r.sqlite"


def test_others_are_listed_exported_and_reported(kept: Path, run_edgecnn: Any) -> None:
    where = ("--store", kept)
    done = run_edgecnn("results", "list", *where)
    assert [row.split()[0] for row in done.stdout.splitlines()[2:]] == ["5", "4", "3", "1"]
    line = line_of(done, 1)
    assert "result 2 in" in line and "threads is 'many', where a whole number from 1" in line
    assert "'edgecnn results delete 2' removes it" in line
    done = run_edgecnn("results", "export", *where)
    assert [record["id"] for record in json.loads(done.stdout)] == [5, 4, 3, 1]
    assert "latency_p50_ms is -1" in line_of(done, 1)
    page = kept.with_name("report.html")
    done = run_edgecnn("report", "-o", page, *where)
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: result 2 in" in done.stdout and page.exists()


def test_the_damaged_one_alone_is_a_line_until_it_is_deleted(kept: Path, run_edgecnn: Any) -> None:
    where = ("--store", kept)
    for command in (("results", "show", 2), ("compare", 2, 1), ("report", 2, "-o", "a.html")):
        done = run_edgecnn(*command, *where, cwd=kept.parent)
        assert "latency_p50_ms is -1" in line_of(done, 1)
        assert done.stdout == ""
    assert not (kept.parent / "a.html").exists()
    assert run_edgecnn("results", "delete", 2, "--yes", *where).returncode == 0
    done = run_edgecnn("results", "list", *where)
    assert (done.returncode, done.stderr) == (0, "")


def test_many_damaged_results_are_one_line_and_no_file_is_half_written(
    kept: Path, run_edgecnn: Any
) -> None:
    damage(kept, "UPDATE edgecnn_details SET samples = x'00'")
    target = kept.with_name("all.csv")
    done = run_edgecnn(
        "results", "export", "--format", "csv", "-o", target, "--limit", 3, "--store", kept
    )
    assert "3 results are damaged, 5, 4, 3: latency_samples_ms cannot" in line_of(done, 1)
    assert len(target.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("results", "show", 10**30),
        ("results", "delete", 10**30, "--yes"),
        ("compare", 10**30, 1),
        ("compare", "9" * 5000, 1),
        ("compare", "²", 1),
    ],
)
def test_numbers_that_no_result_has(arguments: Any, kept: Path, run_edgecnn: Any) -> None:
    line = line_of(run_edgecnn(*arguments, "--store", kept), 2)
    assert "no" in line and len(line) < 300


def test_a_file_of_records_names_the_record_and_its_field(tmp_path: Path, run_edgecnn: Any) -> None:
    whole = made_record().to_dict()
    good = tmp_path / "good.json"
    good.write_text(json.dumps([whole]))
    wrong = [*wrong_fields()]
    for name, value in (wrong[1], wrong[len(wrong) // 2], wrong[-9]):
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps([whole, {**whole, name: value}]))
        for command in (("compare", good, bad), ("report", bad, "-o", tmp_path / "r.html")):
            line = line_of(run_edgecnn(*command), 2)
            assert "bad.json', record 2: " in line and name in line
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[" * 100_000, b"[1]", b"{}", b"[]", b"[{}]", b"nan", b"[" + b"9" * 5000],
    ids=range(9),
)
def test_what_is_no_file_of_records(content: bytes, tmp_path: Path, run_edgecnn: Any) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    line = line_of(run_edgecnn("compare", "bad.json", "bad.json", cwd=tmp_path), 2)
    assert "'bad.json'" in line and len(line) < 300


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_without_a_writer_are_not_waited_for(tmp_path: Path, run_edgecnn: Any) -> None:
    for name in ("r.json", "r.sqlite", "devices.toml", "m.tflite"):
        os.mkfifo(tmp_path / name)
    for command in (
        ("compare", "r.json", "r.json"), ("results", "list", "--store", "r.sqlite"),
        ("devices", "list"), ("bench", "m.tflite", "--no-store"), ("inspect", "m.tflite"),
    ):  # fmt: skip
        environment = {"EDGECNN_CONFIG": str(tmp_path)}
        line = line_of(run_edgecnn(*command, cwd=tmp_path, env=environment, timeout=60), 2)
        assert "is a pipe, where a file" in line or "is no file" in line

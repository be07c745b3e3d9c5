"""``edgecnn results``, and what ``edgecnn bench`` keeps for it, as a user runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shlex
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgecnn.records.filter import Filter
from edgecnn.records.record import Record
from edgecnn.store.store import Store

QUICK = ("--runs", "3", "--min-time", "0", "--warmup", "0")
KILLS = int(os.environ.get("EDGECNN_TEST_KILLS", "3"))
"""Moments of a test run; EDGECNN_TEST_KILLS says another number."""


def one_line(done: subprocess.CompletedProcess[str], exit_code: int, says: str) -> None:
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("note")]
    assert line.startswith("edgecnn: ")
    assert says in line
    assert done.returncode == exit_code


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, colour_model: Any, run_edgecnn: Any) -> Path:
    """A store with three results: a.tflite at one and two threads, [b].tflite at one."""
    folder = tmp_path_factory.mktemp("filled")
    for name in ("a.tflite", "[b].tflite"):
        colour_model(folder / name)
    options = (*QUICK, "--store", folder / "r.sqlite")
    for arguments in (("a.tflite", "-t", "1,2", "--tag", "first"), ("[b].tflite",)):
        done = run_edgecnn("bench", *arguments, *options, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "r.sqlite"


def test_list_shows_the_latest_first(filled: Path, run_edgecnn: Any) -> None:
    done = run_edgecnn("results", "list", "--store", filled)
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["3", "2", "1"]
    assert [row[3] for row in rows] == ["[b].tflite", "a.tflite", "a.tflite"]
    assert rows[1][-1] == "first"


def test_list_filters_and_limits(filled: Path, run_edgecnn: Any) -> None:
    done = run_edgecnn("results", "list", "--tag", "first", "--limit", 1, "--store", filled)
    assert "a.tflite" in done.stdout
    assert "--limit shows more than 1" in done.stdout
    options = ("--model", "a.tflite", "--threads", 2, "--since", "1d", "--json")
    done = run_edgecnn("results", "list", *options, env={"EDGECNN_STORE": str(filled)})
    (only,) = json.loads(done.stdout)
    assert (only["id"], only["tags"]) == (2, ["first"])
    assert "latency_samples_ms" not in only


def test_show(filled: Path, run_edgecnn: Any) -> None:
    shown = run_edgecnn("results", "show", 3, "--store", filled).stdout
    assert "[b].tflite" in shown
    assert "note: only 3 timed call(s)" in shown
    record = json.loads(run_edgecnn("results", "show", 3, "--json", "--store", filled).stdout)
    assert len(Record.from_dict(record).latency_samples_ms) == 3


def test_export(filled: Path, tmp_path: Path, run_edgecnn: Any) -> None:
    run_edgecnn("results", "export", "-o", tmp_path / "all.json", "--store", filled)
    records = [Record.from_dict(v) for v in json.loads((tmp_path / "all.json").read_text())]
    assert records == [kept.record for kept in Store(filled).records()]
    done = run_edgecnn("results", "export", "--format", "csv", "--store", filled)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["id"], row["threads"], row["tags"]) for row in rows] == [
        ("3", "1", ""), ("2", "2", "first"), ("1", "1", "first"),
    ]  # fmt: skip


def test_delete(filled: Path, tmp_path: Path, run_edgecnn: Any) -> None:
    copy = tmp_path / "copy.sqlite"
    with sqlite3.connect(filled) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    asked = run_edgecnn("results", "delete", "--tag", "first", "--store", copy)
    one_line(asked, 2, "2 result(s) would be deleted: --yes")
    assert run_edgecnn("results", "delete", 1, 3, "--yes", "--store", copy).returncode == 0
    assert [one.id for one in Store(copy).listed()] == [2]


def test_an_empty_store_says_so(tmp_path: Path, run_edgecnn: Any) -> None:
    Store(tmp_path / "new.sqlite")
    done = run_edgecnn("results", "list", "--store", tmp_path / "new.sqlite")
    assert done.returncode == 0
    assert "no results yet" in done.stdout
    # Not chosen, and never used:
    nowhere = {"EDGECNN_STORE": "", "XDG_DATA_HOME": str(tmp_path / "data")}
    done = run_edgecnn("results", "list", env=nowhere)
    assert (done.returncode, "no results yet" in done.stdout) == (0, True)
    assert not (tmp_path / "data").exists()


def test_bench_makes_the_default_store(tmp_path: Path, colour_model: Any, run_edgecnn: Any) -> None:
    nowhere = {"EDGECNN_STORE": "", "XDG_DATA_HOME": str(tmp_path / "data")}
    model = colour_model(tmp_path / "m.tflite")
    assert run_edgecnn("bench", model, *QUICK, "--no-store", env=nowhere).returncode == 0
    assert not (tmp_path / "data").exists()
    assert run_edgecnn("bench", model, *QUICK, env=nowhere).returncode == 0
    assert Store(tmp_path / "data" / "edgecnn" / "results.sqlite").count() == 1


BAD_STORES = [
    ("text.txt", "text.txt' is not a SQLite database"),
    ("folder", "is a folder, where a database"),
    ("foreign.sqlite", "is a database of something else"),
    ("newer.sqlite", "install a newer edgecnn"),
    ("damaged.sqlite", "damaged"),
    ("no/such/r.sqlite", "does not exist"),
    ("nosuch://host/db", "'nosuch' is no kind of database"),
    ("sqlite://", "in memory keeps nothing"),
    ("postgresql://u:h1dden@[/db", "u:***@[/db': failed to resolve host"),
    ("postgresql://u:h1dden@127.0.0.1:notaport/db", "URL cannot be read"),
    ("postgresql://u:h1dden@127.0.0.1:1/db?sslmode=h1dden", "postgresql+psycopg://u:***@"),
    ("mysql://u:h1dden@127.0.0.1:1/db", "driver MySQLdb is not installed"),
    ("busy.sqlite?", "another process has been writing"),
]


@pytest.mark.parametrize(("where", "says"), BAD_STORES)
@pytest.mark.parametrize("command", ["bench", "list"])
def test_bad_stores_are_one_line_before_anything_is_measured(
    command: str, where: str, says: str, tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    colour_model(tmp_path / "m.tflite")
    (tmp_path / "text.txt").write_text("no database at all")
    (tmp_path / "folder").mkdir()
    with sqlite3.connect(tmp_path / "foreign.sqlite") as connection:
        connection.execute("CREATE TABLE something (id INTEGER)")
    for name in ("newer", "damaged"):
        Store(tmp_path / f"{name}.sqlite")
    with sqlite3.connect(tmp_path / "newer.sqlite") as connection:
        connection.execute("UPDATE edgecnn_schema SET version = 99")
    content = (tmp_path / "damaged.sqlite").read_bytes()
    (tmp_path / "damaged.sqlite").write_bytes(content[:100] + bytes(200) + content[300:])
    # A file that another process has to itself; the time to wait is in the URL.
    holder = sqlite3.connect(tmp_path / "busy.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    if where.endswith("?"):
        where = f"sqlite:///{tmp_path}/{where}timeout=0.2"
    arguments = ("m.tflite", *QUICK) if command == "bench" else ()
    group = () if command == "bench" else ("results",)
    done = run_edgecnn(*group, command, *arguments, "--store", where, cwd=tmp_path)
    holder.close()
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecnn: ")
    assert says in line or "there is no database" in line
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert "h1dden" not in line


def test_a_bad_default_store_does_not_keep_from_measuring(
    tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    (tmp_path / "edgecnn").mkdir()
    (tmp_path / "edgecnn" / "results.sqlite").write_text("no database at all")
    default = {"EDGECNN_STORE": "", "XDG_DATA_HOME": str(tmp_path)}
    done = run_edgecnn("bench", colour_model(tmp_path / "m.tflite"), *QUICK, env=default)
    one_line(done, 1, "results are not kept")
    assert "m.tflite" in done.stdout


def test_a_store_that_fills_its_disk_loses_no_result(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "m.tflite")
    Store(tmp_path / "r.sqlite")
    with sqlite3.connect(tmp_path / "r.sqlite") as connection:
        # Larger than any file may become below, so that no record fits in.
        connection.execute("CREATE TABLE ballast AS SELECT randomblob(300000) AS content")
    command = f"ulimit -f 300; exec {shlex.quote(sys.executable)} -m edgecnn bench {model}"
    done = subprocess.run(
        ["bash", "-c", f"{command} --runs 9000 --min-time 0 --store r.sqlite"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    one_line(done, 1, "1 result(s) could not be kept")
    assert "m.tflite" in done.stdout
    assert Store(tmp_path / "r.sqlite").count() == 0


@pytest.mark.parametrize("tag", ["", "12", "a\nb", "x" * 101])
def test_what_cannot_be_a_tag_is_refused(tag: str, tmp_path: Path, run_edgecnn: Any) -> None:
    one_line(run_edgecnn("bench", "m.tflite", "--tag", tag), 2, "cannot be a tag")


def test_read_only(filled: Path, tmp_path: Path, run_edgecnn: Any) -> None:
    """A read-only file system, as root is not kept from writing by a file's mode."""
    with sqlite3.connect(filled) as source, sqlite3.connect(tmp_path / "r.sqlite") as target:
        source.backup(target)
    (tmp_path / "m.tflite").write_bytes((filled.parent / "a.tflite").read_bytes())
    mount = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,ro,bind {tmp_path}"
    if os.geteuid() or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("a read-only file system needs root and namespaces")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = shlex.join([sys.executable, "-m", "edgecnn", *arguments])
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{mount} && cd {tmp_path} && {command}"],
            capture_output=True, text=True,
        )  # fmt: skip

    listed = run("results", "list", "--store", "r.sqlite")
    assert (listed.returncode, "a.tflite" in listed.stdout) == (0, True), listed.stderr
    one_line(run("results", "delete", "1", "--yes", "--store", "r.sqlite"), 2, "read-only")
    one_line(run("bench", "m.tflite", *QUICK, "--store", "r.sqlite"), 2, "read-only")


def test_a_killed_bench_leaves_what_it_reported(tmp_path: Path, colour_model: Any) -> None:
    models = [colour_model(tmp_path / f"{number}.tflite") for number in range(5)]
    store = tmp_path / "r.sqlite"
    random.seed(0)
    for kill in range(KILLS):
        report = tmp_path / f"{kill}.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "edgecnn", "bench", *map(str, models), *QUICK,
             "--store", str(store), "--tag", f"kill {kill}", "--json", str(report)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # A number of finished models, and a moment after: the pace of the machine does not matter.
        wanted = random.randrange(5)
        while process.poll() is None and reported(report) < wanted:
            time.sleep(0.01)
        time.sleep(random.random())
        process.kill()
        process.wait()
        kept = [one.model for one in Store(store).listed(Filter(tag=f"kill {kill}"))]
        assert len(kept) == len(set(kept))
        assert {record["model"] for record in read(report)} <= set(kept)


def read(report: Path) -> list[dict[str, Any]]:
    return list(json.loads(report.read_text())) if report.exists() else []


def reported(report: Path) -> int:
    return len(read(report))

"""``edgecnn report`` as a user runs it: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgecnn.cli.main import run
from edgecnn.store.store import Store

from ..store.records import made_record  # noqa: TID252

JUDGED = {"data": "digits", "images": 400}


@pytest.fixture()
def here(tmp_path: Path) -> Path:
    """A folder with results, good and bad, and a store."""
    records = [
        made_record(model="large_float32.tflite", model_bytes=4000, top1_percent=90.0,
                    scheme="float32", top1_low_percent=86.7, top1_high_percent=92.6, **JUDGED),
        made_record(model="small_int8.tflite", model_bytes=1000, top1_percent=89.5,
                    latency_p50_ms=2.0, top1_low_percent=86.1, top1_high_percent=92.1, **JUDGED),
    ]  # fmt: skip
    values = [record.to_dict() for record in records]
    (tmp_path / "results.json").write_text(json.dumps(values))
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "none.json").write_text("[]")
    (tmp_path / "half.json").write_text(json.dumps(values)[:500])
    (tmp_path / "nan.json").write_text(json.dumps([{**values[0], "latency_p50_ms": "fast"}]))
    (tmp_path / "folder.html").mkdir()
    store = Store(tmp_path / "kept.sqlite")
    for record in records:
        store.add(record, ["v1"])
    return tmp_path


def test_results_of_a_file_of_a_tag_and_of_the_store(here: Path, run_edgecnn: Any) -> None:
    store = ("--store", "kept.sqlite")
    for arguments, name in (
        (("results.json",), "report.html"),
        (("v1", *store, "-o", "a.md"), "a.md"),
        ((*store, "-o", "a.csv"), "a.csv"),
    ):
        done = run_edgecnn("report", *arguments, cwd=here)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            f"{name}: 2 result(s)",
            "ship small_int8.tflite: 1000 B, 2.00 ms, top-1 89.5 % "
            "(desktop, 1 thread, 400 images of digits)",
            "The rule: of the files within 1 point of the best top-1 (90.0 %), the fastest; of "
            "those at most 5 % slower than that, the smallest. These results do not tell its time "
            "and top-1 from those of large_float32.tflite: none of them is smaller. Its top-1 lies "
            "between 86.1 and 92.1 % with 95 % confidence, as it was measured on 400 images: more "
            "of them tell close files apart.",
        ]
        assert "small" in (here / name).read_text()


def test_the_ending_or_the_option_says_the_form(here: Path, run_edgecnn: Any) -> None:
    for arguments, name in ((("-o", "a.csv"), "a.csv"), (("--format", "md"), "report.md")):
        assert run_edgecnn("report", "results.json", *arguments, cwd=here).returncode == 0
        assert "small" in (here / name).read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--store", "kept.sqlite", "--device", "pi"), "no such result to report on"),
        (("--store", "kept.sqlite", "nothing"), "'nothing' is no result's tag or model"),
        (("--store", "absent.sqlite"), "there is no database of results at"),
        (("--store", "kept.sqlite", "99"), "there is no result 99"),
        (("absent.json",), "there is no file 'absent.json'"),
        (("empty.json",), "'empty.json' is no JSON"),
        (("none.json",), "'none.json' is no array of records"),
        (("half.json",), "'half.json' is no JSON"),
        (("nan.json",), "'nan.json', record 1: latency_p50_ms is 'fast'"),
        (("results.json", "--threads", "8"), "no such result to report on"),
        (("results.json", "--tag", "v1"), "a tag is one itself"),
        (("results.json", "--since", "then"), "'then' is no time"),
        (("results.json", "--limit", "0"), "0 is not in the range"),
        (("results.json", "-o", "a.pdf"), "a report is one of .html, .md, .csv, .png, .svg"),
        (("results.json", "-o", "no/such/a.html"), "folder 'no/such' does not exist"),
        (("results.json", "-o", "folder.html"), "'folder.html' is a folder"),
        (("results.json", "-o", "results.json", "--format", "md"), "would destroy"),
        (("results.json", "-o", f"{'n' * 300}.html"), "File name too long"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: tuple[str, ...],
    says: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = sorted(here.iterdir())
    monkeypatch.chdir(here)
    assert run(["report", *arguments]) == 2
    printed = capfd.readouterr()
    (line,) = printed.err.splitlines()
    assert says in line and line.startswith("edgecnn: ")
    assert printed.out == ""
    assert sorted(here.iterdir()) == before


def test_without_results_it_says_how_to_get_some(tmp_path: Path, run_edgecnn: Any) -> None:
    environment = {"EDGECNN_STORE": "", "XDG_DATA_HOME": str(tmp_path / "none")}
    done = run_edgecnn("report", cwd=tmp_path, env=environment)
    (line,) = done.stderr.splitlines()
    assert "no results yet: measure with 'edgecnn bench MODEL... --data DATA' first" in line
    assert done.returncode == 2 and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(here: Path, run_edgecnn: Any) -> None:
    (here / "mine").mkdir(mode=0o500)
    done = run_edgecnn("report", "results.json", "-o", "mine/a.html", cwd=here)
    assert "no permission to write" in done.stderr and done.returncode == 2

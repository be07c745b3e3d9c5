"""``compare``, ``report`` and ``results list`` tell the same story of what may be compared."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgecnn.cli.main import run
from edgecnn.measure import bench
from edgecnn.records.record import Record

QUICK = ("--runs", "30", "--min-time", "0")
WAYS = {"free": (), "pinned": ("--cpus", "0"), "mlperf": ("--mlperf",)}
DIFFERENCES = {"pinned": "cpus: any and 0", "mlperf": "protocol: default and mlperf-single-stream"}
HEADINGS = {
    "free": "## desktop, 1 thread",
    "pinned": "## desktop, 1 thread on CPU 0",
    "mlperf": "## desktop, 1 thread, mlperf-single-stream",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Path:
    """A folder with a model that was measured in each way, and the store that has the results."""
    folder = tmp_path_factory.mktemp("ways")
    colour_model(folder / "m.tflite")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EDGECNN_STORE", "r.sqlite")
        # A minute is what the protocol asks for, and nothing that is looked at here needs it.
        patch.setattr(bench, "MLPERF_MIN_TIME_S", 0.1)
        for way, options in WAYS.items():
            command = ["bench", "m.tflite", *QUICK, *options, "--json", f"{way}.json"]
            assert run([*command, "--tag", way]) == 0
    return folder


def test_the_records_are_of_different_ways(here: Path) -> None:
    records = {way: json.loads((here / f"{way}.json").read_text())[0] for way in WAYS}
    assert {way: (one["cpus"], one["protocol"]) for way, one in records.items()} == {
        "free": (None, None),
        "pinned": ("0", None),
        "mlperf": (None, "mlperf-single-stream"),
    }
    assert Record.from_dict(records["mlperf"]).runs >= 1024


@pytest.mark.parametrize("way", DIFFERENCES)
@pytest.mark.parametrize("kept", [False, True])
def test_compare_refuses_and_names_the_condition(
    way: str, kept: bool, here: Path, run_edgecnn: Any
) -> None:
    sides = ("free", way) if kept else ("free.json", f"{way}.json")
    store = {"EDGECNN_STORE": "r.sqlite"}
    done = run_edgecnn("compare", *sides, cwd=here, env=store)
    (line,) = done.stderr.splitlines()
    assert f"cannot be compared, {DIFFERENCES[way]}: measure both alike" in line
    assert (done.returncode, done.stdout) == (2, "")
    forced = run_edgecnn("compare", *sides, "--force", cwd=here, env=store)
    assert forced.returncode == 0, forced.stderr
    assert f"note: not alike: {DIFFERENCES[way]}" in forced.stdout


@pytest.mark.parametrize("way", DIFFERENCES)
@pytest.mark.parametrize("kept", [False, True])
def test_report_shows_both_apart(
    way: str, kept: bool, here: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    sides = ("free", way) if kept else ("free.json", f"{way}.json")
    output = tmp_path / "r.md"
    store = {"EDGECNN_STORE": "r.sqlite"}
    done = run_edgecnn("report", *sides, "-o", output, cwd=here, env=store)
    assert done.returncode == 0, done.stderr
    assert "2 result(s)" in done.stdout and "left out" not in done.stdout
    text = output.read_text()
    headings = [line for line in text.splitlines() if line.startswith("## desktop")]
    assert sorted(headings) == sorted([HEADINGS["free"], HEADINGS[way]])
    # Each is the best of its own setting: nothing is said of one beside the other.
    parts = re.split(r"(?m)^## ", text)[1:3]
    assert all(part.count("| m.tflite \\*") == 1 for part in parts)


def test_the_whole_store_is_reported_and_its_csv_says_the_conditions(
    here: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    store = {"EDGECNN_STORE": "r.sqlite"}
    done = run_edgecnn("report", "-o", tmp_path / "r.csv", cwd=here, env=store)
    assert "3 result(s)" in done.stdout, done.stderr
    rows = list(csv.DictReader((tmp_path / "r.csv").open(encoding="utf-8")))
    assert {(row["cpus"], row["protocol"]) for row in rows} == {
        ("", ""), ("0", ""), ("", "mlperf-single-stream"),
    }  # fmt: skip


def test_a_model_stands_for_its_latest_result_in_each_way(here: Path, run_edgecnn: Any) -> None:
    store = {"EDGECNN_STORE": "r.sqlite"}
    done = run_edgecnn("compare", "m.tflite", "m.tflite", cwd=here, env=store)
    heads = [line for line in done.stdout.splitlines() if line.startswith("m.tflite")]
    assert sorted(head.partition(":")[0] for head in heads) == [
        "m.tflite, 1 thread",
        "m.tflite, 1 thread on CPU 0",
        "m.tflite, 1 thread, mlperf-single-stream",
    ]


def test_lists_and_tables_say_what_is_unusual(here: Path, run_edgecnn: Any) -> None:
    store = {"EDGECNN_STORE": "r.sqlite"}
    head, _, *rows = run_edgecnn("results", "list", cwd=here, env=store).stdout.splitlines()
    assert "cpus" in head and "protocol" in head
    assert [("mlperf-single-stream" in row) for row in rows] == [True, False, False]
    only_free = run_edgecnn("results", "list", "--tag", "free", cwd=here, env=store).stdout
    assert "cpus" not in only_free and "protocol" not in only_free
    pinned = run_edgecnn("bench", "m.tflite", *QUICK, "--cpus", "0", "--no-store", cwd=here)
    assert "cpus" in pinned.stdout.splitlines()[0]

"""``edgecnn bench`` as a user runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest

from edgecnn.cli.bench import bench_command
from edgecnn.records.record import Record

QUICK = ("--runs", "20", "--min-time", "0", "--warmup", "1")


def test_table_json_and_exit_code(
    tmp_path: Path, colour_model: Any, colour_photos: Path, run_edgecnn: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite", outputs=4, first_class=1)
    target, labels = tmp_path / "records.json", tmp_path / "labels.txt"
    labels.write_text("background\n0 Red\n1 Green\n2 Blue\n")
    options = ("--threads", "1,2", "--data", colour_photos, "--preprocess", "tf")
    done = run_edgecnn("bench", model, *options, "--labels", labels, *QUICK, "--json", target)
    assert done.returncode == 0, done.stderr
    head, _, *rows = done.stdout.splitlines()
    for title in ("model", "scheme", "threads", "size", "load", "first", "p50", "p90", "p99"):
        assert title in head
    assert [row.split()[:3] for row in rows[:2]] == [
        ["model.tflite", "float32", "1"],
        ["model.tflite", "float32", "2"],
    ]
    assert "88.9" in rows[0]
    assert "broken.png" in done.stdout
    records = [Record.from_dict(values) for values in json.loads(target.read_text())]
    assert [record.threads for record in records] == [1, 2]
    assert {(record.class_matching, record.label_offset) for record in records} == {("names", 1)}
    assert [len(record.latency_samples_ms) for record in records] == [20, 20]


def test_files_of_the_data_that_are_not_used_are_accounted_for(
    tmp_path: Path, colour_model: Any, colour_photos: Path, run_edgecnn: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    data = tmp_path / "photos"
    shutil.copytree(colour_photos, data)
    (data / "0_red" / "clip.mp4").write_bytes(bytes(20))
    (data / "3_none").mkdir()
    options = ("--data", data, "--preprocess", "raw")
    done = run_edgecnn("bench", model, *options, *QUICK)
    assert done.returncode == 0, done.stderr
    account = (
        "11 files: 10 images, 1 of unknown suffix (.mp4), "
        "1 folder without images, so no class (3_none): nothing but those images is used"
    )
    assert account in " ".join(done.stdout.split())
    (data / "train").mkdir()
    (data / "train" / "0_red").mkdir()
    shutil.copy(data / "0_red" / "0.png", data / "train" / "0_red")
    refused = run_edgecnn("bench", model, *options, *QUICK)
    assert refused.returncode == 2
    assert f"give one of them, {str(data / 'train')!r}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_columns_without_content_are_left_out(
    tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    done = run_edgecnn("bench", colour_model(tmp_path / "model.tflite"), *QUICK)
    head = done.stdout.splitlines()[0]
    assert "top-1" not in head
    assert "threads" not in head


def test_json_alone_on_standard_output(tmp_path: Path, colour_model: Any, run_edgecnn: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    done = run_edgecnn("bench", model, "--json", "-", "--runs", "2", "--min-time", "0")
    (record,) = json.loads(done.stdout)
    assert record["model"] == str(model)
    assert record["warnings"][0]["code"] == "few-runs"


@pytest.mark.parametrize(
    "name",
    [
        "with space.tflite",
        'it\'s "x".tflite',
        "new\nline.tflite",
        "[red]x[bold].tflite",
        "ü.tflite",
    ],
)
def test_any_file_name_is_shown_as_it_is(
    name: str, tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    model = colour_model(tmp_path / name)
    done = run_edgecnn("bench", model, *QUICK)
    assert done.returncode == 0, done.stderr
    assert name.replace("\n", "\\n") in done.stdout


def test_leading_dash(tmp_path: Path, colour_model: Any, run_edgecnn: Any) -> None:
    colour_model(tmp_path / "-x.tflite")
    done = run_edgecnn("bench", *QUICK, "--", "-x.tflite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2].startswith("-x.tflite")


def test_same_file_names_are_told_apart(
    tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        colour_model(tmp_path / folder / "model.tflite")
    done = run_edgecnn("bench", "a/model.tflite", "b/model.tflite", *QUICK, cwd=tmp_path)
    rows = done.stdout.splitlines()[2:4]
    assert [row.split()[0] for row in rows] == ["a/model.tflite", "b/model.tflite"]


BAD_INPUT = [
    (("missing.tflite",), "'missing.tflite' does not exist"),
    (("text.tflite",), "'text.tflite' is not a .tflite file"),
    (("empty.tflite",), "'empty.tflite' is empty"),
    (("good.tflite", "--threads", "a,b"), "'a,b' is not a list of counts"),
    (("good.tflite", "--device", "toaster"), "unknown device 'toaster'"),
    (("good.tflite", "--data", "nowhere"), "nowhere"),
    (("good.tflite", "--data", "photos"), "--preprocess"),
    (
        ("good.tflite", "--data", "two", "--preprocess", "raw"),
        "'good.tflite' has 3 outputs, whose names are not known, and the data 1 class",
    ),
    (("good.tflite", "--json", "no/such/r.json"), "folder 'no/such' does not exist"),
    (("good.tflite", "--json", "."), "'.' is a folder"),
    (("good.tflite", "--quantize", "int3"), "unknown quantisation scheme 'int3'"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_INPUT)
def test_bad_input_is_one_line_and_exit_2(
    arguments: tuple[str, ...],
    says: str,
    tmp_path: Path,
    colour_model: Any,
    colour_photos: Path,
    run_edgecnn: Any,
) -> None:
    colour_model(tmp_path / "good.tflite")
    (tmp_path / "text.tflite").write_text("this is no model at all")
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "photos").symlink_to(colour_photos)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "only").symlink_to(colour_photos / "0_red")
    done = run_edgecnn("bench", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_an_unknown_name_is_answered_with_the_nearest(run_edgecnn: Any) -> None:
    done = run_edgecnn("bench", "mobilenet_v7")
    assert done.returncode == 2
    assert "mobilenet_v2" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_finished_models_are_kept_when_another_fails(
    shared_data: Path, tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    good = colour_model(tmp_path / "good.tflite")
    bad = shared_data / "peers" / "invalid" / "model_invoking_error.tflite"
    done = run_edgecnn("bench", bad, good, *QUICK, "--json", tmp_path / "r.json")
    assert done.returncode == 2
    assert "good.tflite" in done.stdout
    assert "model_invoking_error.tflite" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(json.loads((tmp_path / "r.json").read_text())) == 1


def test_interruption_keeps_what_is_measured(tmp_path: Path, shared_data: Path) -> None:
    model = shared_data / "peers" / "mobilenet_v2_1.0_224_quant.tflite"
    target = tmp_path / "r.json"
    command = [sys.executable, "-m", "edgecnn", "bench", str(model), str(model)]
    # The first of the records is the sign to interrupt; those after the fourth take some seconds.
    process = subprocess.Popen(
        [*command, "--threads", "1,2,3,4", "--runs", "3", "--min-time", "1", "--json", str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not target.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "mobilenet_v2_1.0_224_quant.tflite" in output
    assert "Traceback" not in errors
    assert 1 <= len(json.loads(target.read_text())) <= 4


def test_full_disk_is_one_line_and_leaves_no_part(tmp_path: Path, colour_model: Any) -> None:
    colour_model(tmp_path / "model.tflite")
    command = f"ulimit -f 1; exec {shlex.quote(sys.executable)} -m edgecnn bench model.tflite"
    done = subprocess.run(
        ["sh", "-c", f"{command} --no-store --runs 500 --min-time 0 --json r.json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "cannot write 'r.json'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "model.tflite" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_fits_its_terminal(width: int, tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    lines = terminal_lines(["bench", str(model), *QUICK], width)
    head = next(line for line in lines if "p50" in line)
    assert ("mean" in head) == (width == 200)
    assert all(len(line) <= width for line in lines if "note" not in line)


def terminal_lines(arguments: list[str], width: int) -> list[str]:
    """Run the command on a terminal of its own and return what it shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "edgecnn", *arguments],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    os.close(theirs)
    content = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # How Linux says that the other end is closed.
            break
        if not block:
            break
        content += block
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", content.decode()).splitlines()


def test_help_has_a_sentence_an_example_and_every_option(run_edgecnn: Any) -> None:
    done = run_edgecnn("bench", "--help")
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "edgecnn bench model.tflite --threads 1,2" in lines
    assert all(option.help for option in bench_command.params if isinstance(option, click.Option))

"""Markdown, CSV and pictures: what is in them, and that names stay names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.records.record import Record

from .conftest import MakeResult

Write = Callable[[Path, list[Record]], Path]


@pytest.fixture()
def results(tmp_path: Path, make_result: MakeResult, write_results: Write) -> str:
    records = [
        make_result("net_float32.tflite", 4_000_000, 2.0, 90.0, scheme="float32"),
        make_result("net_int8.tflite", 1_000_000, 1.0, 89.5, scheme="int8"),
        make_result("a|b<i>_x_\n`.tflite", 900_000, 3.0, 50.0, scheme="int8"),
        make_result("=HYPERLINK(1).tflite", 900_000, 3.0, None, scheme="int8"),
    ]
    return str(write_results(tmp_path / "results.json", records))


def test_markdown_has_the_answer_and_a_row_a_file(results: str, tmp_path: Path) -> None:
    edgecnn.report(results, output=tmp_path / "report.md", title="<b>My|models</b>")
    text = (tmp_path / "report.md").read_text()
    assert text.splitlines()[0] == r"# &lt;b&gt;My\|models&lt;/b&gt;"
    assert r"Ship **net\_int8.tflite**: 976.6 KiB, 1.00 ms, top-1 89.5 %." in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "KiB" in line]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [
        len(rows[0].split(" | ")) + 1
    ] * 3
    assert "<i>" not in text and "\n`" not in text


def test_csv_has_every_figure_and_no_formula(results: str, tmp_path: Path) -> None:
    edgecnn.report(results, output=tmp_path / "report.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text())))
    assert [row["file"] for row in rows] == [
        "net_float32.tflite", "net_int8.tflite", r"a|b<i>_x_\n`.tflite", "'=HYPERLINK(1).tflite",
    ]  # fmt: skip
    assert (rows[1]["model_bytes"], rows[1]["latency_p50_ms"]) == ("1000000", "1.0")
    assert rows[3]["top1_percent"] == ""


def test_pictures_are_what_their_names_say(results: str, tmp_path: Path) -> None:
    for name in ("report.png", "report.svg"):
        edgecnn.report(results, output=tmp_path / name)
    with Image.open(tmp_path / "report.png") as image:
        assert image.format == "PNG" and image.width > 1000
    drawn = (tmp_path / "report.svg").read_text()
    assert drawn.startswith("<svg")
    assert "Ship net_int8.tflite: 976.6 KiB, 1.00 ms, top-1 89.5 %" in drawn
    assert ">net_int8<" in drawn


def test_a_picture_says_what_is_missing(
    tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    path = write_results(tmp_path / "r.json", [make_result("a.tflite", emulated=True)])
    edgecnn.report(str(path), output=tmp_path / "report.svg")
    drawn = (tmp_path / "report.svg").read_text()
    assert "This CPU is emulated" in drawn and "No accuracy was measured: " in drawn


def test_emulated_times_are_in_no_form(
    tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    record = make_result("a.tflite", 1000, 123.456, 50.0, emulated=True, load_ms=123.456)
    path = write_results(tmp_path / "r.json", [record])
    for form in ("html", "md", "csv", "svg"):
        edgecnn.report(str(path), output=tmp_path / f"report.{form}")
        assert "123." not in (tmp_path / f"report.{form}").read_text(), form


def test_a_form_may_be_said_and_a_wrong_ending_is_refused(results: str, tmp_path: Path) -> None:
    edgecnn.report(results, output=tmp_path / "report.txt", format="md")
    assert (tmp_path / "report.txt").read_text().startswith("# ")
    with pytest.raises(InputError, match=r"one of \.html, \.md, \.csv, \.png, \.svg, not"):
        edgecnn.report(results, output=tmp_path / "report.pdf")
    with pytest.raises(InputError, match="would destroy"):
        edgecnn.report(results, output=results, format="md")


def test_verdicts_and_intervals_are_told_where_there_are_some(
    tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    told: dict[str, Any] = {
        "verdict": "noisy", "verdict_evidence": "it was loud", "verdict_advice": "wait",
        "latency_p50_low_ms": 0.9, "latency_p50_high_ms": 1.2,
        "top1_low_percent": 86.5, "top1_high_percent": 92.5,
    }  # fmt: skip
    records = [make_result("a.tflite", 1000, 1.0, 90.0, **told), make_result("b.tflite", top1=50.0)]
    path = write_results(tmp_path / "r.json", records)
    edgecnn.report(str(path), output=tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "| 1.00 | 0.90-1.20 | noisy |" in text and "| 90.0 | 86.5-92.5 |" in text
    assert "Its time is noisy: it was loud: wait." in text
    assert "Its top-1 lies between 86.5 and 92.5 % with 95 % confidence" in text
    assert "- times are noisy (a.tflite)" in text


def test_figures_that_are_none_count_as_not_measured(
    tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    records = [
        make_result("good.tflite", 1000, 2.0, 80.0),
        make_result("zero.tflite", 900, 0.0, 99.0, latency_samples_ms=[0.0]),
        make_result("none.tflite", 900, 1.0, 99.0, latency_samples_ms=[1.0], images=None),
        make_result("a.tflite", 900, 1.0, 50.0, model="\udcff.tflite", device="", scheme=""),
    ]
    path = write_results(tmp_path / "r.json", records)
    for form in ("md", "csv", "svg"):
        edgecnn.report(str(path), output=tmp_path / f"report.{form}", threads=1)
    assert "Ship **good.tflite**" in (tmp_path / "report.md").read_text()
    assert r"| \\udcff.tflite" in (tmp_path / "report.md").read_text()

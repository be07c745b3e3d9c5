"""``edgecnn bench --against``, ``--details`` and ``--accuracy-json`` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgecnn.inspection.metadata_editing import set_metadata
from edgecnn.model_metadata.user_metadata import About

QUICK = ("--runs", "2", "--min-time", "0", "--no-store")
RED, GREEN, BLUE = (220, 40, 30), (30, 200, 60), (20, 30, 240)
HOSTILE = "[red]r\x1b[31m\n[b]"
LABELS = (HOSTILE.replace("\n", ""), "green", "z")
"""What the outputs are called: as the folders are, but a label has one line."""


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, colour_model: Any, run_edgecnn: Any
) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """What is printed, and the two JSON files, of two models on six images with odd names."""
    folder = tmp_path_factory.mktemp("accuracy")
    photos = folder / "photos"
    shown = {HOSTILE: [RED, GREEN], "green": [GREEN, GREEN], "z": [BLUE, RED]}
    for name, colours in shown.items():
        (photos / name).mkdir(parents=True)
        for number, colour in enumerate(colours):
            Image.new("RGB", (8, 8), colour).save(photos / name / f"{number}\x1b[1m.png")
    (photos / "z" / "broken.png").write_bytes(b"no image")
    model = colour_model(folder / "model.tflite", outputs=4, first_class=1)
    other = colour_model(folder / "other.tflite", dtype="uint8")
    for path, labels in ((model, ["background", *LABELS]), (other, LABELS)):
        set_metadata(path, about=About.of(labels))
    done = run_edgecnn(
        *("bench", model, other, "--data", "photos", "--preprocess", "raw", "--against", other),
        *("--details", "--accuracy-json", "accuracy.json", "--json", "records.json", *QUICK),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    documents, [record, _] = (
        json.loads((folder / name).read_text()) for name in ("accuracy.json", "records.json")
    )
    return done.stdout, documents, record


def test_a_record_has_the_figures(measured: Any) -> None:
    _, _, record = measured
    # Of six images two show another colour than their folder says, and both models see that.
    assert record["top1_percent"] == pytest.approx(100 * 4 / 6)
    assert record["top1_low_percent"] < record["top1_percent"] < record["top1_high_percent"]
    assert record["against"].endswith("other.tflite")
    assert (record["agreement_percent"], record["mcnemar_p"]) == (100, 1)
    assert (record["images_only_right"], record["images_only_against_right"]) == (0, 0)
    # Means of channels are no probabilities.
    assert record["calibration_error_percent"] is None


def test_the_json_file_has_all(measured: Any) -> None:
    _, [document, other], record = measured
    assert {name: document[name] for name in ("model", "top1_percent")} == {
        name: record[name] for name in ("model", "top1_percent")
    }
    # The background class comes first by the labels, so each class is one output further.
    assert document["confusion"] == {
        "label": [1, 1, 2, 3, 3],
        "answer": [1, 2, 2, 1, 3],
        "images": [1, 1, 2, 1, 1],
    }
    assert document["labels"] == ["background", *LABELS]
    assert (document["label_offset"], document["class_matching"]) == (1, "names")
    classes = document["classes"]
    assert classes["output"] == [1, 2, 3]
    assert classes["recall_percent"] == [50, 100, 50]
    assert classes["precision_percent"] == [50, pytest.approx(200 / 3), 100]
    answers = document["answers"]
    assert answers["label"] == [1, 1, 2, 2, 3, 3]
    assert answers["answer"] == answers["against_answer"] == [1, 2, 2, 2, 3, 1]
    assert answers["score"] == [220, 200, 200, 200, 240, 220]
    assert answers["label_score"] == [220, 30, 200, 200, 240, 30]
    assert [Path(name).parent.name for name in answers["image"][:2]] == [HOSTILE] * 2
    [unreadable] = document["unreadable"]
    assert "broken.png" in unreadable
    # The file that is compared with is not compared with itself.
    assert "against" not in other
    assert other["label_offset"] == 0


def test_details_are_shown_whatever_names_hold(measured: Any) -> None:
    printed, _, _ = measured
    assert "\x1b" not in printed
    assert r"[red]r\x1b[31m[b]" in printed
    assert "classes matched by names: " in printed
    assert "top-1 66.7 % (30.0 to 90.3)" in printed
    assert "the same answer as other.tflite on 100.0 %" in printed
    rows = [line.split() for line in printed.splitlines()]
    assert ["2", "green", ".", "2", "."] in rows
    assert ["3", "z", "1", ".", "1"] in rows
    worst = next(line for line in printed.splitlines() if line.startswith(r"z/1\x1b[1m.png "))
    assert worst.split()[-2:] == ["220", "30"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--details",), "--details goes with --data"),
        (("--accuracy-json", "a.json"), "--accuracy-json goes with --data"),
        (("--against", "model.tflite"), "--against goes with --data"),
        (("--labels", "labels.txt"), "--labels goes with --data"),
        (("--data", "digits", "--labels", "absent.txt"), "no such file: 'absent.txt'"),
        (("--data", "digits", "--labels", "labels.txt"), "2 labels, and the model 3 classes"),
        (("--data", "digits", "--details", "--json", "-"), "both print"),
        (("--data", "digits", "--accuracy-json", "no/a.json"), "does not exist"),
        (
            ("--data", "digits", "--accuracy-json", "model.tflite"),
            "would destroy 'model.tflite', which is read",
        ),
        (("--data", "digits", "--accuracy-json", "a", "--json", "./a"), "the same file"),
        (("--data", "digits", "--against", "absent.tflite"), "no such file: 'absent.tflite'"),
        (("--data", "digits", "--against", "text.tflite"), "text.tflite"),
        (
            ("--data", "digits", "--against", "model.tflite"),
            "indices 0 to 9, and 'model.tflite' has 3",
        ),
    ],
)
def test_what_cannot_be_is_one_line(
    options: tuple[str, ...],
    says: str,
    tmp_path: Path,
    colour_model: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from edgecnn.cli.main import run

    monkeypatch.chdir(tmp_path)
    colour_model(tmp_path / "model.tflite", dtype="uint8")
    (tmp_path / "text.tflite").write_text("no model")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    before = sorted(tmp_path.iterdir())
    assert run(["bench", "model.tflite", *options, *QUICK]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("edgecnn: ")
    assert says in line
    assert sorted(tmp_path.iterdir()) == before

"""``edgecnn.bench`` from outside: records, failures, and what is refused before measuring."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError
from edgecnn.measure.sample_statistics import latency_figures
from edgecnn.records.record import Record

QUICK: dict[str, Any] = {"runs": 20, "min_time_s": 0, "warmup": 1}


def test_a_record_says_what_was_measured(
    tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    model = colour_model(
        tmp_path / "model.tflite", metadata={"weights": "random", "source": "red.keras"}
    )
    (record,) = edgecnn.bench(model, data=colour_photos, preprocess="raw", **QUICK)
    content = model.read_bytes()
    assert (record.model, record.model_bytes) == (str(model), len(content))
    assert record.model_sha256 == hashlib.sha256(content).hexdigest()
    assert record.source == "red.keras"
    assert (record.scheme, record.input_shape, record.input_dtype) == (
        "float32",
        (1, 4, 4, 3),
        "float32",
    )
    assert (record.device, record.threads, record.warmup, record.runs) == ("desktop", 1, 1, 20)
    figures = latency_figures(record.latency_samples_ms)
    assert {name: getattr(record, name) for name in figures} == figures
    assert record.latency_min_ms == min(record.latency_samples_ms)
    assert record.peak_rss_bytes is None or record.peak_rss_bytes > 0
    assert (record.images, record.images_unreadable, record.label_offset) == (9, 1, 0)
    assert record.top1_percent == pytest.approx(100 * 8 / 9)
    codes = {warning.code for warning in record.warnings}
    assert {"random-weights", "unreadable-images"} <= codes
    assert "few-runs" not in codes


def test_a_folder_with_the_name_of_built_in_data_is_taken_and_said(
    tmp_path: Path, colour_model: Any, colour_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    (tmp_path / "digits").symlink_to(colour_photos)
    monkeypatch.chdir(tmp_path)
    (record,) = edgecnn.bench(model, data="digits", preprocess="raw", runs=1, min_time_s=0)
    assert record.images == 9
    (warning,) = (w for w in record.warnings if w.code == "folder-named-as-built-in")
    assert "builtin:digits" in warning.advice


def test_models_then_threads_in_order_and_told_one_by_one(
    tmp_path: Path, colour_model: Any
) -> None:
    models = [colour_model(tmp_path / name) for name in ("a.tflite", "b.tflite")]
    told: list[Record] = []
    records = edgecnn.bench(models, threads=(1, 1000), runs=2, min_time_s=0, on_record=told.append)
    assert told == records
    assert [(Path(r.model).name, r.threads) for r in records] == [
        ("a.tflite", 1),
        ("a.tflite", 1000),
        ("b.tflite", 1),
        ("b.tflite", 1000),
    ]
    assert {w.code for w in records[1].warnings} >= {"few-runs", "threads-exceed-cores"}


def test_one_bad_model_does_not_stop_the_others(
    shared_data: Path, tmp_path: Path, colour_model: Any
) -> None:
    bad = shared_data / "peers" / "invalid" / "model_invoking_error.tflite"
    good = colour_model(tmp_path / "good.tflite")
    failures: list[EdgecnnError] = []
    records = edgecnn.bench([bad, good], on_failure=failures.append, **QUICK)
    assert [Path(record.model).name for record in records] == ["good.tflite"]
    assert "model_invoking_error.tflite" in str(failures[0])
    with pytest.raises(EdgecnnError):
        edgecnn.bench([bad, good], **QUICK)


def test_a_crash_kills_the_runner_alone(
    tmp_path: Path, colour_model: Any, new_children: Callable[[], list[int]]
) -> None:
    models = [colour_model(tmp_path / name) for name in ("a.tflite", "b.tflite")]
    failures: list[EdgecnnError] = []

    def crash_the_first(phase: str, done: int, total: int) -> None:
        if "a.tflite" in phase and not failures and total == 0:
            for pid in new_children():
                os.kill(pid, signal.SIGSEGV)

    records = edgecnn.bench(
        models, on_progress=crash_the_first, on_failure=failures.append, **QUICK
    )
    assert [Path(record.model).name for record in records] == ["b.tflite"]
    assert isinstance(failures[0], ChildCrashedError)
    assert "crashed (SIGSEGV): the file is probably truncated or corrupt" in str(failures[0])
    assert "a.tflite" in str(failures[0])


def test_an_interruption_ends_the_runner(
    tmp_path: Path, colour_model: Any, new_children: Callable[[], list[int]]
) -> None:
    model = colour_model(tmp_path / "model.tflite")

    def interrupt(phase: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edgecnn.bench(model, on_progress=interrupt, **QUICK)
    assert not new_children()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"runs": 0}, "^runs must"),
        ({"min_time_s": float("nan")}, "^min_time_s must"),
        ({"min_time_s": -1}, "^min_time_s must"),
        ({"warmup": -1}, "^warmup must"),
        ({"threads": ()}, r"threads=\(1, 2\)"),
        ({"threads": (1, 0)}, "^threads must"),
        ({"device": "toaster"}, "unknown device"),
        ({"preprocess": "magic"}, "unknown preprocessing"),
        ({"mean": (1.0,)}, "^mean and std"),
        ({"data": "no-such-folder"}, "no-such-folder"),
        ({"alpha": 0.5}, "^alpha goes with the name"),
        ({"quantize": "int8"}, "^quantize goes with the name"),
        ({"quantize": "int3"}, "int3"),
    ],
)
def test_bad_options_are_refused_before_measuring(
    options: dict[str, Any], says: str, tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    with pytest.raises(InputError, match=says):
        edgecnn.bench(model, on_progress=pytest.fail, **options)


def test_a_bad_file_is_refused_before_the_good_one_is_measured(
    tmp_path: Path, colour_model: Any
) -> None:
    good = colour_model(tmp_path / "good.tflite")
    (tmp_path / "text.tflite").write_text("this is no model at all")
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "net.keras").write_bytes(b"PK\x03\x04" + bytes(20))
    for name, says in {
        "text.tflite": "not a .tflite file",
        "empty.tflite": "is empty",
        "missing.tflite": "does not exist",
        "folder.tflite": "is a folder",
        "net.keras": "edgecnn convert",
    }.items():
        with pytest.raises(InputError, match=says):
            edgecnn.bench([good, tmp_path / name], on_progress=pytest.fail, on_failure=pytest.fail)
    with pytest.raises(InputError, match="no model"):
        edgecnn.bench([])


def test_a_truncated_file_is_an_error_of_its_own(shared_data: Path, tmp_path: Path) -> None:
    content = (shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite").read_bytes()
    for share in (0.05, 0.5, 0.99):
        path = tmp_path / "cut.tflite"
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(EdgecnnError, match="truncated or corrupt"):
            edgecnn.bench(path, **QUICK)

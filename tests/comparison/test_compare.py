"""What is compared with what, what is refused, and what stops a release."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from edgecnn.comparison.changes import METRICS, Change
from edgecnn.comparison.compare import compare
from edgecnn.comparison.documents import as_junit, as_markdown
from edgecnn.comparison.gates import Gate
from edgecnn.comparison.pairing import paired
from edgecnn.core.errors import InputError
from edgecnn.records.interval import Interval
from edgecnn.records.record import MeasurementWarning
from edgecnn.store.store import Store

DATA = {"data": "photos", "images": 1000}


def verdicts(one: Any, other: Any) -> dict[str, str]:
    (pair,) = paired([one], [other], force=False)
    from edgecnn.comparison.changes import changes_of

    return {change.metric: change.verdict for change in changes_of(pair)}


def test_verdicts(make_run: Any) -> None:
    base = make_run(3.0, seed=1, top1_percent=80.0, **DATA)
    slower = make_run(
        3.6, seed=2, model_bytes=900, top1_percent=70.0, model_sha256="c" * 64, **DATA
    )
    found = verdicts(base, slower)
    assert found["latency_p50_ms"] == found["latency_mean_ms"] == "slower"
    assert found["model_bytes"] == "smaller"
    assert found["top1_percent"] == "worse"
    assert found["latency_p99_ms"] == "cannot tell"
    again = verdicts(base, make_run(3.0, seed=3, top1_percent=80.0, **DATA))
    assert again["latency_p50_ms"] == "no difference seen"
    assert again["model_bytes"] == again["top1_percent"] == "the same"


def test_a_comparison_says_which_side_was_calibrated_on_its_images(make_run: Any) -> None:
    says = "37 of 1000 images are among those that the file was calibrated on (37)"
    warning = MeasurementWarning("calibration-images", says, "measure on others")
    base = make_run(3.0, seed=1, top1_percent=80.0, **DATA)
    new = make_run(3.0, seed=2, top1_percent=82.0, warnings=(warning,), **DATA)
    (pair,) = paired([base], [new, new], force=False)
    assert pair.notes == [f"new: {says}"]
    assert paired([base], [base], force=False)[0].notes == []


def test_models_that_saw_the_same_images_are_compared_image_by_image(make_run: Any) -> None:
    """Of 1,000 images 30 changed, 28 of them for the worse: too few to see in two top-1 alone."""
    base = make_run(3.0, top1_percent=80.0, model_sha256="a" * 64, **DATA)
    changed = {"top1_percent": 77.4, "model_sha256": "b" * 64, **DATA}
    known = {"against_sha256": "a" * 64, "images_only_right": 2, "images_only_against_right": 28}
    alone = make_run(3.0, **changed)
    against = make_run(3.0, **changed, **known, against_top1_percent=80.0)
    assert verdicts(base, alone)["top1_percent"] == "no difference seen"
    assert verdicts(base, against)["top1_percent"] == "worse"
    assert verdicts(against, base)["top1_percent"] == "better"
    # It answered otherwise there, on another runtime perhaps.
    other = make_run(3.0, **changed, **known, against_top1_percent=80.1)
    assert verdicts(base, other)["top1_percent"] == "no difference seen"


def test_a_run_on_a_busy_machine_is_not_a_slower_model(make_run: Any) -> None:
    quiet = make_run(3.0, seed=1)
    noisy = {"verdict": "noisy", "latency_p50_low_ms": 2.5}
    assert verdicts(quiet, make_run(3.9, seed=2))["latency_p50_ms"] == "slower"
    busy = make_run(3.9, seed=2, **noisy)
    assert verdicts(quiet, busy)["latency_p50_ms"] == "no difference seen"
    assert verdicts(busy, quiet)["latency_p50_ms"] == "no difference seen"
    # It was slowed down, and was faster all the same.
    assert verdicts(make_run(4.5, seed=3), busy)["latency_p50_ms"] == "faster"


def test_a_throttled_run_is_not_a_slower_model_unless_both_took_turns(make_run: Any) -> None:
    hot = {"verdict": "throttled", "verdict_evidence": "it was hot", "verdict_advice": "a fan"}
    quiet, throttled = make_run(3.0, seed=1), make_run(6.0, seed=2, **hot)
    assert verdicts(quiet, throttled)["latency_p50_ms"] == "cannot tell"
    (pair,) = paired([quiet], [throttled], force=False)
    assert pair.notes == ["the time of new is throttled: it was hot: a fan"]
    turns = {"turn_group": "a" * 32, "turn_runs": (10,) * 30, "in_turn": 2}
    together = make_run(3.0, seed=1, **turns, **hot), make_run(6.0, seed=2, **turns, **hot)
    assert verdicts(*together)["latency_p50_ms"] == "slower"


def test_unsteady_times_are_told_in_every_form(
    make_run: Any, tmp_path: Path, run_edgecnn: Any
) -> None:
    noisy = {"verdict": "noisy", "verdict_evidence": "it was loud", "verdict_advice": "wait"}
    paths = [tmp_path / "base.json", tmp_path / "new.json"]
    for path, record in zip(paths, (make_run(3.0), make_run(3.0, **noisy)), strict=True):
        path.write_text(json.dumps([record.to_dict()]))
    told = "the time of new is noisy: it was loud: wait"
    assert told in as_markdown(compare(*map(str, paths)))
    done = run_edgecnn("compare", *paths)
    assert f"note: {told}" in done.stdout


def test_emulated_times_are_not_compared(make_run: Any) -> None:
    found = verdicts(make_run(3.0, emulated=True), make_run(9.0, emulated=True))
    assert found["latency_p50_ms"] == "cannot tell"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"device": "pi"}, "device: desktop and pi"),
        ({"runtime_version": "2.4.0"}, "runtime_version: 2.3.0 and 2.4.0"),
        ({"cpus": "0,1"}, "cpus: any and 0,1"),
        ({"protocol": "mlperf-single-stream"}, "protocol: default and mlperf-single-stream"),
        ({"emulated": True}, "emulated: no and yes"),
        ({"threads": 2}, "threads: 1 and 2"),
        ({"data": "other"}, "data: photos and other"),
        ({"images": 10}, "images: 1000 and 10"),
    ],
)
def test_unlike_conditions_are_refused(change: dict[str, Any], says: str, make_run: Any) -> None:
    one = make_run(3.0, **DATA)
    other = make_run(3.0, **{**DATA, **change})
    with pytest.raises(InputError, match=says):
        paired([one], [other], force=False)
    (pair,) = paired([one], [other], force=True)
    assert says in pair.differences


def test_models_are_paired_by_name_and_threads_and_repeats_are_pooled(make_run: Any) -> None:
    base = [make_run(3.0, model=f"{m}.tflite", threads=t) for m in "ab" for t in (1, 2)]
    new = [make_run(3.0, model=f"x/{m}.tflite", threads=1) for m in "bac"]
    pairs = paired(base, [*new, new[0]], force=False)
    assert [pair.name for pair in pairs] == ["a.tflite, 1 thread", "b.tflite, 1 thread"]
    assert [len(pair.new) for pair in pairs] == [1, 2]


def test_two_files_of_one_name_are_not_pooled(make_run: Any) -> None:
    with pytest.raises(InputError, match="different files have the name"):
        paired([make_run(3.0)], [make_run(3.0), make_run(3.0, model_sha256="c" * 64)], force=False)


def change(low: float, high: float, metric: str = "latency_p50_ms", base: float = 2.0) -> Change:
    middle = (low + high) / 2
    new = base + middle if METRICS[metric].change_unit else base * (1 + middle)
    return Change(metric, base, new, Interval(middle, low, high))


@pytest.mark.parametrize(
    ("gate", "given", "outcome"),
    [
        ("latency_p50_ms > +5%", change(0.06, 0.10), "failed"),
        ("latency_p50_ms > +5%", change(0.01, 0.05), "passed"),
        ("latency_p50_ms > +5%", change(0.01, 0.06), "undecided"),
        ("latency_p50_ms>+0.1", change(0.06, 0.10), "failed"),  # 0.1 of 2 ms is 5 %
        ("latency_p50_ms < -5%", change(-0.10, -0.06), "failed"),
        ("top1 < -0.5", change(-3, -0.6, "top1_percent", 80), "failed"),
        ("top1 < -0.5", change(-0.4, 1, "top1_percent", 80), "passed"),
        ("top1 < -0.5", change(-0.6, 1, "top1_percent", 80), "undecided"),
        ("model_bytes > +0", change(0, 0, "model_bytes"), "passed"),
        ("top5 < -1", None, "undecided"),
    ],
)
def test_gates(gate: str, given: Change | None, outcome: str) -> None:
    assert Gate.parse(gate).outcome(given)[0] == outcome


@pytest.mark.parametrize(
    "text",
    ["", "latency", "p50 > +5%", "latency_p50_ms > 5%", "latency_p50_ms >= +5%", "top1 < -1%",
     "latency_p50_ms > +5% or top1 < -1", "latency_p50_ms > +1e9", "latency_p50_ms > +٣%"],
)  # fmt: skip
def test_malformed_gates_are_answered_with_the_grammar(text: str) -> None:
    with pytest.raises(InputError, match=r"METRIC > \+NUMBER"):
        Gate.parse(text)


@pytest.fixture()
def store(tmp_path: Path, make_run: Any) -> Path:
    where = tmp_path / "r.sqlite"
    made = Store(where)
    made.add(make_run(3.0, seed=1, model="a.tflite"), ["v1"])
    made.add(make_run(3.0, seed=2, model="a.tflite"), ["v1"])
    made.add(make_run(4.0, seed=3, model="b.tflite", model_sha256="c" * 64), ["v2"])
    return where


@pytest.mark.parametrize(
    ("base", "new", "counts"),
    [("v1", "v2", (2, 1)), ("1", "3", (1, 1)), ("a.tflite", "b.tflite", (1, 1))],
)
def test_references(base: str, new: str, counts: tuple[int, int], store: Path) -> None:
    found = compare(base, new, store=store)
    assert (len(found.pairs[0].pair.base), len(found.pairs[0].pair.new)) == counts
    (p50,) = (c for c in found.pairs[0].changes if c.metric == "latency_p50_ms")
    assert p50.verdict == "slower"


def test_files_of_records_need_no_store(tmp_path: Path, make_run: Any) -> None:
    for name, latency in (("base", 3.0), ("new", 4.0)):
        values = make_run(latency, seed=len(name)).to_dict()
        del values["governor"]  # as an older version might have written it
        (tmp_path / f"{name}.json").write_text(json.dumps([values]))
    paths = [str(tmp_path / f"{name}.json") for name in ("base", "new")]
    assert compare(*paths, fail_if=["latency_p50_ms > +5%"]).exit_code == 1
    assert compare(*paths, fail_if=["latency_p50_ms > +90%"]).exit_code == 0
    assert compare(*paths, fail_if=["top1 < -1"]).exit_code == 2


def test_documents_escape_names(tmp_path: Path, make_run: Any) -> None:
    name = 'a|b<script>"&\x07.tflite'
    for side in ("base", "new"):
        values = make_run(3.0, model=name).to_dict()
        (tmp_path / f"{side}.json").write_text(json.dumps([values]))
    paths = [str(tmp_path / f"{side}.json") for side in ("base", "new")]
    found = compare(*paths, fail_if=["latency_p50_ms > +50%", "top1 < -1"])
    assert "<script>" not in as_markdown(found)
    assert r"a\|b&lt;script&gt;" in as_markdown(found)
    (suite,) = ElementTree.fromstring(as_junit(found))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "1")
    assert suite.get("name") == r'a|b<script>"&\x07.tflite, 1 thread'
    assert [case.get("name") for case in suite] == ["latency_p50_ms > +50%", "top1 < -1"]

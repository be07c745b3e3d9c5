"""Many images and several runners: the same answers, one error, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.core.errors import ChildCrashedError
from edgecnn.data.geometry import MEDIAPIPE_TASKS
from edgecnn.data.images import decode, fit
from edgecnn.data.inputspec import preset
from edgecnn.devices.device_lookup import get_device
from edgecnn.measure import parallel_classification
from edgecnn.measure.accuracy import AccuracyTask
from edgecnn.measure.labelled_task import ReferenceRun
from edgecnn.measure.parallel_classification import RunnerSource
from edgecnn.measure.reference import ReferenceModel
from edgecnn.measure.tasks import JudgingOptions
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.reading import read_model
from tests.children import is_alive

IMAGES = 160
QUANTISED = "mobilenet_v1_0.25_224_quant_metadata.tflite"
COLUMNS = ("indices", "label_outputs", "top", "scores", "label_scores", "finite")

Classify = Callable[..., Answers]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start as many runners as there may be, however little they save."""
    monkeypatch.setattr(parallel_classification, "WORTH_S", -1.0)
    monkeypatch.setattr(parallel_classification, "WAITS_FOR_IMAGES", 2.0)


@pytest.fixture
def started() -> list[RunnerSession]:
    """The runners beside the first, as they are started."""
    return []


@pytest.fixture
def classify(shared_data: Path, started: list[RunnerSession]) -> Classify:
    model = shared_data / "peers" / QUANTISED
    data = open_labelled(shared_data / "imagenet_sample")
    task = AccuracyTask(read_model(model), data, images=IMAGES)

    def start() -> RunnerSession:
        started.append(get_device("desktop").start("running a model"))
        return started[-1]

    def classify(
        most: int, on_images: Callable[[int, int], None] = lambda done, total: None
    ) -> Answers:
        with get_device("desktop").start("running a model") as session:
            session.load(model, threads=1)
            runners = RunnerSource(start, str(model), 1, most)
            return task.run(session, on_images, runners).answers

    return classify


def pid_of(session: RunnerSession) -> int:
    pid = session._talk._channel.pid  # type: ignore[attr-defined]
    assert isinstance(pid, int)
    return pid


def test_any_number_of_runners_gives_the_same_answers(
    many: None, classify: Classify, started: list[RunnerSession]
) -> None:
    seen: list[tuple[int, int]] = []
    alone = classify(1)
    assert started == []
    for most in (2, 4):
        answers = classify(most, lambda done, total: seen.append((done, total)))
        for column in COLUMNS:
            np.testing.assert_array_equal(getattr(answers, column), getattr(alone, column))
    assert len(started) >= 2
    assert not any(is_alive(pid_of(session)) for session in started)
    assert seen[-1] == (IMAGES, IMAGES)


def test_answers_are_those_of_the_interpreter(shared_data: Path, classify: Classify) -> None:
    from ai_edge_litert.interpreter import Interpreter

    answers = classify(1)
    data = open_labelled(shared_data / "imagenet_sample")
    spec = preset("raw", 224, 224).with_geometry(MEDIAPIPE_TASKS)
    interpreter = Interpreter(str(shared_data / "peers" / QUANTISED), num_threads=1)
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    for row in range(0, IMAGES, 40):
        pixels = fit(decode(Path(data.item_name(int(answers.indices[row])))), spec)
        interpreter.set_tensor(entry["index"], pixels[None])
        interpreter.invoke()
        outputs = interpreter.get_tensor(end["index"])[0].astype(int)
        best = sorted(range(1001), key=lambda output: (-outputs[output], output))[:5]
        scale, zero_point = end["quantization"]
        assert answers.top[row].tolist() == best
        np.testing.assert_allclose(answers.scores[row], (outputs[best] - zero_point) * scale)
        wanted = outputs[answers.label_outputs[row]]
        assert answers.label_scores[row] == pytest.approx((wanted - zero_point) * scale)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_runner_that_is_killed_is_one_error(
    many: None, classify: Classify, started: list[RunnerSession]
) -> None:
    def kill(done: int, total: int) -> None:
        if started and done < total:
            os.kill(pid_of(started[0]), signal.SIGKILL)

    with pytest.raises(ChildCrashedError, match="SIGKILL"):
        classify(3, kill)
    assert not any(is_alive(pid_of(session)) for session in started)


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_a_reference_classifies_once(
    resize: str, tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    """The reference exchanges red and blue, so it is right on the three green images alone.

    With another geometry its images are decoded for it.
    """
    swapped = preset("caffe", 4, 4).to_dict() | {"mean": [0, 0, 0], "resize": resize}
    raw = preset("raw", 4, 4).to_dict()
    model = colour_model(tmp_path / "model.tflite", metadata={"input": raw})
    other = colour_model(tmp_path / "other.tflite", metadata={"input": swapped})
    data = open_labelled(colour_photos)
    starts = []

    def start() -> RunnerSession:
        starts.append(get_device("desktop").start("running a model"))
        return starts[-1]

    against = ReferenceModel.open(other, data, JudgingOptions())
    runners = RunnerSource(start, str(other), 1, 1)
    reference = ReferenceRun(against.task, str(other), against.sha256, runners)
    for _ in range(2):
        with get_device("desktop").start("running a model") as session:
            session.load(model, threads=1)
            task = AccuracyTask(read_model(model), data)
            accuracy = task.run(session, reference=reference)
        assert accuracy.other is not None
        found = accuracy.other.agreement
        assert (found.same, found.both_right, found.neither) == (4, 3, 1)
        assert (found.only_this, found.only_other, found.p_value) == (5, 0, 2 / 32)
        assert accuracy.other.regressions(accuracy.answers) == []
    assert len(starts) == 1


INTERRUPTED = """
import sys
from edgecnn.measure import parallel_classification
parallel_classification.WORTH_S, parallel_classification.WAITS_FOR_IMAGES = -1.0, 2.0
from edgecnn.devices.desktop import Desktop
Desktop.most_runners = lambda self, threads: 3
from edgecnn.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_ctrl_c_leaves_no_runner(shared_data: Path, tmp_path: Path) -> None:
    model = shared_data / "peers" / "tf2_mobilenet_v2_1.0_224_ptq.tflite"
    asked = ["bench", str(model), "--data", str(shared_data / "imagenet_sample"), "--no-store"]
    asked += ["--preprocess", "tf", "--runs", "1", "--min-time", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *asked], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        runners = wait_for_runners(process, 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, errors.splitlines()[-1]) == (130, "edgecnn: interrupted")
    assert not any(is_alive(pid) for pid in runners)


def wait_for_runners(process: subprocess.Popen[str], count: int) -> list[int]:
    while True:
        assert process.poll() is None, process.communicate()
        lists = Path(f"/proc/{process.pid}/task").glob("*/children")
        found = [int(pid) for children in lists for pid in children.read_text().split()]
        if len(found) >= count:
            return found
        time.sleep(0.02)

"""What ``edgecnn inspect`` claims of other people's files, held to trying them in each client."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.inspection.client_rules import (
    CLIENTS,
    COMPILED_MODEL,
    INTERPRETER,
    LITERT_JS,
    TASKS,
    TFLITE_RUNTIME,
)
from edgecnn.inspection.tried_ops import TRIED_OPS

from .clients import Answer, Answers
from .files import detection_head
from .jobs import Job, prepare
from .many_ops import many_ops

PHOTOS = 1
NEARLY_ALL = 0.95
"""Share of an output's values that must be right: where two classes nearly tie, other integer
kernels take the other one."""
OFF = 1e-3
OLD_INTEGERS = 0.15
"""tflite-runtime 2.14 has other integer kernels; a share of the range of the values."""


@pytest.fixture(scope="module")
def jobs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    folder = tmp_path_factory.mktemp("strangers")
    every = sorted((shared_data / "imagenet_sample" / "images").iterdir())
    photos = every[:PHOTOS]
    found = [*(shared_data / "strangers").iterdir(), *(shared_data / "peers").rglob("*.tflite")]
    made = []
    for path in sorted(path for path in found if path.suffix == ".tflite"):
        own = folder / path.stem / path.name
        own.parent.mkdir()
        shutil.copy(path, own)
        made.append(prepare(path.stem, own, photos))
    for name, write in (("detection_head", detection_head), ("many_ops", many_ops)):
        own = folder / name / "model.tflite"
        own.parent.mkdir()
        made.append(prepare(name, write(own), photos))
    return made


def is_taken(client: str, job: Job, answer: Answer, wanted: Answer) -> bool:
    """Whether a client runs a file and answers as the Interpreter does, with the file's labels."""
    if not answer.outputs or len(answer.outputs) != len(wanted.outputs):
        return False
    if client in TASKS and (job.labels is None or answer.names != job.labels):
        return False
    off = OFF
    if client == TFLITE_RUNTIME and job.model.scheme != "float32":
        off = OLD_INTEGERS
    pairs = zip(answer.outputs, wanted.outputs, strict=True)
    return all(nearly_equal(values, reference, off) for values, reference in pairs)


def nearly_equal(values: np.ndarray, wanted: np.ndarray, off: float) -> bool:
    if values.shape != wanted.shape:
        return False
    if wanted.dtype.kind == "U":
        return bool((values == wanted).all())
    most = off * max(1.0, float(np.ptp(wanted)))
    return float(np.mean(np.abs(values - wanted) <= most)) >= NEARLY_ALL


@pytest.mark.parametrize("client", CLIENTS)
def test_who_is_called_a_taker_takes_the_file_and_who_is_not_does_not(
    client: str, jobs: list[Job], answers: Answers
) -> None:
    assert len(jobs) > 30
    wrong = {
        job.name: (claim, answer.error)
        for job, answer, wanted in zip(jobs, answers[client], answers[INTERPRETER], strict=True)
        if (claim := job.verdicts[client]) is not None
        and claim != is_taken(client, job, answer, wanted)
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "takers"),
    [
        # MediaPipe's custom op is in today's runtimes, and not in the last tflite-runtime.
        ("selfie", {LITERT_JS, INTERPRETER, COMPILED_MODEL}),
        ("many_ops", {LITERT_JS, INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME}),
        ("detection_head", {LITERT_JS, INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME}),
        # States that are kept from call to call, and inputs that are left out.
        ("mnist_lstm", {INTERPRETER, TFLITE_RUNTIME}),
        ("keras_lstm_mnist_ptq", {INTERPRETER, TFLITE_RUNTIME}),
        # An output whose shape the file does not state.
        ("style_transfer", {INTERPRETER, TFLITE_RUNTIME}),
        # An open batch that stands beside a whole shape.
        ("resnet8_float", {LITERT_JS, INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME}),
        ("lrt_simple_add_dynamic_shape", {INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME}),
        ("swap3", {INTERPRETER, TFLITE_RUNTIME}),
        ("face_edgetpu", set()),
        ("fizz_edgetpu", set()),
    ],
)
def test_who_takes_which_kind(
    name: str, takers: set[str], jobs: list[Job], answers: Answers
) -> None:
    (place,) = (number for number, job in enumerate(jobs) if job.name == name)
    job, wanted = jobs[place], answers[INTERPRETER][place]
    tried = {each for each in CLIENTS if is_taken(each, job, answers[each][place], wanted)}
    assert tried == takers == {client for client, claim in job.verdicts.items() if claim}


def test_ops_that_are_called_tried_were_tried(jobs: list[Job], answers: Answers) -> None:
    whole = zip(jobs, answers[TFLITE_RUNTIME], strict=True)
    tried = {op for job, answer in whole if answer.outputs for op in job.model.op_counts}
    assert tried >= TRIED_OPS


def test_a_file_that_nobody_was_run_with_is_not_known(jobs: list[Job]) -> None:
    found = next(job for job in jobs if job.name == "dilated_conv").verdicts
    assert found[LITERT_JS] is found[COMPILED_MODEL] is None


@pytest.mark.parametrize("name", ["mnist_lstm", "keras_lstm_mnist_ptq"])
def test_files_with_a_state_are_whole(name: str, shared_data: Path) -> None:
    found = edgecnn.inspect(shared_data / "strangers" / f"{name}.tflite")
    assert [oddity.kind for oddity in found.oddities] == []
    assert (found.classes, found.activation) == (10, "softmax")
    # 20 units that read 28 rows of 28 numbers, and 10 dense outputs of all their answers.
    gates, dense = 4 * (28 + 20) * 20, 28 * 20 * 10
    assert found.costs.parameters == gates + 4 * 20 + dense + 10
    assert (found.costs.macs, found.costs.uncounted_ops) == (28 * gates + dense, ())
    number = "float32" if name == "mnist_lstm" else "int8"
    assert found.operators["UNIDIRECTIONAL_SEQUENCE_LSTM"] == {number: 1}


@pytest.mark.parametrize("name", ["face_edgetpu", "fizz_edgetpu"])
def test_nothing_is_claimed_of_what_the_edge_tpus_op_hides(name: str, shared_data: Path) -> None:
    found = edgecnn.inspect(shared_data / "strangers" / f"{name}.tflite")
    assert (found.scheme, found.costs.parameters, found.costs.macs) == (None, None, None)
    assert [oddity.kind for oddity in found.oddities] == ["edge_tpu"]
    assert "use the file before compilation here" in found.oddities[0].text
    summary = edgecnn.summarize(shared_data / "strangers" / f"{name}.tflite")
    assert summary.parameters is summary.macs is None


@pytest.mark.parametrize(
    "name",
    ["kws", "micro_speech", "toycar_int8", "face_short", "deeplab_dm05_quant", "selfie", "iris",
     "hello_int8", "style_transfer"],
)  # fmt: skip
def test_advice_fits_the_kind_of_model(name: str, shared_data: Path) -> None:
    found = edgecnn.inspect(shared_data / "strangers" / f"{name}.tflite")
    advice = [oddity.text for oddity in found.oddities]
    advice += [reason for verdict in found.clients for reason in verdict.reasons]
    assert not any("without softmax" in text or "logits" in text for text in advice)
    takes_pixels = name in ("face_short", "deeplab_dm05_quant", "selfie", "style_transfer")
    assert takes_pixels or not any("pixel" in text for text in advice)


def test_an_output_whose_shape_is_not_stated_is_no_single_number(shared_data: Path) -> None:
    found = edgecnn.inspect(shared_data / "strangers" / "style_transfer.tflite")
    assert (found.outputs[0].shape, found.outputs[0].bytes) == (None, None)
    assert found.costs.macs is found.costs.activation_bytes is None

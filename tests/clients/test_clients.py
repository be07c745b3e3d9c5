"""Files of ours in clients that nobody here wrote: same labels, same answers on photographs.

The reference is ai-edge-litert's Interpreter, fed with edgecnn's own preprocessing; MediaPipe's
classifiers prepare the pictures themselves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.inspection.client_rules import (
    COMPILED_MODEL,
    INTERPRETER,
    LITERT_JS,
    MEDIAPIPE,
    TASKS_VISION,
    TFLITE_RUNTIME,
)

from .clients import Answer, Answers
from .files import convert_all, spoilt, the_makers
from .jobs import Job, prepare

PHOTOS = 2
OTHERS = (COMPILED_MODEL, TFLITE_RUNTIME, MEDIAPIPE, LITERT_JS, TASKS_VISION)
NAMING = (MEDIAPIPE, TASKS_VISION)
"""Clients that show names."""

EXACT = 0.0
USUAL = 1e-3
"""What an app may be off in a score."""
OLD_INTEGERS = 0.15
"""tflite-runtime 2.14 has other integer kernels: one step more or less, carried through."""
FLOAT_AHEAD_OF_INTEGERS = 0.05
"""Files that quantise what a float layer made: its last digits, which differ from build to build,
decide between two steps. These are ``dynamic`` files, and a float front in an int8 file."""


@pytest.fixture(scope="module")
def jobs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    folder = tmp_path_factory.mktemp("files")
    made = convert_all(shared_data, folder) | the_makers(shared_data, folder)
    made |= spoilt(made, folder)
    every = sorted((shared_data / "imagenet_sample" / "images").iterdir())
    photos = every[:: len(every) // PHOTOS][:PHOTOS]
    return [prepare(name, path, photos) for name, path in made.items()]


def allowed(client: str, job: Job) -> float:
    """Return how far a client's scores may be off the Interpreter's."""
    integers = job.model.scheme in ("int8", "dynamic", "mixed")
    if client == TFLITE_RUNTIME:
        return OLD_INTEGERS if integers else USUAL
    if client == COMPILED_MODEL:
        return EXACT
    is_fed_floats = job.model.scheme in ("dynamic", "mixed")
    if is_fed_floats and not (client == MEDIAPIPE and job.model.inputs[0].dtype == "uint8"):
        return FLOAT_AHEAD_OF_INTEGERS
    if client == MEDIAPIPE and job.model.inputs[0].dtype == "uint8":
        return EXACT
    return USUAL


def is_right(client: str, job: Job, answer: Answer, wanted: Answer) -> bool:
    """Whether a client answered as the file means: the labels, and the Interpreter's scores."""
    if answer.scores is None or wanted.scores is None:
        return False
    # Of what is no probability, a classifier shows its users the bare number.
    if client in NAMING and (answer.names != job.labels or wanted.scores.max() > 1.01):
        return False
    most = allowed(client, job)
    return bool(np.abs(answer.scores - wanted.scores).max() <= most) and has_top5(
        answer.scores, wanted.scores, 2 * most
    )


def has_top5(scores: np.ndarray, wanted: np.ndarray, tie: float) -> bool:
    """Whether the best five are the same, but for classes that are as good as tied."""
    found = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    fifth = -np.sort(-wanted, axis=1)[:, 4:5]
    return bool((np.take_along_axis(wanted, found, axis=1) >= fifth - tie).all())


@pytest.mark.parametrize("client", OTHERS)
def test_inspect_says_of_each_file_what_the_client_does(
    client: str, jobs: list[Job], answers: Answers
) -> None:
    wrong = {
        job.name: answer.error or "it answers otherwise than is said"
        for job, answer, wanted in zip(jobs, answers[client], answers[INTERPRETER], strict=True)
        if is_right(client, job, answer, wanted) != job.verdicts[client]
    }
    assert wrong == {}


def test_every_file_of_ours_is_drop_in_for_all(jobs: list[Job]) -> None:
    ours = [job for job in jobs if job.name.split("_")[-1] in ("int8", "float32", "float16")]
    ours += [job for job in jobs if job.name.endswith(("_dynamic", "_int16x8"))]
    assert len(ours) == 26
    assert [job.name for job in ours if not all(job.verdicts.values())] == []


@pytest.mark.parametrize(
    ("name", "client"),
    [
        ("logits", MEDIAPIPE),
        ("int8_input", LITERT_JS),
        ("int8_output", MEDIAPIPE),
        ("dynamic_batch", LITERT_JS),
        ("newer_op", TFLITE_RUNTIME),
        ("custom_op", COMPILED_MODEL),
        ("no_normalisation", MEDIAPIPE),
        ("no_labels", TASKS_VISION),
        ("too_few_labels", MEDIAPIPE),
        ("too_many_labels", TASKS_VISION),
    ],
)
def test_what_spoils_a_file_for_whom(
    name: str, client: str, jobs: list[Job], answers: Answers
) -> None:
    (place,) = (number for number, job in enumerate(jobs) if job.name == name)
    job, answer, wanted = jobs[place], answers[client][place], answers[INTERPRETER][place]
    assert not is_right(client, job, answer, wanted)
    assert not job.verdicts[client]

"""The clients, each a program of its own that takes many files, and what each answers.

None of them imports edgecnn; a file that kills one costs that file's answer alone.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.inspection.client_rules import (
    COMPILED_MODEL,
    INTERPRETER,
    LITERT_JS,
    MEDIAPIPE,
    TASKS_VISION,
    TFLITE_RUNTIME,
)
from edgecnn.tflite.structure import TensorInfo
from tests.browser import served

from .environments import MEDIAPIPE_PACKAGES, TFLITE_RUNTIME_PACKAGES, environment
from .jobs import Job

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
LONGEST = 20
"""Seconds that a client may take for a file; the slowest takes seven, and some never end."""


@dataclass(frozen=True)
class Answer:
    """What a client made of a file.

    Args:
        outputs: Each output's values as real numbers, one row a run; empty where it gave none.
        names: The classes' names as the client shows them, by class; None where it shows none.
        error: Why it gave no answer; empty if it did.
    """

    outputs: tuple[np.ndarray, ...]
    names: tuple[str | None, ...] | None = None
    error: str = ""

    @property
    def scores(self) -> np.ndarray | None:
        """One row an image, by class; None where the client gave none."""
        return self.outputs[0] if self.outputs else None


Answers = dict[str, list[Answer]]
"""Name of a client -> its answer to each job."""


def from_all(jobs: Sequence[Job], browser: Browser, packages: Path) -> Answers:
    """Answer all jobs by every client; the environments of some are made first if need be.

    Raises:
        NotAtHand: A client cannot be had here.
    """
    mediapipe = environment("mediapipe", MEDIAPIPE_PACKAGES)
    old = environment("tflite-runtime", TFLITE_RUNTIME_PACKAGES)
    return {
        INTERPRETER: from_interpreter(sys.executable, "ai_edge_litert.interpreter", jobs),
        COMPILED_MODEL: from_compiled_model(jobs),
        TFLITE_RUNTIME: from_interpreter(old, "tflite_runtime.interpreter", jobs),
        MEDIAPIPE: from_mediapipe(mediapipe, jobs),
        LITERT_JS: from_litert_js(browser, packages, jobs),
        TASKS_VISION: from_tasks_vision(browser, packages, jobs),
    }


def from_program(command: Sequence[str | Path], jobs: Sequence[Job]) -> list[Answer]:
    """Have a program answer all jobs; it is started anew after one that it does not survive."""
    answers: list[Answer] = []
    while len(answers) < len(jobs):
        answers += _until_it_ends(command, jobs[len(answers) :])
    return answers


def _until_it_ends(command: Sequence[str | Path], jobs: Sequence[Job]) -> list[Answer]:
    """Return the answers to all jobs, or to those up to one that kills or halts the program."""
    answers: list[Answer] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdin is not None and program.stdout is not None
        for job in jobs:
            program.stdin.write(json.dumps(_for_program(job)).encode() + b"\n")
            program.stdin.flush()
            is_ready, _, _ = select.select([program.stdout], [], [], LONGEST)
            line = program.stdout.readline() if is_ready else b""
            why = "died" if is_ready else "gave no answer"
            reply = json.loads(line) if line else {"error": why, "ends": True}
            answers.append(_answer(job, reply))
            if reply.get("ends"):
                program.kill()
                break
    return answers


def from_interpreter(python: str | Path, module: str, jobs: Sequence[Job]) -> list[Answer]:
    """Answer by ``module.Interpreter`` in an environment."""
    return from_program((python, PROGRAMS / "interpreter.py", module), jobs)


def from_compiled_model(jobs: Sequence[Job]) -> list[Answer]:
    """Answer by ai-edge-litert's CompiledModel."""
    return from_program((sys.executable, PROGRAMS / "compiled_model.py"), jobs)


def from_mediapipe(python: Path, jobs: Sequence[Job]) -> list[Answer]:
    """Answer by MediaPipe Tasks' ImageClassifier in its environment."""
    return from_program((python, PROGRAMS / "mediapipe_tasks.py"), jobs)


def from_litert_js(browser: Browser, packages: Path, jobs: Sequence[Job]) -> list[Answer]:
    """Answer by LiteRT.js in a browser."""
    return _from_browser(browser, packages, "run", jobs)


def from_tasks_vision(browser: Browser, packages: Path, jobs: Sequence[Job]) -> list[Answer]:
    """Answer by MediaPipe's tasks-vision in a browser."""
    return _from_browser(browser, packages, "classify", jobs)


def _from_browser(
    browser: Browser, packages: Path, function: str, jobs: Sequence[Job]
) -> list[Answer]:
    from playwright.sync_api import Error

    folders = {f"job{number}": job.path.parent for number, job in enumerate(jobs)}
    call = f"job => import('/web/clients.js').then(clients => clients.{function}(job))"
    answers = []
    with (
        served(packages=packages, web=HERE / "web", **folders) as address,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(f"{address}/web/index.html")
        for folder, job in zip(folders, jobs, strict=True):
            if function == "classify" and any(tensor.is_open for tensor in job.model.inputs):
                answers.append(Answer((), error="with an open size it never ends"))
                continue
            try:
                reply = page.evaluate(call, _for_browser(job, folder))
            except Error as error:
                reply = {"error": error.message}
                page.reload()  # an abort leaves the library unusable
            answers.append(_answer(job, reply))
    return answers


def _for_program(job: Job) -> dict[str, Any]:
    images, inputs = ([str(path) for path in paths] for paths in (job.images, job.inputs))
    regions = job.regions or [None] * len(images)
    return {"file": str(job.path), "inputs": inputs, "images": images, "regions": regions}


def _for_browser(job: Job, folder: str) -> dict[str, Any]:
    inputs = [
        {"address": f"/{folder}/{path.stem}.bin", "dtype": tensor.dtype, "shape": tensor.shape}
        for path, tensor in zip(job.inputs, job.model.inputs, strict=True)
    ]
    return {
        "file": f"/{folder}/{job.path.name}",
        "inputs": inputs,
        "images": [f"/{folder}/{image.name}" for image in job.images],
        "count": len(job.images),
    }


def _answer(job: Job, reply: dict[str, Any]) -> Answer:
    if "error" in reply:
        return Answer((), error=reply["error"])
    if "runs" in reply:
        outputs = zip(*reply["runs"], strict=True)
        ends = zip(job.model.outputs, outputs, strict=True)
        return Answer(tuple(_as_real(tensor, rows) for tensor, rows in ends))
    count = job.model.outputs[0].elements
    scores = np.zeros((len(reply["categories"]), count), np.float32)
    names: list[str | None] = [None] * count
    for row, categories in zip(scores, reply["categories"], strict=True):
        for index, score, name in categories:
            row[index], names[index] = score, name
    return Answer((scores,), tuple(names))


def _as_real(output: TensorInfo, rows: Sequence[Sequence[float]]) -> np.ndarray:
    """Return an output's values as real numbers; texts stay texts."""
    values = np.asarray(rows)
    if len(output.scale) != 1:
        return values
    (scale,), (zero_point,) = output.scale, output.zero_point
    return (values.astype(np.float32) - zero_point) * np.float32(scale)

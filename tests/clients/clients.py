"""The clients, each a program of its own that takes many files, and what each answers.

None of them imports edgecnn; a file that kills one costs that file's answer alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.browser import served

from .jobs import Job

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
LONGEST = 300
"""Seconds for all files of one client."""


@dataclass(frozen=True)
class Answer:
    """What a client made of a file.

    Args:
        scores: One row an image, by class; None where it gave none.
        names: The classes' names as the client shows them, by class; None where it shows none.
        error: Why it gave no answer; empty if it did.
    """

    scores: np.ndarray | None
    names: tuple[str | None, ...] | None = None
    error: str = ""


def from_program(command: Sequence[str | Path], jobs: Sequence[Job]) -> list[Answer]:
    """Have a program answer all jobs; it is started anew after one that it does not survive."""
    answers: list[Answer] = []
    while len(answers) < len(jobs):
        left = jobs[len(answers) :]
        lines = "".join(json.dumps(_for_program(job)) + "\n" for job in left)
        done = subprocess.run(
            command, input=lines, text=True, capture_output=True, timeout=LONGEST, check=False
        )
        replies = done.stdout.splitlines()
        answers += [
            _answer(job, json.loads(line)) for job, line in zip(left, replies, strict=False)
        ]
        if len(replies) < len(left):
            last = done.stderr.strip().splitlines()[-1:]
            answers.append(Answer(None, error=f"died ({done.returncode}): {''.join(last)}"))
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
            try:
                reply = page.evaluate(call, _for_browser(job, folder))
            except Error as error:
                reply = {"error": error.message}
                page.reload()  # an abort leaves the library unusable
            answers.append(_answer(job, reply))
    return answers


def _for_program(job: Job) -> dict[str, Any]:
    images = [str(image) for image in job.images]
    regions = job.regions or [None] * len(images)
    return {
        "file": str(job.path),
        "inputs": str(job.inputs),
        "images": images,
        "regions": regions,
    }


def _for_browser(job: Job, folder: str) -> dict[str, Any]:
    source = job.model.inputs[0]
    return {
        "file": f"/{folder}/{job.path.name}",
        "inputs": f"/{folder}/inputs.bin",
        "images": [f"/{folder}/{image.name}" for image in job.images],
        "dtype": source.dtype,
        "shape": source.shape,
        "count": len(job.images),
    }


def _answer(job: Job, reply: dict[str, Any]) -> Answer:
    if "error" in reply:
        return Answer(None, error=reply["error"])
    if "rows" in reply:
        return Answer(_dequantised(job, reply["rows"]))
    count = job.model.outputs[0].elements
    scores = np.zeros((len(reply["categories"]), count), np.float32)
    names: list[str | None] = [None] * count
    for row, categories in zip(scores, reply["categories"], strict=True):
        for index, score, name in categories:
            row[index], names[index] = score, name
    return Answer(scores, tuple(names))


def _dequantised(job: Job, rows: list[list[float]]) -> np.ndarray:
    output = job.model.outputs[0]
    if output.dtype == "float32":
        return np.asarray(rows, np.float32)
    (scale,), (zero_point,) = output.scale, output.zero_point
    return (np.asarray(rows, np.float32) - zero_point) * np.float32(scale)

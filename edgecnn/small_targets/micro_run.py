"""Loads a file into TensorFlow Lite Micro's interpreter; the program that ``micro.py`` starts."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.core.parent_pipe import ParentPipe, serve_job

ALLOCATED = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
NOISE = re.compile(r"^\[RecordingMicroAllocator\]")


@dataclass(frozen=True)
class MeasureArena:
    """Asks for the memory that a file takes.

    Args:
        path: The file.
        room: Bytes of memory that the interpreter is given.
        inputs: Number of inputs that get zeros for a run; 0 to load the file and not run it.
    """

    path: str
    room: int
    inputs: int


@dataclass(frozen=True)
class ArenaMeasured:
    """What the interpreter took of its memory.

    Args:
        version: Version of the package.
        total: Bytes in all.
        head: Bytes of activations, which are planned so that they share memory.
        tail: Bytes of what stays from call to call: structures and the kernels' own tables.
    """

    version: str
    total: int
    head: int
    tail: int


class _ErrorText:
    """Standard error while a block runs, as text: the interpreter says there what it does."""

    def __enter__(self) -> _ErrorText:
        self._file = tempfile.TemporaryFile()
        self._kept = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *error: object) -> None:
        os.dup2(self._kept, 2)
        os.close(self._kept)
        self._file.seek(0)
        self.text = self._file.read().decode(errors="replace")
        self._file.close()


def _measure(parent: ParentPipe, job: MeasureArena) -> None:
    from tflite_micro.python.tflite_micro import runtime

    with (said := _ErrorText()):
        try:
            interpreter: Any = runtime.Interpreter.from_bytes(
                Path(job.path).read_bytes(), arena_size=job.room
            )
            if job.inputs:
                _run(interpreter, job.inputs)
            interpreter.print_allocations()
            failure = None
        except (RuntimeError, ValueError) as error:
            failure = str(error)
    if failure is not None:
        lines = [line for line in said.text.splitlines() if line and not NOISE.match(line)]
        raise ConversionError("; ".join(lines[:3]) or failure)
    found = {name: int(count) for name, count in ALLOCATED.findall(said.text)}
    parent.send(
        ArenaMeasured(version("tflite-micro"), found["total"], found["head"], found["tail"])
    )


def _run(interpreter: Any, inputs: int) -> None:
    """Run a model once, on zeros for all of its inputs."""
    for place in range(inputs):
        detail = interpreter.get_input_details(place)
        interpreter.set_input(np.zeros(detail["shape"], detail["dtype"]), place)
    interpreter.invoke()


def main() -> None:
    """Measure one file (the child's side)."""
    serve_job(MeasureArena, _measure, "run this file")


if __name__ == "__main__":
    main()

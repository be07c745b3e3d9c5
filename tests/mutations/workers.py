"""Damaged files given to a process that reads them, and started again when a file ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from edgecnn.core.child import describe_exit

from .oracle import FAULT
from .slow_readers import ALL_READERS

ROOT = Path(__file__).resolve().parents[2]
OWN_FILES = {"EDGECNN_CACHE": "", "EDGECNN_CONFIG": "", "EDGECNN_STORE": "results.sqlite"}
"""Variables that keep the processes out of the user's own files, and the files instead of these."""

SHOWN_LINES = 12


@dataclass(frozen=True)
class Result:
    """What became of a damaged file.

    Args:
        kind: ``"accepted"``, ``"refused"`` or ``"fault"``.
        text: The line that a user sees, or what is wrong.
        seconds: How long reading took.
        peak_bytes: The most memory that the process had until then.
        died: Whether the process ended.
    """

    kind: str
    text: str
    seconds: float
    peak_bytes: int
    died: bool = False


class Worker:
    """A process that reads; it ends with the ``with`` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutations-")
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] = tempfile.TemporaryFile("w+")

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, at: TracebackType | None
    ) -> None:
        self.restart()
        self._errors.close()
        self._folder.cleanup()

    def restart(self) -> None:
        """End the process; the next file gets another one."""
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def read(self, name: str, content: bytes) -> Result:
        """Have a damaged file read.

        Args:
            name: Name of the reader in ``ALL_READERS``.
            content: Content of the file.
        """
        folder = Path(self._folder.name) / name.strip(".").replace(" ", "-")
        folder.mkdir(exist_ok=True)
        path = folder / ALL_READERS[name].file
        path.write_bytes(content)
        process = self._process = self._process or self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"reader": name, "path": str(path)}) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        return Result(**json.loads(answer)) if answer else self._death(process)

    def _started(self) -> subprocess.Popen[str]:
        folder = Path(self._folder.name)
        own_files = {name: str(folder / file) for name, file in OWN_FILES.items()}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.mutations.worker"],
            cwd=ROOT,
            env={**os.environ, **own_files},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def _death(self, process: subprocess.Popen[str]) -> Result:
        self.restart()
        self._errors.seek(0)
        said = self._errors.read().splitlines()[-SHOWN_LINES:]
        self._errors.seek(0)
        self._errors.truncate()
        text = f"the process {describe_exit(process.returncode)}: " + " | ".join(said)
        return Result(FAULT, text, 0.0, 0, died=True)

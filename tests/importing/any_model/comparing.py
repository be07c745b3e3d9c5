"""Each case's files against the plain converter's, scheme by scheme."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cases import ASKED

ROOT = Path(__file__).resolve().parents[3]

WORSE_DB = 1.0
"""A file is worse than the plain converter's if the other's answers are nearer by more decibels."""
HALF = 0.5
"""Less than this part of the bytes is another bargain: then decibels are not compared."""
MORE_BYTES, METADATA_BYTES = 1.05, 3072
"""A file is worse if it has more than so many times the bytes, and the bytes of metadata, which
only our files have."""
MOST_CHARACTERS = 120
"""Of a refusal, in a row of the table."""
EXACT_DB = 80.0
"""Beyond this, two files differ by the order of float sums alone."""


@dataclass(frozen=True)
class File:
    """A measured file.

    Args:
        sqnr_db: Power of the source's answers over that of the file's difference; the output that
            is worst.
        inputs: Element types of the inputs.
        outputs: Element types of the outputs.
        ops: Number of ops by element type of their results.
        float_ops: Number of ops that compute in floats, but for a softmax or sigmoid at the end.
        bytes: Size without what is packed behind the model.
    """

    sqnr_db: float
    inputs: list[str]
    outputs: list[str]
    ops: dict[str, int]
    float_ops: int
    bytes: int


@dataclass(frozen=True)
class Row:
    """One case in one scheme.

    Args:
        case: Name of the case.
        scheme: Name of the scheme.
        ours: Our file; None if there is none.
        plain: The best file of the plain converter; None if it makes none.
        failure: Why there is no file of ours.
    """

    case: str
    scheme: str
    ours: File | None
    plain: File | None
    failure: str = ""

    @property
    def faults(self) -> list[str]:
        """What is worse than in the plain converter's file, in words; nothing where it has none."""
        if self.plain is None:
            return []
        if self.ours is None:
            return [f"refused: {self.failure[:MOST_CHARACTERS]}"]
        ours, plain, faults = self.ours, self.plain, []
        is_half = ours.bytes < HALF * plain.bytes
        if ours.sqnr_db < min(plain.sqnr_db - WORSE_DB, EXACT_DB) and not is_half:
            faults.append(f"{ours.sqnr_db:.1f} dB, plain {plain.sqnr_db:.1f}")
        if "int" in self.scheme and ours.float_ops > plain.float_ops:
            faults.append(f"{ours.float_ops} float ops, plain {plain.float_ops}")
        if ours.bytes > MORE_BYTES * plain.bytes + METADATA_BYTES:
            faults.append(f"{ours.bytes} bytes, plain {plain.bytes}")
        return faults


def missing(needs: str) -> str:
    """Return why a case cannot be made here; empty if it can."""
    is_here = not needs or importlib.util.find_spec(needs) or shutil.which(needs)
    return "" if is_here else f"{needs} is not installed"


def rows_of(name: str, folder: Path, schemes: Sequence[str]) -> list[Row]:
    """Make a case's files and the plain converter's, and compare them.

    Args:
        name: Name of the case.
        folder: Where files go; the source and plain files that are there are used again.
        schemes: Names of the schemes.

    Raises:
        ChildFailed: The source cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "made"
    if not made.exists():
        _make(name, folder, schemes)
        made.touch()
    shutil.rmtree(folder / "ours", ignore_errors=True)
    try:
        outcome = _child("convert", name, folder, *schemes)
    except ChildFailed as error:
        outcome = {"failure": str(error)}
    ours = _measured(folder, [Path(outcome[scheme]) for scheme in schemes if scheme in outcome])
    failure = outcome.get("failure", "its file's answers cannot be compared with the source's")
    failure = failure.replace(f"{folder}/", "")
    rows = []
    for scheme in schemes:
        file = ours.get(Path(outcome.get(scheme, "")))
        why = "" if file else failure
        rows.append(Row(name, scheme, file, best_plain(folder, scheme), why))
    return rows


def _make(name: str, folder: Path, schemes: Sequence[str]) -> None:
    """Make the source and plain files, these one scheme after another where all at once crash."""
    try:
        _child("make", name, folder, *schemes)
    except ChildFailed:
        if not (folder / ASKED).exists():
            raise
        for scheme in schemes:
            with contextlib.suppress(ChildFailed):
                _child("plain", name, folder, scheme)


def best_plain(folder: Path, scheme: str) -> File | None:
    """Return the plain converter's file that is nearest to the source; of equals, the smallest."""
    kept = folder / f"plain_{scheme}.json"
    if not kept.exists():
        files = _measured(folder, sorted(folder.glob(f"plain_{scheme}_*.tflite")))
        kept.write_text(json.dumps([vars(file) for file in files.values()]))
    return max(
        (File(**values) for values in json.loads(kept.read_text())),
        key=lambda file: (round(min(file.sqnr_db, EXACT_DB)), -file.bytes),
        default=None,
    )


def _measured(folder: Path, paths: Sequence[Path]) -> dict[Path, File]:
    """Return the figures of files; those that the runtime does not take are left out."""
    if not paths:
        return {}
    try:
        figures = _child("measure", folder, *paths)
    except ChildFailed:
        if len(paths) == 1:
            return {}
        return {path: file for each in paths for path, file in _measured(folder, [each]).items()}
    return {path: File(**values) for path, values in zip(paths, figures, strict=True)}


class ChildFailed(Exception):
    """A child that did not end well; the text is the last line that it printed."""


def _child(*arguments: object) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.importing.any_model.child", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ChildFailed(f"{arguments[0]} {arguments[1]}: {lines[-1]}")
    return json.loads(done.stdout.splitlines()[-1])

"""TensorFlow Lite Micro: whether it runs a file, and the memory that it takes for that."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.errors import MESSAGE_CHARACTERS, EdgecnnError
from edgecnn.core.text import size_text
from edgecnn.small_targets.micro_run import ArenaMeasured, MeasureArena
from edgecnn.small_targets.target import TargetProof
from edgecnn.tflite.memory import activation_bytes
from edgecnn.tflite.reading import TfliteModel

TFLM = "tflm"
PACKAGE = "tflite_micro"
MICRO_TIMEOUT_S = 600.0
"""Seconds without an answer after which the interpreter hangs: its kernels are plain loops."""

LEAST_ARENA_BYTES = 4 << 20
ARENA_TIMES = 4
"""Times the estimated activations that the interpreter is given: what it does not use is free."""


def has_tflite_micro() -> bool:
    """Say whether the package tflite-micro is installed beside edgecnn."""
    return importlib.util.find_spec(PACKAGE) is not None


def measure_arena(path: Path, model: TfliteModel, *, runs: bool) -> ArenaMeasured:
    """Load a file into TensorFlow Lite Micro, in a child.

    Args:
        path: The file.
        model: The file's structure.
        runs: Whether it is also run once, on zeros.

    Raises:
        EdgecnnError: The interpreter refuses the file, or crashes on it.
    """
    room = max(ARENA_TIMES * (activation_bytes(model) or 0), LEAST_ARENA_BYTES)
    command = module_command("edgecnn.small_targets.micro_run")
    with ChildProcess(command, task="TensorFlow Lite Micro") as child:
        child.send(MeasureArena(str(path), room, len(model.inputs) if runs else 0))
        return child.receive(ArenaMeasured, timeout_s=MICRO_TIMEOUT_S)


def arena_bytes(path: Path, model: TfliteModel) -> int | None:
    """Return the memory that TensorFlow Lite Micro takes for a file, which is loaded and not run.

    Returns:
        Bytes in all, as measured on this machine; None where the package is not installed, or does
        not take the file.
    """
    if not has_tflite_micro():
        return None
    try:
        return measure_arena(path, model, runs=False).total
    except EdgecnnError:
        return None


def ask_micro(path: Path, model: TfliteModel) -> TargetProof:
    """Have TensorFlow Lite Micro run a file once, and say how much memory it took.

    Args:
        path: The file.
        model: The file's structure.
    """
    if not has_tflite_micro():
        return TargetProof(
            TFLM, None, None, "not proved, as tflite-micro is not here: pip install tflite-micro"
        )
    try:
        measured = measure_arena(path, model, runs=True)
    except EdgecnnError as error:
        reason = str(error)[:MESSAGE_CHARACTERS]
        return TargetProof(TFLM, False, "tflite-micro", f"tflite-micro does not run it: {reason}")
    tool = f"tflite-micro {measured.version}"
    ours = activation_bytes(model)
    beside = f"; edgecnn's estimate of the activations alone is {size_text(ours)}" if ours else ""
    return TargetProof(
        TFLM,
        True,
        tool,
        f"{tool} runs it in an arena of {size_text(measured.total)}{beside}",
        figures={"arena_bytes": measured.total, "activation_bytes": measured.head},
    )

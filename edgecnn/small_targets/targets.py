"""The small targets, one row each, and the proof that a file is for one of them."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_few
from edgecnn.small_targets.limits import faults, ops_left
from edgecnn.small_targets.micro import TFLM, ask_micro
from edgecnn.small_targets.op_lists import EDGE_TPU_OPS, ETHOS_U_OPS, MICRO_METHODS
from edgecnn.small_targets.target import SmallTarget, TargetProof
from edgecnn.small_targets.vela import ETHOS_U, ask_vela
from edgecnn.tflite.reading import TfliteModel

INTEGERS = ("int8", "uint8")

SMALL_TARGETS = {
    target.name: target
    for target in (
        SmallTarget(
            ETHOS_U,
            "Arm Ethos-U",
            INTEGERS,
            INTEGERS,
            ETHOS_U_OPS,
            has_host=True,
            next_step="vela FILE compiles it for the NPU",
            ask_tool=ask_vela,
        ),
        SmallTarget(
            TFLM,
            "TensorFlow Lite Micro",
            (*INTEGERS, "float32"),
            (*INTEGERS, "float32"),
            MICRO_METHODS,
            has_host=False,
            next_step="edgecnn snippet FILE --for tflm writes a program for it",
            ask_tool=ask_micro,
        ),
        SmallTarget(
            "edgetpu",
            "Coral Edge TPU",
            ("uint8", "int8"),
            ("uint8", "int8"),
            EDGE_TPU_OPS,
            has_host=True,
            next_step="edgetpu_compiler FILE compiles it for the TPU",
            ask_tool=None,
            most_values=(("SOFTMAX", 16_000),),
            wants_fixed_batch=True,
        ),
    )
}
"""The targets by name."""


def small_target(name: str) -> SmallTarget:
    """Return the target of a name.

    Args:
        name: ``"ethos-u"``, ``"tflm"`` or ``"edgetpu"``.

    Raises:
        InputError: No target has that name.
    """
    if name not in SMALL_TARGETS:
        raise InputError(
            f"unknown target {name!r}: choose {', '.join(SMALL_TARGETS)} (for kinds of CPUs there "
            "is --target-cpu)"
        )
    return SMALL_TARGETS[name]


def prove(path: Path, model: TfliteModel, target: SmallTarget) -> TargetProof:
    """Say whether a target takes a file: by its published limits first, then by its own tool.

    Args:
        path: The file.
        model: The file's structure.
        target: The target.

    Example:
        >>> prove(path, read_model(path), small_target("ethos-u")).summary
        'Vela 5.2.0 leaves 0 operators on the CPU, 42 are on the NPU; it estimates ...'
    """
    wrong, left = faults(model, target), ops_left(model, target)
    if not target.has_host:
        wrong += [f"it does not take {each}" for each in left]
    if wrong:
        return TargetProof(target.name, False, None, f"{target.title}: {'; '.join(wrong)}")
    if target.ask_tool is not None:
        return target.ask_tool(path, model)
    summary = (
        "within the published limits, and not proved, as its compiler comes from no package "
        "registry"
    )
    notes = [f"its host's CPU runs {first_few(left)}"] if left else []
    return TargetProof(target.name, None, None, summary, tuple(notes))

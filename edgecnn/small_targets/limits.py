"""What in a file is not as a small target's maker asks, found in the file's structure alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from edgecnn.small_targets.target import SmallTarget
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, TensorInfo


def faults(model: TfliteModel, target: SmallTarget) -> list[str]:
    """Say what a target cannot run in a file at all, one line each.

    Args:
        model: The file's structure.
        target: The target.

    Example:
        >>> faults(read_model("mobilenet_v2_float32.tflite"), SMALL_TARGETS["ethos-u"])
        ['its input is float32, and int8 or uint8 is taken', ...]
    """
    return [*_faults_of_ends(model, target), *_faults_of_shapes(model, target.wants_fixed_batch)]


def is_of_integers(model: TfliteModel) -> bool:
    """Say whether a file holds and computes nothing in floats, and leaves no shape open."""
    tensors = [tensor for op in model.operators for tensor in _values(op)]
    has_floats = any(tensor.dtype.startswith("float") for tensor in tensors)
    return bool(tensors) and not has_floats and not any(_faults_of_shapes(model))


def ops_left(model: TfliteModel, target: SmallTarget) -> list[str]:
    """Say which ops of a file the target does not take by its published list, one line each kind.

    Args:
        model: The file's structure.
        target: The target.
    """
    reasons = Counter(
        (op.name, reason) for op in model.operators if (reason := _why_left(op, target))
    )
    return [f"{count} {kind} ({reason})" for (kind, reason), count in reasons.items()]


def _faults_of_ends(model: TfliteModel, target: SmallTarget) -> Iterator[str]:
    for what, tensors, taken in (
        ("input", model.inputs, target.input_types),
        ("output", model.outputs, target.output_types),
    ):
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            if dtype not in taken:
                yield f"its {what} is {dtype}, and {' or '.join(taken)} is taken"


def _faults_of_shapes(model: TfliteModel, wants_fixed_batch: bool = False) -> Iterator[str]:
    ends = (*model.inputs, *model.outputs)
    if any(tensor.is_open or (wants_fixed_batch and tensor.open_sides) for tensor in ends):
        yield "its shapes are open, and fixed ones are taken"
    batch = next((tensor.shape[0] for tensor in model.inputs if len(tensor.shape) == 4), 1)
    if batch > 1:
        yield f"it takes {batch} images at once, and one is taken"


def _why_left(op: Operator, target: SmallTarget) -> str | None:
    """Return why the target does not take an op; None if it does."""
    if op.name not in target.ops:
        return f"no op of {target.title}"
    takes_floats = "float32" in target.input_types
    if not takes_floats and any(tensor.dtype.startswith("float") for tensor in _values(op)):
        return "in float"
    most = dict(target.most_values).get(op.name)
    source = op.input(0)
    if most is not None and source is not None and source.elements > most:
        return f"more than {most:,} values"
    return None


def _values(op: Operator) -> Iterator[TensorInfo]:
    yield from (tensor for tensor in op.inputs if tensor is not None)
    yield from op.outputs

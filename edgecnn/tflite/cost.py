"""What each op of a ``.tflite`` file holds and costs: parameters, multiply-adds, bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgecnn.tflite.names import scope_of
from edgecnn.tflite.ops import op_kind
from edgecnn.tflite.reading import (
    Operator,
    TensorInfo,
    TfliteModel,
    weights_of,
)


@dataclass(frozen=True)
class CostRow:
    """One layer or op.

    Args:
        name: Of the layer, or of the op's result.
        kind: Keras class or TFLite op.
        output_shape: With the batch first; None where it is open.
        parameters: Values of its weights and biases; of shared ones the first op has them all.
        macs: Multiply-adds of one image.
        bytes: What its weights take: float32 in a Keras model, as stored in a ``.tflite``.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    macs: int
    bytes: int


def operator_rows(model: TfliteModel) -> tuple[CostRow, ...]:
    """List the ops of a file with what they hold and cost.

    Constants that are widened when the file is loaded belong to the op that uses them.

    Args:
        model: The file's structure; its first subgraph counts.

    Example:
        >>> sum(row.macs for row in operator_rows(read_model("mobilenet_v2.tflite")))
        300774272
    """
    return tuple(_rows(model))


def _rows(model: TfliteModel) -> Iterator[CostRow]:
    """Count each constant once."""
    seen: set[int] = set()
    for op in model.operators:
        name = op.outputs[0].name if op.outputs else op.name
        if name in model.widened:
            continue
        inputs = [model.widened.get(tensor.name, tensor) for tensor in op.inputs if tensor]
        constants = [t for t in inputs if t.is_constant and t.index not in seen]
        seen.update(tensor.index for tensor in constants)
        yield CostRow(
            name=scope_of(name),
            kind=op.name,
            output_shape=op.outputs[0].shape if op.outputs else (),
            parameters=sum(t.elements for t in constants if _is_parameter(t, op)),
            macs=multiply_adds(op),
            bytes=sum(tensor.constant_bytes for tensor in constants),
        )


def _is_parameter(tensor: TensorInfo, op: Operator) -> bool:
    """Tell weights from shapes, axes and paddings, which are whole numbers of other ops."""
    return op_kind(op.name).has_weights or not tensor.dtype.startswith(("int32", "int64"))


def multiply_adds(op: Operator) -> int:
    """Return the multiply-adds of an op for one image; 0 for ops without weights."""
    weights = weights_of(op)
    if not op_kind(op.name).has_weights or weights is None or not op.outputs:
        return 0
    moving = op.outputs[0]
    if op.name == "TRANSPOSE_CONV":
        moving = op.input(2) or moving
    # The last dimension is what the weights make (or take) at each position.
    return math.prod(moving.shape[:-1]) * math.prod(weights.shape)

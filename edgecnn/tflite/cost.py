"""What each op of a ``.tflite`` file holds and costs: parameters, multiply-adds, bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edgecnn.tflite.names import scope_of
from edgecnn.tflite.reading import Operator, TensorInfo, TfliteModel

UNCOUNTED_OPS = frozenset(
    {
        "BATCH_MATMUL", "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN",
        "STABLEHLO_COMPOSITE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN", "WHILE",
    }
)  # fmt: skip
"""Ops that multiply and are neither convolutions nor dense layers, or run ops of their own."""


@dataclass(frozen=True)
class CostRow:
    """What one layer or op holds and costs.

    Args:
        name: Name of the layer, or of the op's result.
        kind: Keras class or TFLite op.
        output_shape: Shape of the result with the batch first; None where a size is open.
        parameters: Number of weights and biases; shared ones count for the first op alone.
        macs: Multiply-adds of one image; None where a size that counts is open.
        bytes: Bytes of the weights: in float32 for a Keras model, as stored for a ``.tflite``.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    macs: int | None
    bytes: int


def operator_rows(model: TfliteModel) -> tuple[CostRow, ...]:
    """List the ops of a file with what they hold and cost.

    Constants that are widened when the file is loaded belong to the op that uses them.

    Args:
        model: The file's structure.

    Example:
        >>> total_macs(operator_rows(read_model("mobilenet_v2.tflite")))
        300774272
    """
    return tuple(_rows(model))


def _rows(model: TfliteModel) -> Iterator[CostRow]:
    """Count each constant once."""
    seen: set[int] = set()
    for op in model.operators:
        name = op.outputs[0].name if op.outputs else op.name
        if name in model.widened_constants:
            continue
        inputs = [
            model.widened_constants.get(tensor.name, tensor) for tensor in op.inputs if tensor
        ]
        constants = [t for t in inputs if t.is_constant and t.index not in seen]
        seen.update(tensor.index for tensor in constants)
        yield CostRow(
            name=scope_of(name),
            kind=op.name,
            output_shape=_shown_shape(op.outputs[0], model) if op.outputs else (),
            parameters=sum(t.elements for t in constants if _is_parameter(t, op)),
            macs=multiply_adds(op) if all(map(model.knows_shape, op.outputs)) else None,
            bytes=sum(tensor.constant_bytes for tensor in constants),
        )


def _shown_shape(tensor: TensorInfo, model: TfliteModel) -> tuple[int | None, ...]:
    if model.knows_shape(tensor):
        return tensor.shape
    return tuple(None if n in tensor.open_sides else size for n, size in enumerate(tensor.shape))


def total_macs(rows: Iterable[CostRow]) -> int | None:
    """Return the multiply-adds of all rows; None where those of one are not known."""
    total = 0
    for row in rows:
        if row.macs is None:
            return None
        total += row.macs
    return total


def uncounted_ops(model: TfliteModel) -> tuple[str, ...]:
    """List the kinds of ops that multiply, or may, and whose multiply-adds are not counted.

    Example:
        >>> uncounted_ops(read_model("lstm.tflite"))
        ('UNIDIRECTIONAL_SEQUENCE_LSTM',)
    """
    custom = {code.name for code in model.operator_codes if code.is_custom}
    return tuple(name for name in model.op_counts if name in custom | UNCOUNTED_OPS)


def _is_parameter(tensor: TensorInfo, op: Operator) -> bool:
    """Tell weights from shapes, axes and paddings, which are integers of ops without weights."""
    return op.traits.has_weights or not tensor.dtype.startswith(("int32", "int64"))


def multiply_adds(op: Operator) -> int:
    """Return the multiply-adds of an op for one image; 0 for ops without weights."""
    weights = op.weights
    if weights is None or not op.outputs:
        return 0
    positions = (op.data if op.traits.is_transposed else None) or op.outputs[0]
    # The last dimension is the channels that the weights make (or take) at each position.
    return math.prod(positions.shape[:-1]) * math.prod(weights.shape)

"""The ops of a ``.tflite`` file as a profile sees them: what each computes and moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgecnn.tflite.cost import operator_rows
from edgecnn.tflite.memory import tensor_bytes
from edgecnn.tflite.ops import op_kind
from edgecnn.tflite.reading import (
    Operator,
    TensorInfo,
    TfliteModel,
    weights_of,
)

FLOAT32, INT8 = "float32", "int8"


@dataclass(frozen=True)
class Op:
    """One op that runs.

    Args:
        place: Among the ops of the file, from 0.
        name: Of the layer.
        kind: As ``"CONV_2D"``.
        output_shape: Of its first result.
        macs: Multiply-adds of one inference.
        read_bytes: Of the values from other ops that it reads.
        weight_bytes: Of the constants that it reads.
        written_bytes: Of its results.
        precision: ``"int8"`` where its weights are integers, else ``"float32"``.
        idle_bytes: Moved by other ops since it, or another, last used what it moves most of.
    """

    place: int
    name: str
    kind: str
    output_shape: tuple[int, ...]
    macs: int
    read_bytes: int
    weight_bytes: int
    written_bytes: int
    precision: str
    idle_bytes: int = 0

    @property
    def own_bytes(self) -> int:
        """Of its weights or of its results, whichever are more."""
        return max(self.weight_bytes, self.written_bytes)

    @property
    def bytes(self) -> int:
        """All that it moves if each value is read or written once."""
        return self.read_bytes + self.weight_bytes + self.written_bytes


def running_ops(model: TfliteModel) -> list[Op]:
    """Return the ops that run in every inference, in the file's order.

    Those that widen constants when the file is loaded are none of them.

    Args:
        model: The file's structure; its first subgraph counts.

    Example:
        >>> [op.kind for op in running_ops(read_model("mobilenet_v2.tflite"))][:2]
        ['CONV_2D', 'DEPTHWISE_CONV_2D']
    """
    running = [
        (place, op)
        for place, op in enumerate(model.operators)
        if not op.outputs or op.outputs[0].name not in model.widened
    ]
    found = []
    for (place, op), row in zip(running, operator_rows(model), strict=True):
        weights = [t for t in op.inputs if t and (t.is_constant or t.name in model.widened)]
        values = [t for t in op.inputs if t and t not in weights]
        found.append(
            Op(
                place=place,
                name=row.name,
                kind=row.kind,
                output_shape=op.outputs[0].shape if op.outputs else (),
                macs=row.macs,
                read_bytes=_bytes(values),
                weight_bytes=_bytes(weights),
                written_bytes=_bytes(op.outputs),
                precision=_precision(op, model),
            )
        )
    return found


def _bytes(tensors: Iterable[TensorInfo]) -> int:
    """Count each tensor once, however often it is read."""
    once = {tensor.index: tensor for tensor in tensors}
    return sum(tensor.constant_bytes or tensor_bytes(tensor) for tensor in once.values())


def _precision(op: Operator, model: TfliteModel) -> str:
    weights = weights_of(op) if op_kind(op.name).has_weights else None
    if weights is None or weights.name in model.widened:
        return FLOAT32
    return INT8 if weights.dtype in ("int8", "uint8", "int4") else FLOAT32

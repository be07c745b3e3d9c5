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

IN_FLOAT32, IN_INT8 = "float32", "int8"


@dataclass(frozen=True)
class ProfiledOp:
    """One op that runs in every inference.

    Args:
        place: Its number among the ops of the file, from 0.
        name: Name of its layer.
        kind: Its kind: ``"CONV_2D"``.
        output_shape: Shape of its first result.
        macs: Multiply-adds of one inference.
        read_bytes: Bytes that it reads of other ops' results.
        weight_bytes: Bytes that it reads of constants.
        written_bytes: Bytes of its results.
        precision: ``"int8"`` where its weights are integers, else ``"float32"``.
        idle_bytes: Bytes that other ops move between two uses of the memory that it moves most of:
            its weights, or where its results are written.
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
        """Bytes of its weights or of its results, whichever are more."""
        return max(self.weight_bytes, self.written_bytes)

    @property
    def bytes(self) -> int:
        """Bytes that it moves if each value is read or written once."""
        return self.read_bytes + self.weight_bytes + self.written_bytes


def running_ops(model: TfliteModel) -> list[ProfiledOp]:
    """Return the ops that run in every inference, in the file's order.

    Ops that widen constants when the file is loaded are not among them.

    Args:
        model: The file's structure, of which the first subgraph counts.

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
            ProfiledOp(
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
    """Return the bytes of some tensors, each counted once however often it is read."""
    once = {tensor.index: tensor for tensor in tensors}
    return sum(tensor.constant_bytes or tensor_bytes(tensor) for tensor in once.values())


def _precision(op: Operator, model: TfliteModel) -> str:
    weights = weights_of(op) if op_kind(op.name).has_weights else None
    if weights is None or weights.name in model.widened:
        return IN_FLOAT32
    return IN_INT8 if weights.dtype in ("int8", "uint8", "int4") else IN_FLOAT32

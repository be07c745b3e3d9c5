"""The ops of a ``.tflite`` file as a profile sees them: their multiply-adds and their bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgecnn.tflite.cost import operator_rows
from edgecnn.tflite.memory import tensor_bytes
from edgecnn.tflite.numbers import FLOAT32, INT8, numbers_of
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, TensorInfo

IN_FLOAT32, IN_INT8 = FLOAT32.name, INT8.name


@dataclass(frozen=True)
class RunningOp:
    """One op that runs in every inference.

    Args:
        place: Number of the op among the ops of the file, from 0.
        name: Name of the op's layer.
        kind: Kind of the op: ``"CONV_2D"``.
        output_shape: Shape of the op's first result.
        macs: Multiply-adds of the op in one inference.
    """

    place: int
    name: str
    kind: str
    output_shape: tuple[int, ...]
    macs: int


@dataclass(frozen=True)
class ProfiledOp(RunningOp):
    """An op with the bytes that it moves.

    Args:
        read_bytes: Bytes of other ops' results that the op reads.
        weight_bytes: Bytes of constants that the op reads.
        written_bytes: Bytes of the op's results.
        precision: ``"int8"`` where the op's weights are integers, else ``"float32"``.
        idle_bytes: Bytes that other ops move between two uses of the op's weights, or of the memory
            of its results if these are larger.
    """

    read_bytes: int
    weight_bytes: int
    written_bytes: int
    precision: str
    idle_bytes: int = 0

    @property
    def own_bytes(self) -> int:
        """Bytes of the op's weights or of its results, whichever are more."""
        return max(self.weight_bytes, self.written_bytes)

    @property
    def bytes(self) -> int:
        """Bytes that the op moves if each value is read or written once."""
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
        if not op.outputs or op.outputs[0].name not in model.widened_constants
    ]
    profiled = []
    for (place, op), row in zip(running, operator_rows(model), strict=True):
        weights = [
            t for t in op.inputs if t and (t.is_constant or t.name in model.widened_constants)
        ]
        values = [t for t in op.inputs if t and t not in weights]
        profiled.append(
            ProfiledOp(
                place=place,
                name=row.name,
                kind=row.kind,
                output_shape=op.outputs[0].shape if op.outputs else (),
                macs=row.macs or 0,
                read_bytes=_bytes(values),
                weight_bytes=_bytes(weights),
                written_bytes=_bytes(op.outputs),
                precision=_precision(op, model),
            )
        )
    return profiled


def _bytes(tensors: Iterable[TensorInfo]) -> int:
    """Return the bytes of tensors; a tensor that is read several times counts once."""
    once = {tensor.index: tensor for tensor in tensors}
    return sum(tensor.constant_bytes or tensor_bytes(tensor) for tensor in once.values())


def _precision(op: Operator, model: TfliteModel) -> str:
    weights = op.weights
    if weights is None or weights.name in model.widened_constants:
        return IN_FLOAT32
    return IN_INT8 if numbers_of(weights.dtype).is_integer else IN_FLOAT32

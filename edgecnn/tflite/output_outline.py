"""The outline of a model's outputs: all that tells what an output is without running the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, TensorInfo
from edgecnn.tflite.tensors_and_ops import Op, Tensor

UNIT_LENGTH = "unit length"
"""What :attr:`OutputOutline.ending` says of values that were divided by their length."""

RESIZING_OPS = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
"""Ops that enlarge a map, and change nothing of what its values mean."""

_ROOTS = ("RSQRT", "SQRT")
_SQUARES = ("SQUARE", "MUL", "POW")
_MOST_STEPS = 6


@dataclass(frozen=True)
class OutlinePart:
    """A part of an output that is joined of several.

    Args:
        shape: The part's shape with the batch.
        ending: As :attr:`OutputOutline.ending`.
    """

    shape: tuple[int, ...]
    ending: str | None


@dataclass(frozen=True)
class OutputOutline:
    """An output, and how its values come about.

    Args:
        name: Name of the output, by which programs ask for it.
        shape: The shape with the batch.
        dtype: Element type: ``"float32"``.
        ending: Kind of the op that makes the values, past ops that only pass values on or enlarge a
            map: ``"SOFTMAX"``; :data:`UNIT_LENGTH` where several ops together divide by the length;
            None where no op makes them.
        is_resized: Whether a map is enlarged behind the op that makes its values.
        parts: The parts of an output that is joined of several, in their order.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    ending: str | None = None
    is_resized: bool = False
    parts: tuple[OutlinePart, ...] = ()

    @property
    def sides(self) -> tuple[int, ...]:
        """The shape without the batch."""
        return self.shape[1:]

    @property
    def activation(self) -> str | None:
        """``"softmax"`` or ``"sigmoid"`` if that makes the values, else None."""
        return PROBABILITY_OPS.get(self.ending or "")


@dataclass(frozen=True)
class ModelOutline:
    """The ends of a model.

    Args:
        inputs: Shape of each input with the batch.
        outputs: The outputs, in the model's own order.
    """

    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[OutputOutline, ...]


def outline_of_file(model: TfliteModel) -> ModelOutline:
    """Return the outline of a file.

    Args:
        model: The file's structure.

    Example:
        >>> outline_of_file(read_model("mobilenet_v2.tflite")).outputs[0].ending
        'SOFTMAX'
    """
    makers = {result.index: op for op in model.operators for result in op.outputs}
    names = _signature_names(model)
    walk = _Walk(lambda tensor: makers.get(tensor.index), lambda op: str(op.name))
    outputs = [
        walk.outline(tensor, name) for tensor, name in zip(model.outputs, names, strict=True)
    ]
    return ModelOutline(tuple(tensor.shape for tensor in model.inputs), tuple(outputs))


def input_names(model: TfliteModel) -> list[str]:
    """Return the names of a file's inputs: those of its signature, else those of its tensors.

    Args:
        model: The file's structure.

    Example:
        >>> input_names(read_model("two_inputs.tflite"))
        ['image', 'gaze']
    """
    names: dict[int, str] = {}
    for signature in model.signatures:
        if signature.subgraph == model.subgraph:
            names = dict(zip(signature.tensors, signature.inputs, strict=False)) | names
    return [names.get(tensor.index, tensor.name) for tensor in model.inputs]


def outline_of_graph(graph: Graph, names: Sequence[str]) -> ModelOutline:
    """Return the outline of a graph.

    Args:
        graph: The graph.
        names: Name of each output, in the order of the graph.
    """
    walk = _Walk(graph.maker, lambda op: str(op.kind))
    outputs = [walk.outline(each, name) for each, name in zip(graph.outputs, names, strict=True)]
    return ModelOutline(tuple(tensor.shape for tensor in graph.inputs), tuple(outputs))


def _signature_names(model: TfliteModel) -> list[str]:
    """Return the names of a file's outputs: those of its signature, else those of its tensors."""
    names: dict[int, str] = {}
    for signature in model.signatures:
        if signature.subgraph == model.subgraph:
            names = dict(zip(signature.output_tensors, signature.outputs, strict=False)) | names
    return [names.get(tensor.index, tensor.name) for tensor in model.outputs]


class _Walk:
    """The walk from outputs back to the ops that make their values, in a file or in a graph."""

    def __init__(self, maker: Callable[[Any], Any], kind: Callable[[Any], str]) -> None:
        self._maker, self._kind = maker, kind

    def outline(self, tensor: Tensor | TensorInfo, name: str) -> OutputOutline:
        op, is_resized = self._origin(tensor)
        parts: tuple[OutlinePart, ...] = ()
        if op is not None and self._kind(op) == "CONCATENATION":
            parts = tuple(self._part(each) for each in op.inputs if each is not None)
        return OutputOutline(
            name, tuple(tensor.shape), tensor.dtype, self._ending(op), is_resized, parts
        )

    def _part(self, tensor: Tensor | TensorInfo) -> OutlinePart:
        return OutlinePart(tuple(tensor.shape), self._ending(self._origin(tensor)[0]))

    def _origin(self, tensor: Any) -> tuple[Op | Operator | None, bool]:
        """Return the op that makes a tensor's values, and whether they are enlarged after it."""
        is_resized = False
        for _ in range(1000):
            op = self._maker(tensor)
            if op is None or not op.inputs or op.inputs[0] is None:
                return op, is_resized
            resizes = self._kind(op) in RESIZING_OPS
            if not (op.traits.passes_values or resizes):
                return op, is_resized
            is_resized |= resizes
            tensor = op.inputs[0]
        return None, is_resized

    def _ending(self, op: Any) -> str | None:
        if op is None:
            return None
        kind = self._kind(op)
        if kind == "L2_NORMALIZATION" or (kind in ("MUL", "DIV") and self._divides_by_length(op)):
            return UNIT_LENGTH
        return kind

    def _divides_by_length(self, op: Any) -> bool:
        """Say whether an op divides values by the root of the sum of their squares."""
        for factor in op.inputs:
            kinds = list(self._kinds_behind(factor))
            roots = [place for place, kind in enumerate(kinds) if kind in _ROOTS]
            if roots and "SUM" in kinds[roots[0] :] and kinds[-1] in _SQUARES:
                return True
        return False

    def _kinds_behind(self, tensor: Any) -> Iterator[str]:
        """Yield the kinds of the ops that lead to a tensor, back to what squares values."""
        for _ in range(_MOST_STEPS):
            op = None if tensor is None else self._maker(tensor)
            if op is None:
                return
            yield self._kind(op)
            if self._kind(op) in _SQUARES:
                return
            tensor = op.inputs[0] if op.inputs else None

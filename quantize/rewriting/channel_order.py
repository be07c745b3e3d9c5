"""Parts of a graph with channels first, between two TRANSPOSE ops, get their channels last.

Importers of ONNX and PyTorch leave such parts, as the layers that they come from have channels
first: an activation, squeeze-and-excite, or a mean of each channel before the last layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.tensors_and_ops import Op, Tensor

TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
"""Orders of sides by which a TRANSPOSE brings the channels to the second place, and back."""

SAME_FOR_EACH_VALUE = frozenset(
    ("ABS", "ELU", "EXP", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "NEG", "RELU", "RELU6",
     "RELU_0_TO_1", "RELU_N1_TO_1", "RSQRT", "SQRT", "SQUARE", "TANH")
)  # fmt: skip
PAIRWISE = frozenset(("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB"))

MAP_AXES, TURNED_MAP_AXES = {2, 3}, [1, 2]
"""Height and width, with channels first and last."""


@dataclass
class _ChannelsFirst:
    """A part of a graph whose tensors have their channels first, in the order of its discovery.

    Args:
        tensors: The tensors, which get their channels last.
        entries: Ops that bring channels to the second place; they go.
        exits: Ops that bring them back; they go.
        means: Means over height and width.
    """

    tensors: dict[Tensor, None] = field(default_factory=dict)
    entries: dict[Op, None] = field(default_factory=dict)
    exits: dict[Op, None] = field(default_factory=dict)
    means: dict[Op, None] = field(default_factory=dict)


def turn_parts(graph: Graph) -> None:
    """Take out the TRANSPOSE ops around each part of a graph that computes as well without them.

    Args:
        graph: A float graph, changed in place.
    """
    for op in [op for op in graph.ops if _turns(op, TO_FIRST)]:
        if op in graph.ops:
            part = _part(graph, op)
            if part is not None:
                _turn(graph, part)


def _turns(op: Op, order: list[int]) -> bool:
    if op.kind != "TRANSPOSE" or op.inputs[1] is None or not op.inputs[1].is_constant:
        return False
    return op.inputs[1].values.ravel().tolist() == order


def _last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1])


def _part(graph: Graph, start: Op) -> _ChannelsFirst | None:
    """Return the part that an op leads into; None if something in it needs channels first."""
    part, waiting = _ChannelsFirst(), [start.result]
    while waiting:
        tensor = waiting.pop()
        if tensor in part.tensors:
            continue
        part.tensors[tensor] = None
        maker = graph.maker(tensor)
        if tensor in graph.outputs or maker is None or len(tensor.shape) != 4:
            return None
        if _turns(maker, TO_FIRST) or _is_reshaped_to_first(maker):
            part.entries[maker] = None
        elif not _go_on(graph, part, maker, waiting):
            return None
        if not all(_go_on(graph, part, op, waiting) for op in graph.readers(tensor)):
            return None
    return part


def _is_reshaped_to_first(op: Op) -> bool:
    return op.kind == "RESHAPE" and op.source.shape == _last(op.result.shape)


def _go_on(graph: Graph, part: _ChannelsFirst, op: Op, waiting: list[Tensor]) -> bool:
    """Add the tensors that an op connects; False if it needs its channels where they are."""
    if _turns(op, TO_LAST):
        part.exits[op] = None
        return op.result not in graph.outputs
    if op.kind == "RESHAPE" and op.source.shape[2:] == (1, 1):
        if op.result.shape == _last(op.source.shape) and op.result not in graph.outputs:
            part.exits[op] = None
        return True  # values of one position have the same order either way
    if op.kind == "MEAN":
        part.means[op] = None
        axes = op.inputs[1]
        if axes is None or not axes.is_constant or set(axes.values.ravel().tolist()) != MAP_AXES:
            return False
        waiting += [op.source, *([op.result] if op.options.keepDims else [])]
        return True
    if op.kind not in SAME_FOR_EACH_VALUE | PAIRWISE:
        return False
    if any(tensor.elements != 1 for tensor in op.constant_inputs):
        return False
    waiting += [*op.activation_inputs, op.result]
    return True


def _turn(graph: Graph, part: _ChannelsFirst) -> None:
    for tensor in part.tensors:
        tensor.shape = _last(tensor.shape)
    for op in part.means:
        axes = Tensor(len(graph.tensors), f"{op.result.name}/axes", (2,), "int32")
        axes.values = np.array(TURNED_MAP_AXES, np.int32)
        graph.tensors.append(axes)
        graph.set_input(op, 1, axes)
    for op in [*part.entries, *part.exits]:
        graph.rewire(op.result, op.source)
        graph.replace([op], [])

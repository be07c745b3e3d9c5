"""The leading ops of a traced TensorFlow graph: what they make of each channel of an image.

TensorFlow's converter folds some of them into the first convolution: ``x / 255`` cannot be seen in
its file any more. So they are converted alone, which takes a few hundredths of a second.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import ConversionError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.leading_ops import leading_channel_map
from edgecnn.tflite.serialization import read_graph

tf = LazyModule("tensorflow", extra="convert")

SHAPE_READERS = frozenset({"Rank", "Shape", "ShapeN", "Size"})
"""Ops that look at a shape alone, which is known."""

CONSTANT_OPS = SHAPE_READERS | {
    "Const", "Less", "Maximum", "Minimum", "Prod", "Range", "Rsqrt", "SelectV2", "Sqrt",
}  # fmt: skip
"""Ops that may make a constant, beside those that may lead."""

MOVING_OPS = frozenset(
    {
        "CheckNumerics", "EnsureShape", "ExpandDims", "Identity", "MirrorPad", "Pad", "PadV2",
        "PreventGradient", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor", "Squeeze",
        "StopGradient", "Transpose",
    }
)  # fmt: skip
"""Ops that leave the values of pixels as they are."""

LEADING_OPS = MOVING_OPS | {
    "Add", "AddV2", "BiasAdd", "Cast", "ConcatV2", "Div", "FusedBatchNorm", "FusedBatchNormV2",
    "FusedBatchNormV3", "GatherV2", "MatMul", "Mul", "Neg", "Pack", "RealDiv", "ReverseV2",
    "Slice", "Split", "SplitV", "StridedSlice", "Sub", "Unpack",
}  # fmt: skip
"""Ops that may act on each pixel alone."""

MOST_LEADING_OPS = 100
"""More ops than preprocessing has: a network that goes on like that has no end to be looked at."""


def traced_channel_map(graph: Any) -> ChannelMap | None:
    """Return what the ops before the first that mixes pixels make of a traced graph's image.

    Args:
        graph: A TensorFlow graph without variables, with inputs of known shapes.

    Returns:
        The map; None where there is not one input that is a picture, or where those who read
        it get different things.
    """
    shape = graph.inputs[0].shape.as_list() if len(graph.inputs) == 1 else []
    if len(shape) not in (3, 4):
        return None
    leading = _leading_part(graph)
    if leading is None:
        return ChannelMap.identity(shape[3] if len(shape) == 4 else 1)
    try:
        return leading_channel_map(read_graph(convert_traced(leading)))
    except ConversionError:
        return None  # The whole graph has the same ops, and its conversion tells what is wrong.


@dataclass(frozen=True)
class _LeadingPart:
    """A part of a TensorFlow graph, as the converter takes it."""

    ops: tuple[Any, ...]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]

    def as_graph_def(self) -> Any:
        definition = tf.compat.v1.GraphDef()
        for op in self.ops:
            node = definition.node.add()
            node.CopyFrom(op.node_def)
            # A function's call leaves edges that only say what comes first.
            node.input[:] = [name for name in node.input if not name.startswith("^")]
        definition.versions.producer = tf.version.GRAPH_DEF_VERSION
        return definition


def _leading_part(graph: Any) -> _LeadingPart | None:
    """Return the ops that may act on each pixel alone; None where they change no value."""
    image = graph.inputs[0]
    reached = {image.name: image}
    ends: dict[str, Any] = {}
    needed = {image.op.name: image.op}
    leads_to_outputs = _ancestors(graph.outputs)
    for op in graph.get_operations():
        read = [tensor for tensor in op.inputs if tensor.name in reached]
        if not read or op.type in SHAPE_READERS or op.name not in leads_to_outputs:
            continue
        others = [tensor.op for tensor in op.inputs if tensor.name not in reached]
        constants = _constants(others, needed)
        if not _may_lead(op) or constants is None or len(needed) > MOST_LEADING_OPS:
            ends.update((tensor.name, tensor) for tensor in read)
            continue
        needed.update(constants)
        needed[op.name] = op
        reached.update((tensor.name, tensor) for tensor in op.outputs)
    if all(op.type in MOVING_OPS | CONSTANT_OPS | {"Placeholder"} for op in needed.values()):
        return None
    outputs = tuple(ends.values()) or tuple(graph.outputs)
    return _LeadingPart(tuple(needed.values()), (image,), outputs)


def _may_lead(op: Any) -> bool:
    """Say whether an op may act on each pixel alone; a product that leaves one channel may."""
    return op.type in LEADING_OPS and (op.type != "MatMul" or op.outputs[0].shape[-1] == 1)


def _ancestors(tensors: Iterable[Any]) -> set[str]:
    """Return the names of all ops that lead to some tensors; a traced graph has others, too."""
    found: set[str] = set()
    stack = [tensor.op for tensor in tensors]
    while stack:
        op = stack.pop()
        if op.name not in found:
            found.add(op.name)
            stack += [tensor.op for tensor in op.inputs]
    return found


def _constants(ops: Iterable[Any], known: Container[str]) -> dict[str, Any] | None:
    """Return ops with all that lead to them, by name; None where one does not make a constant.

    Args:
        ops: The ops.
        known: Names of ops that are there already; shapes may be taken from these.
    """
    found: dict[str, Any] = {}
    stack = list(ops)
    while stack:
        op = stack.pop()
        if op.name in known or op.name in found:
            continue
        if op.type not in CONSTANT_OPS | LEADING_OPS or len(found) > MOST_LEADING_OPS:
            return None
        found[op.name] = op
        stack += [tensor.op for tensor in op.inputs]
    return found

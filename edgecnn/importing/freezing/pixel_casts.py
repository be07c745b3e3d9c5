"""Pixels that a model takes as whole numbers and makes floats of, taken as floats (in a child).

Graphs are quantised from float32, and what a file takes in the end is another matter. A pixel is
the same number in both, so the two casts, there and back, are left out.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.importing.freezing.graph_messages import node_name

tf = LazyModule("tensorflow", extra="convert")

PASSING = {
    "Identity",
    "Reshape",
    "Transpose",
    "StridedSlice",
    "Slice",
    "Squeeze",
    "ExpandDims",
    "ReverseV2",
    "ResizeNearestNeighbor",
}
"""Ops that move numbers, whatever their type."""


def casts_of_pixels(graph: Any) -> list[Any]:
    """Return the casts of a TensorFlow graph that make whole numbers of its float32 inputs."""
    return [
        op
        for op in graph.get_operations()
        if op.type == "Cast" and op.inputs[0].op.type == "Placeholder" and _is_to_whole(op.node_def)
    ]


def skip_casts_of_pixels(graph: Any) -> None:
    """Take float32 inputs as they are where a graph makes whole numbers, and floats, of them.

    Args:
        graph: A ``GraphDef``, changed; a cast stays whose whole numbers are computed with.
    """
    nodes = {node.name: node for node in graph.node}
    readers: dict[str, list[Any]] = defaultdict(list)
    for node in graph.node:
        for tensor in node.input:
            readers[node_name(tensor)].append(node)
    for node in graph.node:
        if node.op == "Cast" and _is_to_whole(node) and _is_input(nodes, node.input[0]):
            _skip(node, readers)


def _skip(cast: Any, readers: dict[str, list[Any]]) -> None:
    """Let the ops between a cast to whole numbers and those to floats work on floats."""
    between: dict[str, Any] = {}
    ends: dict[str, Any] = {}
    waiting = [cast]
    while waiting:
        maker = waiting.pop()
        for node in readers[maker.name]:
            if _is_floating(node):
                ends[node.name] = node
            elif node.op in PASSING and node_name(node.input[0]) == maker.name:
                if node.name not in between:
                    between[node.name] = node
                    waiting.append(node)
            elif node.op != "Shape":
                return
            else:
                between[node.name] = node
    float32 = tf.float32.as_datatype_enum
    for node in (*between.values(), *ends.values()):
        if "T" in node.attr:
            node.attr["T"].type = float32
    for node in (cast, *(each for each in ends.values() if each.op == "Cast")):
        node.op = "Identity"
        node.attr.clear()
        node.attr["T"].type = float32


def _is_input(nodes: dict[str, Any], tensor: str) -> bool:
    name = node_name(tensor)
    while nodes[name].op == "Identity":
        name = node_name(nodes[name].input[0])
    return bool(nodes[name].op == "Placeholder")


def _is_floating(node: Any) -> bool:
    """Say whether an op makes floats of whole numbers."""
    to_float = node.attr["DstT"].type == tf.float32.as_datatype_enum
    return node.op == "ResizeBilinear" or (node.op == "Cast" and bool(to_float))


def _is_to_whole(node: Any) -> bool:
    types = node.attr
    return bool(
        node.op == "Cast"
        and types["SrcT"].type == tf.float32.as_datatype_enum
        and tf.as_dtype(types["DstT"].type).is_integer
    )

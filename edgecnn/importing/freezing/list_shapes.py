"""Shapes of the lists that loops read and write, where a model left its batch open (in a child).

A loop over time that was saved with an open batch says so of each list that it fills, even when the
batch is known by the time it is converted, and TFLite takes only lists of known shapes.
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.importing.freezing.graph_messages import node_name

tf = LazyModule("tensorflow", extra="convert")

SHAPE_INPUT = {
    "TensorListReserve": 0,
    "TensorListStack": 1,
    "TensorListFromTensor": 1,
    "TensorListGetItem": 2,
}
"""Which input of an op is the shape of a list's elements."""

OPEN = -1


def settle_list_shapes(graph: Any, batch: int) -> None:
    """Give lists whose elements have an open batch, and no other open side, a known one.

    Args:
        graph: A ``GraphDef``, changed.
        batch: The batch of the model's inputs.
    """
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        named = {node.name: node for node in nodes}
        for node in nodes:
            if node.op in SHAPE_INPUT:
                shape = named.get(node_name(node.input[SHAPE_INPUT[node.op]]))
                if shape is not None and shape.op == "Const":
                    _settle(shape.attr["value"].tensor, batch)


def _settle(tensor: Any, batch: int) -> None:
    shape = tf.make_ndarray(tensor)
    if shape.ndim == 1 and [side == OPEN for side in shape] == [True] + [False] * (len(shape) - 1):
        settled = [batch, *shape[1:]]
        tensor.CopyFrom(tf.make_tensor_proto(settled, shape.dtype))

"""Graphs whose weights alone are stored in fewer bits; their activations stay in float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgecnn.quantize.integers.levels import symmetric_levels, to_levels
from edgecnn.quantize.integers.quantizing import conversion
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT16, INT8, Numbers
from edgecnn.tflite.tensors_and_ops import Op, Tensor

LEAST_WEIGHTS = 1024
"""Fewest weights of an op that are worth eight bits; quantising the inputs costs time in each call.
"""

DYNAMIC_VERSIONS = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 9}
"""Kind -> version of its kernel of float activations and 8-bit weights."""

ONE_SCALE_KINDS = frozenset({"FULLY_CONNECTED"})
"""Kinds whose weights have one scale: kernels of dense layers with a scale for each output need
runtime 2.17, and 32-bit boards end at 2.14."""


def half_precision_graph(graph: Graph) -> Graph:
    """Return a graph whose float constants are float16, and are turned into float32 at loading.

    Args:
        graph: A float32 graph; it stays as it is.
    """
    graph = graph.copy()
    constants = {t for op in graph.ops for t in op.constant_inputs if t.is_float}
    ops = []
    for tensor in sorted(constants, key=lambda tensor: tensor.index):
        stored = graph.add_like(tensor, FLOAT16.name)
        stored.dtype = FLOAT16.name
        largest = np.finfo(np.float16).max
        stored.values = np.clip(tensor.values, -largest, largest)
        tensor.data = None
        ops.append(conversion(graph, stored, tensor))
    graph.put_first(ops)
    graph.change_others(half_precision_graph)
    return graph


def dynamic_graph(graph: Graph) -> Graph:
    """Return a graph of 8-bit weights whose kernels quantise each input when they are called.

    Args:
        graph: A float32 graph; it stays as it is.
    """
    graph = graph.copy()
    stored: dict[Tensor, Tensor] = {}
    for op in graph.ops:
        if op.kind not in DYNAMIC_VERSIONS or not op.is_weighted:
            continue
        if op.weights.float_values is not None and op.weights.elements >= LEAST_WEIGHTS:
            _store_weights(graph, op, stored)
    graph.change_others(dynamic_graph)
    return graph


def _store_weights(graph: Graph, op: Op, stored: dict[Tensor, Tensor]) -> None:
    weights = op.weights
    if weights not in stored:
        axis = None if op.kind in ONE_SCALE_KINDS else op.traits.channel_axis
        new = graph.add_like(weights, INT8.name)
        new.name, new.dtype = weights.name, INT8.name
        new.quantization = symmetric_levels(weights.values, axis)
        new.values = to_levels(weights.values, new.quantization, INT8.name, -INT8.largest)
        stored[weights] = new
    graph.set_input(op, 1, stored[weights])
    op.version = DYNAMIC_VERSIONS[op.kind]
    if op.kind in ONE_SCALE_KINDS:
        op.options.asymmetricQuantizeInputs = True


WEIGHTS_ONLY: dict[Numbers, Callable[[Graph], Graph]] = {
    FLOAT16: half_precision_graph,
    INT8: dynamic_graph,
}
"""Numbers of the weights -> what stores them so."""

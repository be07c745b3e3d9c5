"""Ops of a calibrated graph in the form for which XNNPACK has fast 8-bit kernels.

XNNPACK takes over the convolutions of an int8 file on every CPU. An op that it leaves to the plain
kernels costs their time, and the time of handing the map over and back.
"""

from __future__ import annotations

import numpy as np

from edgecnn.quantize.rewriting.factors import absorbers
from edgecnn.quantize.rewriting.hard_swish import decompose_hard_swish, hard_swishes
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.tensors_and_ops import Op

OPS_ADDED = 0.1
"""Number of ops that an int8 file may gain, as a part of the ops that it has. The largest maps come
first and hold most of the values; hardware with its own kernel of hard-swish keeps the other ones.
"""


def use_fast_kernels(graph: Graph) -> None:
    """Rewrite a calibrated float graph so that its int8 file is faster.

    Args:
        graph: A calibrated float graph, changed in place.
    """
    average_by_convolution(graph)
    rectify_by_product(graph)
    square_by_product(graph)
    decompose_largest_hard_swishes(graph)


def average_by_convolution(graph: Graph) -> None:
    """Pool averages by depthwise convolutions, where each average is over as many values.

    A pool of a single average is left: its constants would weigh more than its time.
    """
    for op in graph.ops:
        if op.kind != "AVERAGE_POOL_2D":
            continue
        _, height, width, _ = op.result.shape
        if not op.has_same_padding and height * width > 1:
            graph.replace([op], [_averaging(graph, op)])


def _averaging(graph: Graph, op: Op) -> Op:
    pool, result = op.options, op.result
    shape = (1, pool.filterHeight, pool.filterWidth, result.shape[3])
    kernel = np.full(shape, 1 / (pool.filterHeight * pool.filterWidth))
    constants = [
        graph.add_constant(kernel, f"{result.name}/kernel"),
        graph.add_constant(np.zeros(shape[3]), f"{result.name}/bias"),
    ]
    return graph.new_depthwise([op.source, *constants], result, op.strides, op.activation)


def rectify_by_product(graph: Graph) -> None:
    """Make products with 1 and a fused ReLU of rectifiers that stand alone, as Xception's do."""
    for op in graph.ops:
        if op.kind in ("RELU", "RELU6"):
            rectifier = int(Activation[op.kind])
            inputs = [op.source, graph.scalar_constant(1.0)]
            new = graph.new_op("MUL", inputs, op.result, fusedActivationFunction=rectifier)
            graph.replace([op], [new])


def square_by_product(graph: Graph) -> None:
    """Make products of squares, which have no integer kernel.

    Args:
        graph: A calibrated float graph, changed in place.
    """
    for op in graph.ops:
        if op.kind == "SQUARE" and op.source.is_float:
            graph.replace([op], [graph.new_op("MUL", [op.source, op.source], op.result)])


def decompose_largest_hard_swishes(graph: Graph) -> None:
    """Put cheaper ops in the place of the largest HARD_SWISH ops.

    A HARD_SWISH becomes ADD and MUL if the kernels that read it can take the factor of a sixth,
    else ADD, MUL and MUL.
    """
    budget = int(OPS_ADDED * len(graph.ops))
    for op in sorted(hard_swishes(graph), key=lambda op: -op.result.elements):
        cost = 2 if absorbers(graph, op.result) is None else 1
        if cost <= budget:
            budget -= cost
            decompose_hard_swish(graph, op)

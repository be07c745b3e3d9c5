"""Ops of a calibrated graph in the form for which XNNPACK has fast 8-bit kernels.

It takes over the convolutions of an int8 file on every CPU. What it leaves to the plain kernels
costs their time, and that of handing the map over and back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.quantize.hard_swish import hard_swishes, spell_out
from edgecnn.tflite.graph import Graph

OPS_ADDED = 0.1
"""How many ops an int8 file may gain, as a part of those it has. The largest maps come first and
hold most of the values; hardware with a kernel of its own for hard-swish keeps the others."""


def with_fast_kernels(content: bytes) -> bytes:
    """Return a copy of a calibrated float model that is faster when it is quantised to int8.

    Args:
        content: What ``with_ranges`` made.
    """
    graph = Graph(content)
    if not graph.is_alone:
        return content
    average_by_convolution(graph)
    rectify_by_product(graph)
    spell_out_largest(graph)
    return graph.content()


def average_by_convolution(graph: Graph) -> None:
    """Pool averages by depthwise convolutions, where each average is over as many values.

    A single one is left: its constants would weigh more than its time.
    """
    for op in graph.operators:
        if graph.kind(op) != "AVERAGE_POOL_2D":
            continue
        _, height, width, _ = graph.shape(int(op.outputs[0]))
        if op.builtinOptions.padding == graph.schema.Padding.VALID and height * width > 1:
            graph.replace([op], [_averaging(graph, op)])


def _averaging(graph: Graph, op: Any) -> Any:
    (source,), (result,) = map(int, op.inputs), map(int, op.outputs)
    pool, name = op.builtinOptions, graph.name(result)
    shape = (1, pool.filterHeight, pool.filterWidth, graph.shape(result)[3])
    kernel = np.full(shape, 1 / (pool.filterHeight * pool.filterWidth))
    constants = [
        graph.add_constant(kernel, f"{name}/kernel"),
        graph.add_constant(np.zeros(shape[3]), f"{name}/bias"),
    ]
    return graph.depthwise(
        [source, *constants], result, (pool.strideH, pool.strideW), graph.activation(op)
    )


def rectify_by_product(graph: Graph) -> None:
    """Make products with 1 and a fused ReLU of rectifiers that stand alone, as Xception's do."""
    for op in graph.operators:
        if graph.kind(op) in ("RELU", "RELU6"):
            rectifier = getattr(graph.schema.ActivationFunctionType, graph.kind(op))
            inputs, result = [int(op.inputs[0]), graph.number(1.0)], int(op.outputs[0])
            new = graph.operator("MUL", inputs, result, fusedActivationFunction=rectifier)
            graph.replace([op], [new])


def spell_out_largest(graph: Graph) -> None:
    """Put cheaper ops in the place of the largest HARD_SWISH ops.

    Each becomes ADD and MUL if the kernels that read it can take the sixth, else ADD, MUL, MUL.
    """
    found = sorted(hard_swishes(graph), key=lambda op: -graph.elements(int(op.outputs[0])))
    budget = int(OPS_ADDED * len(graph.operators))
    for op in found:
        cost = 2 if graph.absorbers(int(op.outputs[0])) is None else 1
        if cost <= budget:
            budget -= cost
            spell_out(graph, op)

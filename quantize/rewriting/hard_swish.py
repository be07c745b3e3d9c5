"""Hard-swish, x * relu6(x + 3) / 6, as additions and products of a calibrated float graph.

There is no 16-bit kernel of it; and its 8-bit one is not among those of XNNPACK, so on a CPU each
takes several times as long as the ops in its place.
"""

from __future__ import annotations

from edgecnn.quantize.rewriting.factors import absorbers, scale_kernel
from edgecnn.tflite.graph import Graph, Op
from edgecnn.tflite.ops import Activation


def spell_out_all(graph: Graph) -> None:
    """Put additions and products in the place of each HARD_SWISH.

    Args:
        graph: A calibrated float graph, changed in place.
    """
    for op in hard_swishes(graph):
        spell_out(graph, op)


def hard_swishes(graph: Graph) -> list[Op]:
    """Return the HARD_SWISH ops of a graph."""
    return [op for op in graph.ops if op.kind == "HARD_SWISH"]


def spell_out(graph: Graph, op: Op) -> None:
    """Put ADD and MUL in the place of a hard-swish, and MUL by a sixth if no kernel takes it.

    The ranges of what comes between follow from the function: relu6 gives 0 to 6, and the product
    six times the op's own range.

    Args:
        graph: A calibrated float graph, changed in place.
        op: A HARD_SWISH of it.
    """
    x, result = op.source, op.result
    gate = graph.like(result, "gate", range=(0.0, 6.0))
    add = graph.new_op(
        "ADD", [x, graph.number(3.0)], gate, fusedActivationFunction=int(Activation.RELU6)
    )
    taking = absorbers(graph, result)
    if taking is not None:
        for target in taking.kernels:
            scale_kernel(graph, target, 1 / 6)
        for tensor in taking.tensors:
            if tensor.range is not None:
                tensor.range = (6.0 * tensor.range[0], 6.0 * tensor.range[1])
        graph.replace([op], [add, graph.new_op("MUL", [x, gate], result)])
        return
    assert result.range is not None
    low, high = result.range
    product = graph.like(result, "product", range=(6 * low, 6 * high))
    first = graph.new_op("MUL", [x, gate], product)
    second = graph.new_op("MUL", [product, graph.number(1 / 6)], result)
    graph.replace([op], [add, first, second])

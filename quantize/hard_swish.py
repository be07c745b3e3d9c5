"""Hard-swish, x * relu6(x + 3) / 6, as additions and products of a calibrated float model.

There is no 16-bit kernel of it; and its 8-bit one is not among those of XNNPACK, so on a CPU each
takes several times as long as the ops in its place.
"""

from __future__ import annotations

from typing import Any

from edgecnn.tflite.graph import Graph


def without_hard_swish(content: bytes) -> bytes:
    """Return a copy of a calibrated float model that has no HARD_SWISH.

    Args:
        content: What ``with_ranges`` made.
    """
    graph = Graph(content)
    found = hard_swishes(graph)
    for op in found:
        spell_out(graph, op)
    return graph.content() if found else content


def hard_swishes(graph: Graph) -> list[Any]:
    """Return the HARD_SWISH ops of a graph."""
    return [op for op in graph.operators if graph.kind(op) == "HARD_SWISH"]


def spell_out(graph: Graph, op: Any) -> None:
    """Put ADD and MUL in the place of a hard-swish, and MUL by a sixth if no kernel takes it.

    The ranges of what comes between follow from the function: relu6 gives 0 to 6, and the product
    six times the op's own range.
    """
    relu6 = graph.schema.ActivationFunctionType.RELU6
    (x,), (result,) = map(int, op.inputs), map(int, op.outputs)
    gate = graph.like(result, "gate", extremes=(0.0, 6.0))
    add = graph.operator("ADD", [x, graph.number(3.0)], gate, fusedActivationFunction=relu6)
    absorbers = graph.absorbers(result)
    if absorbers is not None:
        for target in absorbers.kernels:
            graph.scale_kernel(target, 1 / 6)
        for tensor in absorbers.tensors:
            graph.widen(tensor, 6.0)
        graph.replace([op], [add, graph.operator("MUL", [x, gate], result)])
        return
    low, high = graph.range(result)
    product = graph.like(result, "product", extremes=(6 * low, 6 * high))
    first = graph.operator("MUL", [x, gate], product)
    second = graph.operator("MUL", [product, graph.number(1 / 6)], result)
    graph.replace([op], [add, first, second])

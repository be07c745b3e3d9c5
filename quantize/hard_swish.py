"""Hard-swish, x * relu6(x + 3) / 6, as additions and products of a calibrated float model.

There is no 16-bit kernel of it; and its 8-bit one is not among those of XNNPACK, so on a CPU each
takes several times as long as the ops in its place.
"""

from __future__ import annotations

from typing import Any

from edgecnn.quantize.surgery import Graph

OPS_ADDED = 0.1
"""How many ops an int8 file may gain, as a part of those it has. The largest maps come first and
hold most of the values; hardware with a kernel of its own for hard-swish keeps the others."""


def without_hard_swish(content: bytes) -> bytes:
    """Return a copy of a calibrated float model with each HARD_SWISH as ADD, MUL, MUL.

    The ranges of what comes between follow from the function: relu6 gives 0 to 6, and the product
    six times the op's own range.

    Args:
        content: What ``with_ranges`` made.
    """
    graph = Graph(content)
    found = _hard_swishes(graph)
    for op in found:
        _spell_out(graph, op)
    return graph.content() if found else content


def with_less_hard_swish(content: bytes) -> bytes:
    """Return a copy of a calibrated float model with the largest HARD_SWISH ops in cheaper ops.

    Each becomes ADD and MUL if the kernels that read it can take the sixth, else ADD, MUL, MUL.

    Args:
        content: What ``with_ranges`` made.
    """
    graph = Graph(content)
    found = sorted(_hard_swishes(graph), key=lambda op: -graph.elements(int(op.outputs[0])))
    budget = int(OPS_ADDED * len(graph.operators))
    for op in found:
        cost = 2 if graph.absorbers(int(op.outputs[0])) is None else 1
        if cost <= budget:
            budget -= cost
            _spell_out(graph, op)
    return graph.content() if found else content


def _hard_swishes(graph: Graph) -> list[Any]:
    return [op for op in graph.operators if graph.kind(op) == "HARD_SWISH"]


def _spell_out(graph: Graph, op: Any) -> None:
    """Put an addition and one or two products in the place of a hard-swish."""
    relu6 = graph.schema.ActivationFunctionType.RELU6
    (x,), (result,) = map(int, op.inputs), map(int, op.outputs)
    gate = graph.like(result, "gate", (0.0, 6.0))
    three = graph.number(3.0)
    add = graph.operator("ADD", [x, three], gate, fusedActivationFunction=relu6)
    absorbers = graph.absorbers(result)
    if absorbers is not None:
        for target in absorbers.kernels:
            graph.scale_kernel(target, 1 / 6)
        for tensor in absorbers.tensors:
            graph.widen(tensor, 6.0)
        graph.replace([op], [add, graph.operator("MUL", [x, gate], result)])
        return
    low, high = graph.range(result)
    product = graph.like(result, "product", (6 * low, 6 * high))
    first = graph.operator("MUL", [x, gate], product)
    second = graph.operator("MUL", [product, graph.number(1 / 6)], result)
    graph.replace([op], [add, first, second])

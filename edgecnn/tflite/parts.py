"""Parts of a graph cut out as files of their own, which the runtime can run alone."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.serialization import write_part
from edgecnn.tflite.tensors_and_ops import Op, Tensor


def part_of_ops(graph: Graph, ops: Sequence[Op]) -> bytes:
    """Return a file of some ops alone.

    The file's inputs are the tensors that the ops read and that are neither constant nor made by
    one of them. Its outputs are the tensors that the ops make and that none of them reads.

    Args:
        graph: The graph of the ops.
        ops: At least one, in an order in which they can run.
    """
    reads = dict.fromkeys(tensor for op in ops for tensor in op.activation_inputs)
    makes = dict.fromkeys(tensor for op in ops for tensor in op.outputs)
    inputs = [tensor for tensor in reads if tensor not in makes]
    return write_part(graph, ops, inputs, [tensor for tensor in makes if tensor not in reads])


def part_between(
    graph: Graph, sources: Sequence[Tensor], results: Sequence[Tensor]
) -> bytes | None:
    """Return the ops between some tensors and others as a file.

    Args:
        graph: The graph of the tensors.
        sources: Tensors that become the inputs.
        results: Tensors that become the outputs, each once.

    Returns:
        The file's bytes; None if a result depends on something else too.
    """
    ops = ops_between(graph, sources, results)
    return None if ops is None else write_part(graph, ops, sources, results)


def ops_between(
    graph: Graph, sources: Sequence[Tensor], results: Sequence[Tensor]
) -> list[Op] | None:
    """Return the ops between some tensors and others, as :func:`part_between` writes them."""
    waiting, between = list(results), set[int]()
    while waiting:
        tensor = waiting.pop()
        maker = graph.maker(tensor)
        if tensor in sources or (maker is not None and id(maker) in between):
            continue
        if maker is None:
            return None
        between.add(id(maker))
        waiting += maker.activation_inputs
    return [op for op in graph.ops if id(op) in between]


def part_after(graph: Graph, place: int, results: Sequence[Tensor]) -> tuple[list[Tensor], bytes]:
    """Cut out the ops from a place on that some results depend on.

    Args:
        graph: The graph of the results.
        place: Place in the graph's order of the first op that may be in the part.
        results: Tensors that become the outputs, each once.

    Returns:
        The tensors that the part reads from the ops before it, and the part as a file whose inputs
        are these tensors.
    """
    needed: set[Tensor] = set(results)
    part: list[Op] = []
    for op in reversed(graph.ops[place:]):
        if needed & set(op.outputs):
            part.append(op)
            needed |= set(op.activation_inputs)
    made = {tensor for op in part for tensor in op.outputs}
    sources = sorted(needed - made, key=lambda tensor: tensor.index)
    return sources, write_part(graph, part[::-1], sources, results)

"""Parts of a graph cut out as files of their own, which the runtime can run alone."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.tflite.graph import Graph, Op, Tensor
from edgecnn.tflite.serialization import write_part


def some_ops(graph: Graph, ops: Sequence[Op]) -> bytes:
    """Return a file of some ops alone.

    Its inputs are what they read that is neither constant nor made by one of them; its outputs are
    what they make and none of them reads.

    Args:
        graph: Where the ops stand.
        ops: At least one, in an order in which they can run.
    """
    reads = dict.fromkeys(tensor for op in ops for tensor in op.reads)
    makes = dict.fromkeys(tensor for op in ops for tensor in op.outputs)
    given = [tensor for tensor in reads if tensor not in makes and not tensor.is_constant]
    return write_part(graph, ops, given, [tensor for tensor in makes if tensor not in reads])


def between(graph: Graph, source: Tensor, result: Tensor) -> bytes | None:
    """Return what lies between two tensors as a file.

    Args:
        graph: Where they stand.
        source: Tensor that becomes the input.
        result: Tensor that becomes the output.

    Returns:
        The file's bytes; None if the result depends on something else too.
    """
    wanted, kept = [result], set[int]()
    while wanted:
        tensor = wanted.pop()
        maker = graph.maker(tensor)
        if tensor is source or (maker is not None and id(maker) in kept):
            continue
        if maker is None:
            return None
        kept.add(id(maker))
        wanted += maker.moving_inputs
    return write_part(graph, [op for op in graph.ops if id(op) in kept], [source], [result])


def after(graph: Graph, place: int, result: Tensor) -> tuple[list[Tensor], bytes]:
    """Cut out what leads to a result, of the ops from a place on.

    Args:
        graph: Where it stands.
        place: Of the first op that may be in the part, in the graph's order.
        result: Tensor that becomes the output.

    Returns:
        The tensors from before that the part reads, and the part as a file whose inputs they are.
    """
    wanted: set[Tensor] = {result}
    kept: list[Op] = []
    for op in reversed(graph.ops[place:]):
        if wanted & set(op.outputs):
            kept.append(op)
            wanted |= set(op.moving_inputs)
    made = {tensor for op in kept for tensor in op.outputs}
    sources = sorted(wanted - made, key=lambda tensor: tensor.index)
    return sources, write_part(graph, kept[::-1], sources, [result])

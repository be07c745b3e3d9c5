"""A graph that takes several examples at once, made one that takes one (in a child).

This is for ``.tflite`` files, which need no TensorFlow: the runtime works their shapes out anew.
Such a file may have the batch in any constant, as its converter computed what it could, so the
answers of both graphs are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.importing.graphs.shapes import settle_shapes
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import STRINGS
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_graph
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

SHAPE_OPERANDS = {"BROADCAST_TO": 1, "FILL": 0, "RESHAPE": 1, "SLICE": 2, "TRANSPOSE_CONV": 0}
"""Kind -> place of the input that holds the shape of the op's result, the batch first."""

TOLERANCE = 1e-3
"""Greatest difference between the answers of both graphs, as a part of the greatest answer."""


def batch_of(graph: Graph) -> int:
    """Return how many examples a graph takes at once: the first side of all its inputs; else 1.

    Example:
        >>> batch_of(read_graph(content))
        4
    """
    batches = {tensor.shape[0] if len(tensor.shape) > 1 else 1 for tensor in graph.inputs}
    return batches.pop() if len(batches) == 1 else 1


def with_batch_of_one(graph: Graph) -> Graph | None:
    """Return a graph that answers one example as a graph answers each of several.

    Args:
        graph: A graph of known shapes; it stays as it is.

    Returns:
        The graph; None where the answers to one example depend on the others, where the shapes
        within the graph do not let the batch change, and for text, which is not compared.
    """
    if any(tensor.dtype == STRINGS for tensor in (*graph.inputs, *graph.outputs)):
        return None
    batch, single = batch_of(graph), graph.copy()
    for tensor in single.tensors:
        if tensor.is_variable and tensor.shape[:1] == (batch,):
            tensor.shape = (1, *tensor.shape[1:])
    for op in single.ops:
        _change_operand(single, op, batch)
    inputs = {tensor: (1, *tensor.shape[1:]) for tensor in single.inputs}
    try:
        settle_shapes(single, inputs)
        return single if _answers_alike(graph, single) else None
    except (RuntimeError, ValueError):
        return None


def _change_operand(graph: Graph, op: Op, batch: int) -> None:
    """Divide the batch in the shape that an op gives its result."""
    place = SHAPE_OPERANDS.get(op.kind)
    if place is None or len(op.inputs) <= place:
        return
    operand = op.inputs[place]
    assert operand is not None
    if not operand.is_constant or not operand.values.size or operand.values[0] % batch:
        return
    if operand.values[0] < batch:
        return  # It is open, and what is left is the batch.
    new = graph.add_like(operand, "of one")
    new.values = np.concatenate([operand.values[:1] // batch, operand.values[1:]])
    graph.set_input(op, place, new)
    if getattr(op.options, "newShape", None) is not None:
        op.options.newShape = new.values


def _answers_alike(several: Graph, single: Graph) -> bool:
    """Say whether a graph of one example answers as the first and last rows of one of several."""
    if batch_of(single) != 1 or any(tensor.shape[:1] != (1,) for tensor in single.outputs):
        return False
    generator = np.random.default_rng(0)
    examples = [_example(tensor, generator) for tensor in several.inputs]
    together = _answers(several, examples)
    for row in (slice(0, 1), slice(-1, None)):
        alone = _answers(single, [example[row] for example in examples])
        for one, all_of_them in zip(alone, together, strict=True):
            row_of_all = all_of_them[row]
            if one.shape != row_of_all.shape or not _is_near(one, row_of_all):
                return False
    return True


def _example(tensor: Tensor, generator: np.random.Generator) -> Array:
    if tensor.is_float:
        return generator.normal(0.0, 1.0, tensor.shape).astype(np.float32)
    return generator.integers(0, 2, tensor.shape).astype(tensor.dtype)


def _answers(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    file = LoadedFile(write_graph(graph))
    file.run(inputs)
    return [file.output(place).copy() for place in range(len(file.outputs))]


def _is_near(one: Array, other: Array) -> bool:
    one, other = one.astype(np.float64), other.astype(np.float64)
    scale = max(float(np.abs(other).max(initial=0)), 1e-6)
    return bool(np.abs(one - other).max(initial=0) <= TOLERANCE * scale)

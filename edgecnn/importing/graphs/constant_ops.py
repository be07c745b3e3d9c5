"""What a graph computes of constants and of shapes alone, computed once (in a child).

Files leave such ops in where a size was open (SHAPE, STRIDED_SLICE, PACK), and where weights are
stored as float16 or sparse (DEQUANTIZE, DENSIFY).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_part
from edgecnn.tflite.subgraphs import called_subgraphs
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

FOLDED_TYPES = frozenset(
    ("bool", "float16", "float32", "float64", "int16", "int32", "int64", "int8", "uint8")
)
"""Element types of results that can become constants."""

RANDOM_KINDS = frozenset(
    ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR")
)
"""Kinds whose results are others in each call."""

MOST_BYTES = 1 << 20
"""Most bytes of a result that becomes a constant, if it is not weights: larger ones, such as a map
of zeros, would make the file larger than the time is worth."""


def fold_constant_ops(graph: Graph, known: Collection[Tensor]) -> bool:
    """Put constants in the place of what a graph computes of constants and of known shapes.

    Args:
        graph: The graph, changed in place.
        known: The tensors whose shapes are known.

    Returns:
        Whether something was folded.

    Raises:
        RuntimeError: The runtime does not take the ops.
        ValueError: The runtime finds the ops corrupt.
    """
    folded = [op for op in graph.ops if op.kind == "SHAPE" and op.source in known]
    for op in folded:
        _make_constant(op.result, np.array(op.source.shape))
    computed = _computed_once(graph, folded)
    for op, values in zip(computed, _results(graph, computed), strict=True):
        is_small = all(value.nbytes <= MOST_BYTES for value in values)
        if _reads_constants(op) and (is_small or op.traits.unpacks_constants):
            for tensor, value in zip(op.outputs, values, strict=True):
                _make_constant(tensor, value)
            folded.append(op)
    graph.replace(folded, [])
    return bool(folded)


def _make_constant(tensor: Tensor, values: Array) -> None:
    tensor.shape, tensor.values = values.shape, values
    tensor.extra = {**tensor.extra, "shapeSignature": None}


def _reads_constants(op: Op) -> bool:
    return all(tensor.is_constant for tensor in op.distinct_inputs)


def _computed_once(graph: Graph, without: Sequence[Op]) -> list[Op]:
    """Return the ops that depend on constants alone, in an order in which they can run."""
    made: set[Tensor] = set()
    ops = []
    for op in graph.ops:
        if op in without or not _may_fold(op, graph):
            continue
        if all(tensor.is_constant or tensor in made for tensor in op.distinct_inputs):
            made.update(op.outputs)
            ops.append(op)
    return ops


def _may_fold(op: Op, graph: Graph) -> bool:
    if op.is_custom or op.kind in RANDOM_KINDS or called_subgraphs(op) or not op.distinct_inputs:
        return False
    results = op.outputs
    if any(tensor.dtype not in FOLDED_TYPES or tensor in graph.outputs for tensor in results):
        return False
    # Quantised weights stay as they are stored.
    return all(tensor.quantization is None for tensor in (*op.distinct_inputs, *results))


def _results(graph: Graph, ops: Sequence[Op]) -> list[list[Array]]:
    """Return copies of what ops make that need no input."""
    if not ops:
        return []
    results = [tensor for op in ops for tensor in op.outputs]
    file = LoadedFile(write_part(graph, ops, [], results), is_plain=True)
    file.run([])
    values = iter([file.output(place).copy() for place in range(len(results))])
    return [[next(values) for _ in op.outputs] for op in ops]

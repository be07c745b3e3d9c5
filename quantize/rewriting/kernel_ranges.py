"""Calibrated ranges as the runtime's integer kernels can use them.

Training can make two kinds of layers that cost accuracy or that the runtime refuses: a layer before
hard-swish whose values reach far below -3, where hard-swish is 0 anyway, and a dead layer, whose
range of next to nothing asks for a greater factor than the kernels have.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

import numpy as np

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.tensors_and_ops import Op, Range

HARD_SWISH_ZERO = -3.0
"""Greatest value from which down hard-swish is 0: a tensor that it alone reads needs no levels
below."""

MOST_GAIN = 128.0
"""Greatest factor from a layer's sums to its result, in integers; the runtime refuses 256."""
MOST_HARD_SWISH_GAIN = 64.0
"""Greatest factor from a range to that of its hard-swish; the runtime refuses 128."""


def fit_ranges_to_kernels(graph: Graph) -> None:
    """Narrow or widen the ranges of a graph so that the runtime's kernels can use them.

    Values that all have the same effect share one level, so no answer changes.

    Args:
        graph: A calibrated float graph, whose ranges are changed in place.
    """
    graph.set_ranges(kernel_ranges(graph, {}))


def kernel_ranges(graph: Graph, ranges: Mapping[int, Range]) -> dict[int, Range]:
    """Return ranges of results as an integer file has them.

    Args:
        graph: A float graph.
        ranges: Tensor index -> range of its values; other tensors have the graph's own ranges.

    Example:
        >>> kernel_ranges(graph, {before_hard_swish.index: (-40.0, 6.0)})
        {9: (-3.0, 6.0)}
    """
    calibrated = {t.index: t.range for t in graph.tensors if t.range is not None} | dict(ranges)
    usable: dict[int, Range] = {}
    for op in graph.ops:
        if op.result.index in calibrated:
            usable[op.result.index] = _usable(graph, op, ChainMap(usable, calibrated))
    return usable


def _usable(graph: Graph, op: Op, ranges: Mapping[int, Range]) -> Range:
    """Return the usable range of an op's result; the ranges of its inputs are usable already."""
    low, high = ranges[op.result.index]
    if {reader.kind for reader in graph.readers(op.result)} == {"HARD_SWISH"}:
        low, high = max(low, HARD_SWISH_ZERO), max(high, 0.0)
    return low, max(high, min(low, 0.0) + _least_span(op, ranges))


def _least_span(op: Op, ranges: Mapping[int, Range]) -> float:
    """Return the narrowest range of a result that the op's kernel can scale its sums to."""
    if op.source.index not in ranges:
        return 0.0
    low, high = ranges[op.source.index]
    span = max(high, 0.0) - min(low, 0.0)
    if op.kind == "HARD_SWISH":
        return span / MOST_HARD_SWISH_GAIN
    kernel = op.weights.float_values if op.traits.is_linear else None
    if kernel is None:
        return 0.0
    return span * float(np.abs(kernel).max()) / INT8.largest / MOST_GAIN

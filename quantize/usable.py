"""Calibrated ranges as the runtime's integer kernels can use them.

Two things that training does make files that lose accuracy or that the runtime refuses: a layer
before hard-swish whose values reach far below -3, where hard-swish is 0 anyway, and a layer that
is dead, whose range of next to nothing asks for a greater factor than the kernels have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.quantize.ranges import Range
from edgecnn.tflite.graph import LINEAR, Graph
from edgecnn.tflite.writing import with_ranges

HARD_SWISH_ZERO = -3.0
"""Hard-swish is 0 from here down: what it alone reads needs no levels below."""

MOST_GAIN = 128.0
"""From a layer's sums to its result, in integers; the runtime refuses 256."""
MOST_HARD_SWISH_GAIN = 64.0
"""From a range to that of its hard-swish; the runtime refuses 128."""


def with_usable_ranges(content: bytes) -> bytes:
    """Return a copy of a calibrated float model whose ranges the runtime's kernels can use.

    Values that all have the same effect share one level, so no answer changes by it.

    Args:
        content: What ``with_ranges`` made.
    """
    graph = Graph(content)
    found = _usable_ranges(graph)
    changed = {tensor: new for tensor, new in found.items() if new != graph.range(tensor)}
    return with_ranges(content, changed) if changed else content


def usable_ranges(content: bytes, ranges: dict[int, Range]) -> dict[int, Range]:
    """Return calibrated ranges as an integer file has them.

    Args:
        content: A float model.
        ranges: Tensor -> range of its values.

    Example:
        >>> usable_ranges(content, {before_hard_swish: (-40.0, 6.0)})
        {9: (-3.0, 6.0)}
    """
    return ranges | _usable_ranges(Graph(with_ranges(content, ranges)))


def _usable_ranges(graph: Graph) -> dict[int, Range]:
    found: dict[int, Range] = {}
    for op in graph.operators:
        tensor = int(op.outputs[0])
        if graph.is_calibrated(tensor):
            found[tensor] = _usable(graph, op, found)
    return found


def _usable(graph: Graph, op: Any, before: Mapping[int, Range]) -> Range:
    tensor = int(op.outputs[0])
    low, high = graph.range(tensor)
    if {graph.kind(reader) for reader in graph.readers(tensor)} == {"HARD_SWISH"}:
        low, high = max(low, HARD_SWISH_ZERO), max(high, 0.0)
    return low, max(high, min(low, 0.0) + _least_span(graph, op, before))


def _least_span(graph: Graph, op: Any, before: Mapping[int, Range]) -> float:
    """Return the narrowest range of a result that the integers of the op can be multiplied to."""
    source = int(op.inputs[0])
    if not graph.is_calibrated(source):
        return 0.0
    low, high = before.get(source, graph.range(source))
    span = max(high, 0.0) - min(low, 0.0)
    if graph.kind(op) == "HARD_SWISH":
        return span / MOST_HARD_SWISH_GAIN
    kernel = graph.constant(int(op.inputs[1])) if graph.kind(op) in LINEAR else None
    return 0.0 if kernel is None else span * float(np.abs(kernel).max()) / 127 / MOST_GAIN

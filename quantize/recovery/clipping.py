"""The range of an activation that makes the least error, instead of its extremes.

A few values far out widen the step for all others. What is cut off counts as an error too, so the
range is as wide as the values deserve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.ranges import Range, Values
from edgecnn.tflite.operators import OpenGraph, scores_tensor

CLIPPABLE = ("CONV_2D", "ADD")
READERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "AVERAGE_POOL_2D")
"""Ops that average over what is cut off. Others pass it on, or have the scale of what they read."""
UNBOUNDED = (0, 1)
"""Fused activations without an upper bound of their own: none, ReLU."""
LEAST_POSITIONS = 16
"""Height times width: values of smaller maps are few, and each says something of a whole image."""

LEVELS = 255
BINS = 2048
LEAST_PART = 0.3
PARTS = 15


def clipped_ranges(
    content: bytes, ranges: Mapping[int, Range], samples: Mapping[int, Values]
) -> dict[int, Range]:
    """Return the ranges with the least mean squared error over the samples.

    The scores keep their extremes: the greatest of them is the answer.

    Args:
        content: The float file.
        ranges: Tensor -> (least, greatest) value.
        samples: Tensor -> some of its values.
    """
    graph, result = OpenGraph(content), dict(ranges)
    scores = scores_tensor(graph)
    for op in graph.operators:
        tensor = int(op.outputs[0])
        if tensor in samples and tensor != scores and _is_clippable(graph, op):
            result[tensor] = best_range(samples[tensor], *ranges[tensor])
    return result


def _is_clippable(graph: OpenGraph, op: Any) -> bool:
    """Whether an op's result has no bound of its own, and is large and averaged over."""
    shape = graph.shape(int(op.outputs[0]))
    return (
        graph.kind(op) in CLIPPABLE
        and graph.activation(op) in UNBOUNDED
        and len(shape) == 4
        and shape[1] * shape[2] >= LEAST_POSITIONS
        and all(graph.kind(reader) in READERS for reader in graph.readers(int(op.outputs[0])))
    )


def best_range(samples: Values, low: float, high: float) -> Range:
    """Search the range within which 256 levels make the least mean squared error.

    Args:
        samples: Values of a tensor.
        low: The least value that it can have.
        high: The greatest.

    Example:
        >>> best_range(np.array([0.1, 0.2, 0.3] * 1000 + [8.0]), 0.0, 8.0)[1] < 8.0
        True
    """
    low, high = min(low, 0.0), max(high, 0.0)
    counts, edges = np.histogram(samples, BINS, (low, high))
    centers = (edges[1:] + edges[:-1]) / 2
    best = (_error(centers, counts, low, high), low, high)
    for moves_low, moves_high in ((True, True), (True, False), (False, True)):
        for bounds in _narrower(best[1], best[2], moves_low, moves_high):
            best = min(best, (_error(centers, counts, *bounds), *bounds))
    return best[1:]


def _narrower(low: float, high: float, moves_low: bool, moves_high: bool) -> Iterator[Range]:
    for part in np.linspace(LEAST_PART, 1.0, PARTS)[:-1]:
        bounds = (low * part if moves_low else low, high * part if moves_high else high)
        if bounds[1] > bounds[0]:
            yield bounds


def _error(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], low: float, high: float
) -> float:
    step = (high - low) / LEVELS
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(values / step) + zero, 0, LEVELS) - zero) * step
    return float(np.dot(counts, (rounded - values) ** 2))

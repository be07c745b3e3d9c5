"""The range of an activation that makes the least error, instead of its extremes.

A few values far out widen the step for all others. What is cut off counts as an error too, so the
range is as wide as the values deserve.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.calibration.ranges import Observed, Values
from edgecnn.quantize.scores import scores_tensor
from edgecnn.tflite.graph import Graph, Op, Range
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.ops import Activation

CLIPPABLE = ("CONV_2D", "ADD")
LEAST_POSITIONS = 16
"""Height times width: values of smaller maps are few, and each says something of a whole image."""

HISTOGRAM_BINS = 2048
LEAST_PART = 0.3
PARTS_TRIED = 15
"""Narrower ranges that are tried on each side, from :data:`LEAST_PART` of the extremes on."""


def clipped_ranges(graph: Graph, observed: Observed) -> dict[int, Range]:
    """Return ranges with the least mean squared error over the samples, where they are narrower.

    The scores keep their extremes: the greatest of them is the answer.

    Args:
        graph: The float graph.
        observed: Its activations.
    """
    scores, found = scores_tensor(graph), {}
    for op in graph.ops:
        index = op.result.index
        if index in observed.samples and op.result is not scores and _is_clippable(graph, op):
            found[index] = best_range(observed.samples[index], *observed.ranges[index])
    return found


def _is_clippable(graph: Graph, op: Op) -> bool:
    """Whether an op's result has no bound of its own, and is large and averaged over."""
    shape = op.result.shape
    return (
        op.kind in CLIPPABLE
        and op.activation is Activation.NONE
        and len(shape) == 4
        and shape[1] * shape[2] >= LEAST_POSITIONS
        # Others pass on what is cut off, or have the scale of what they read.
        and all(reader.known.averages for reader in graph.readers(op.result))
    )


def best_range(samples: Values, low: float, high: float) -> Range:
    """Search the range within which 256 levels make the least mean squared error.

    Args:
        samples: Values of a tensor.
        low: The least value that the tensor can have.
        high: The greatest value that it can have.

    Example:
        >>> best_range(np.array([0.1, 0.2, 0.3] * 1000 + [8.0]), 0.0, 8.0)[1] < 8.0
        True
    """
    low, high = min(low, 0.0), max(high, 0.0)
    counts, edges = np.histogram(samples, HISTOGRAM_BINS, (low, high))
    centers = (edges[1:] + edges[:-1]) / 2
    best = (_error(centers, counts, low, high), low, high)
    for moves_low, moves_high in ((True, True), (True, False), (False, True)):
        for bounds in _narrower(best[1], best[2], moves_low, moves_high):
            best = min(best, (_error(centers, counts, *bounds), *bounds))
    return best[1:]


def _narrower(low: float, high: float, moves_low: bool, moves_high: bool) -> Iterator[Range]:
    for part in np.linspace(LEAST_PART, 1.0, PARTS_TRIED)[:-1]:
        bounds = (low * part if moves_low else low, high * part if moves_high else high)
        if bounds[1] > bounds[0]:
            yield bounds


def _error(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], low: float, high: float
) -> float:
    step = (high - low) / INT8.steps
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(values / step) + zero, 0, INT8.steps) - zero) * step
    return float(np.dot(counts, (rounded - values) ** 2))

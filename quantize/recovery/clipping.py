"""The range of an activation that makes the least error, instead of its extremes.

A few values far out widen the step for all others. Values that are cut off count as errors, too, so
the range of least error is as wide as the values deserve.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.calibration.ranges import ObservedActivations, Values
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.scores import scores_tensors
from edgecnn.tflite.tensors_and_ops import Op, Range

CLIPPABLE = ("CONV_2D", "ADD")
LEAST_POSITIONS = 16
"""Positions of a map, or of the maps that an image became, from which on it is clipped: values of
smaller maps are few, and each says something of a whole image."""

HISTOGRAM_BINS = 2048
LEAST_PART = 0.3
"""Part of the extremes that the narrowest range has."""
PARTS_TRIED = 15
"""Number of ranges that are tried on each side, from :data:`LEAST_PART` of the extremes on."""


def clipped_ranges(graph: Graph, observed: ObservedActivations) -> dict[int, Range]:
    """Return the ranges of the least mean squared error over the samples, by tensor index.

    The scores keep their extremes, as the greatest score is the answer.

    Args:
        graph: The float graph.
        observed: The graph's activations over the calibration images.
    """
    scores, ranges = set(scores_tensors(graph)), {}
    for op in graph.ops:
        index = op.result.index
        if index in observed.samples and op.result not in scores and _is_clippable(graph, op):
            ranges[index] = best_range(observed.samples[index], *observed.ranges[index])
    return ranges


def _is_clippable(graph: Graph, op: Op) -> bool:
    """Whether an op's result has no bound of its own, is large, and is averaged by its readers."""
    shape = op.result.shape
    return (
        op.kind in CLIPPABLE
        and op.activation is Activation.NONE
        and len(shape) == 4
        and math.prod(shape[:3]) >= LEAST_POSITIONS
        # Other readers pass on what is cut off, or have the scale of what they read.
        and all(reader.traits.averages for reader in graph.readers(op.result))
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

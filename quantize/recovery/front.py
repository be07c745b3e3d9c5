"""The first layers in float32, where the rounding of their results costs more than all others.

A first layer turns three channels into a few: its maps are the largest of a network and its
channels the fewest, so a step of 1/255 of their range has nothing to average it out. There integers
gain little time too, and a file that takes pixels then converts its narrowest map to 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgecnn.quantize.latency import latency_ratio
from edgecnn.quantize.ranges import Range
from edgecnn.quantize.recovery.operators import (
    Array,
    OpenGraph,
    front,
    run_model,
    scores_tensor,
    step_of,
)

MOST_OPS = 6
BOUNDARY_PART = 0.1
"""The last result, which is rounded where the integers begin, may add this part of the noise that
the rounding before it made."""

LEAST_GAIN_DB = 1.0
MOST_COST = 1.02
"""Of latency and of bytes, over the plain integer file's."""


def noisy_front(
    content: bytes, ranges: Mapping[int, Range], images: Array, threads: int
) -> tuple[str, ...]:
    """Return the names of the results of the first layers that are better left in float32.

    Args:
        content: A float32 file.
        ranges: Tensor -> (least, greatest) value over the calibration images.
        images: What goes into the file, shape (images, *shape of its input).
        threads: For the runtime.

    Returns:
        As few as leave the front without much noise; none if there is no such place.
    """
    graph = OpenGraph(content)
    tensors = front(graph)[:MOST_OPS]
    noise = np.array([_noise(graph, t, ranges[t], images, threads) for t in tensors])
    for count in range(1, len(tensors)):
        if noise[count] <= BOUNDARY_PART * noise[:count].sum():
            return tuple(graph.name(tensor) for tensor in tensors[: count + 1])
    return ()


def _noise(graph: OpenGraph, tensor: int, extremes: Range, images: Array, threads: int) -> float:
    """Return what rounding one tensor to 8 bits does to the scores (mean square)."""
    head = graph.part(graph.input, tensor)
    tail = graph.part(tensor, scores_tensor(graph))
    if head is None or tail is None:
        return float("inf")
    (values,) = run_model(head, [images], threads)
    step = step_of(extremes)
    rounded = np.rint(values / step) * step
    (wanted,), (scores,) = (run_model(tail, [v], threads) for v in (values, rounded))
    return float(((scores - wanted) ** 2).mean())


def costs_little(content: bytes, plain: bytes) -> bool:
    """Whether a file is hardly larger and slower than the plain one, here."""
    return len(content) <= MOST_COST * len(plain) and latency_ratio(content, plain) <= MOST_COST

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
from edgecnn.quantize.recovery.fidelity import snr_db
from edgecnn.tflite.operators import (
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

SCREEN_DB = 9.0
"""By so much the first result alone may be better than the whole front, and two images than
eight."""

MOST_COST = 1.02
"""Of latency and of bytes, over the plain integer file's."""


def noisy_front(
    content: bytes, ranges: Mapping[int, Range], images: Array, threads: int, least_db: float
) -> tuple[str, ...]:
    """Return the names of the results of the first layers that are better left in float32.

    Args:
        content: A float32 file.
        ranges: Tensor -> (least, greatest) value over the calibration images.
        images: What goes into the file, shape (images, *shape of its input).
        threads: For the runtime.
        least_db: Signal-to-noise ratio of the scores, in decibels, that is good enough.

    Returns:
        As few as leave the front without much noise; none if there is no such place, or if the
        front's rounding alone leaves the scores better than asked for.
    """
    graph = OpenGraph(content)
    tensors, scores = front(graph)[:MOST_OPS], scores_tensor(graph)
    whole = graph.part(graph.input, scores)
    if len(tensors) < 2 or whole is None:
        return ()
    (wanted,) = run_model(whole, [images], threads)

    def noise(tensor: int, count: int) -> float:
        """Return what rounding one tensor adds to the scores' noise over the signal."""
        rounded = _rounded(graph, tensor, ranges[tensor], images[:count], threads)
        tail = graph.part(tensor, scores)
        assert tail is not None
        (given,) = run_model(tail, [rounded], threads)
        ratio = snr_db(given.reshape(count, -1), wanted[:count].reshape(count, -1))
        return float(10 ** (-ratio / 10))

    # The first result on two images rules out most networks.
    if noise(tensors[0], 2) < 10 ** (-(least_db + SCREEN_DB) / 10):
        return ()
    total = noise(tensors[0], len(images))
    for count, tensor in enumerate(tensors[1:], start=2):
        part = noise(tensor, len(images))
        if part <= BOUNDARY_PART * total:
            is_noisy = total > 10 ** (-least_db / 10)
            return tuple(graph.name(t) for t in tensors[:count]) if is_noisy else ()
        total += part
    return ()


def _rounded(graph: OpenGraph, tensor: int, extremes: Range, images: Array, threads: int) -> Array:
    """Return a tensor's values rounded to 8 bits."""
    head = graph.part(graph.input, tensor)
    assert head is not None
    (values,) = run_model(head, [images], threads)
    step = step_of(extremes)
    return np.rint(values / step) * step


def costs_little(content: bytes, plain: bytes) -> bool:
    """Whether a file is hardly larger and slower than the plain one, here."""
    return len(content) <= MOST_COST * len(plain) and latency_ratio(content, plain) <= MOST_COST

"""The first layers in float32, where the rounding of their results costs more than all others.

A first layer turns three channels into a few: its maps are the largest of a network and its
channels the fewest, so a step of 1/255 of their range has nothing to average it out. In narrow
networks that is most of what an int8 file loses. What the float layers cost is estimated for the
CPU that the file is for, or measured on the device that it is for, and told to the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn.quantize.latencies import Latencies
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

MOST_FRONT_BYTES = 1.02
"""Size of a file with a float front over the plain integer file's, at most."""
MOST_FRONT_LATENCY = 1.5
"""Latency of a file with a float front over the plain integer file's, at most. Where the front's
rounding changes the answer of one image in twenty, half as much time again is worth it."""


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


@dataclass(frozen=True)
class FloatFront:
    """First layers that stay in float32.

    Args:
        results: Names of these layers' results.
        latency_ratio: Latency of the file with them in float32 over the plain integer file's.
        latency_source: Where that is from: ``"estimated for arm64"``.
    """

    results: tuple[str, ...]
    latency_ratio: float
    latency_source: str


def worth_its_cost(
    results: tuple[str, ...], content: bytes, plain: bytes, latencies: Latencies
) -> FloatFront | None:
    """Return a float front unless it makes a file too large or too slow.

    Args:
        results: Names of the results of the layers in float32.
        content: The file with these layers in float32.
        plain: The file with all layers in integers.
        latencies: Where the latencies of files come from.
    """
    if len(content) > MOST_FRONT_BYTES * len(plain):
        return None
    ratio = latencies.race([content, plain]).ratio(0, over=1)
    if ratio.value > MOST_FRONT_LATENCY:
        return None
    return FloatFront(results, ratio.value, latencies.source)

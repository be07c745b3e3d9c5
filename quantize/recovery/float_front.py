"""The first layers in float32, where the rounding of their results costs more than all others.

A first layer turns three channels into a few: its maps are the largest of a network and its
channels the fewest, so nothing averages the rounding to 1/255 of their range out. In narrow
networks this rounding is most of what an int8 file loses. The cost of the float layers is estimated
for a kind of CPU, or measured on a device, and told to the user.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.recovery.proof import FloatFront, noise_of
from edgecnn.quantize.timing.latencies import Latencies
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import step_of
from edgecnn.tflite.parts import ops_between, part_between
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.scores import Scores
from edgecnn.tflite.serialization import write_graph
from edgecnn.tflite.tensors_and_ops import Array, Tensor

MOST_FRONT_OPS = 6
BOUNDARY_PART = 0.1
"""Part of the noise of the results before it that the front's last result, which is rounded where
the integers begin, may add."""

FEWEST_IMAGES = 2
"""Number of images on which the first result alone is judged, before all results on all images."""

SCREEN_DB = 9.0
"""Decibels by which the first result alone may be better than the whole front, and two images
better than eight."""

MOST_FRONT_BYTES = 1.02
"""Greatest size of a file with a float front over the plain integer file's."""
MOST_FRONT_LATENCY = 1.5
"""Greatest latency of a file with a float front over the plain integer file's. Where the front's
rounding changes the answer of one image in twenty, half as much time again is worth it."""


def first_layers(graph: Graph) -> list[Tensor]:
    """Return the results of the convolutions that follow each other up to the first branch.

    Margins between them, ops of their own, count as theirs.

    Their maps have the fewest channels, so the rounding of a channel is averaged out the least: in
    MobileNets it costs ten times as much as the rounding of a later layer.
    """
    tensors: list[Tensor] = []
    op = graph.only_reader(graph.input)
    # They normalise pixels, and move the levels of the input without rounding them.
    while op is not None and op.kind in ("MUL", "ADD", "SUB") and op.constant_inputs:
        op = graph.only_reader(op.result)
    while op is not None and (op.traits.has_window or op.kind == "PAD"):
        if op.traits.has_window:
            tensors.append(op.result)
        op = graph.only_reader(op.result)
    return tensors


def _with_margins(graph: Graph, tensors: Sequence[Tensor]) -> tuple[str, ...]:
    """Return the names of the first results, and of what margins make of those before the last."""
    readers = (graph.only_reader(tensor) for tensor in tensors[:-1])
    margins = [op.result for op in readers if op is not None and op.kind == "PAD"]
    return tuple(tensor.name for tensor in (*tensors, *margins))


def noisy_front(
    graph: Graph, samples: Sequence[Array], comparison: OutputComparison, least_db: float
) -> tuple[str, ...]:
    """Return the names of the results of the first layers that are better left in float32.

    Args:
        graph: A calibrated float32 graph.
        samples: For each input its samples as the graph takes them, shape (samples, *shape of the
            input).
        comparison: How the scores are compared.
        least_db: SQNR of the scores, in decibels, that is good enough.

    Returns:
        The fewest names that leave the front without much noise; none if no number of layers does,
        or if the front's rounding alone leaves the scores better than ``least_db``.
    """
    tensors = first_layers(graph)[:MOST_FRONT_OPS]
    if len(tensors) < 2 or not _alone_decides(graph, tensors, comparison):
        return ()
    images = samples[0]
    front = _Front(graph, images, comparison)
    # Most networks are ruled out by the first result on two images alone.
    if front.noise(tensors[0], FEWEST_IMAGES) < noise_of(least_db + SCREEN_DB):
        return ()
    total = front.noise(tensors[0], len(images))
    for count, tensor in enumerate(tensors[1:], start=2):
        part = front.noise(tensor, len(images))
        if part <= BOUNDARY_PART * total:
            is_noisy = total > noise_of(least_db)
            return _with_margins(graph, tensors[:count]) if is_noisy else ()
        total += part
    return ()


def _alone_decides(graph: Graph, tensors: Sequence[Tensor], comparison: OutputComparison) -> bool:
    """Whether all scores depend on the only input, and by way of each of the first results."""
    if len(graph.inputs) > 1:
        return False
    scores = list(dict.fromkeys(comparison.tensors(graph)))
    return ops_between(graph, [tensors[-1]], scores) is not None


class _Front:
    """Measures the noise in the scores of rounding one result alone."""

    def __init__(self, graph: Graph, images: Array, comparison: OutputComparison) -> None:
        self._graph, self._images, self._comparison = graph, images, comparison
        self._tensors = comparison.tensors(graph)
        self._files: dict[Tensor, LoadedFile] = {}
        self._wanted: Scores = []

    def noise(self, tensor: Tensor, count: int) -> float:
        """Return the noise over the signal that rounding a tensor adds, on the first images."""
        assert tensor.range is not None
        values = LoadedFile(self._part(self._graph.input, [tensor])).run_over(
            [self._images[:count]]
        )[0]
        if not self._wanted or len(self._wanted[0]) < count:
            self._wanted = self._scores(tensor, values)
        step = step_of(tensor.range)
        rounded = self._scores(tensor, np.rint(values / step) * step)
        return self._comparison.noise(rounded, [scores[:count] for scores in self._wanted])

    def _scores(self, tensor: Tensor, values: Array) -> Scores:
        """Return the scores that a tensor's values lead to."""
        distinct = list(dict.fromkeys(self._tensors))
        if tensor not in self._files:
            self._files[tensor] = LoadedFile(self._part(tensor, distinct))
        found = dict(zip(distinct, self._files[tensor].run_over([values]), strict=True))
        return [found[each].reshape(len(values), *each.shape[1:]) for each in self._tensors]

    def _part(self, source: Tensor, results: Sequence[Tensor]) -> bytes:
        part = part_between(self._graph, [source], results)
        assert part is not None
        return part


def worth_its_cost(
    results: tuple[str, ...], graph: Graph, plain: Graph, latencies: Latencies
) -> FloatFront | None:
    """Return a float front; None if it makes a file too large or too slow.

    Args:
        results: Names of the results of the layers in float32.
        graph: The graph with these layers in float32.
        plain: The graph with all layers in integers.
        latencies: Where the latencies of files come from.
    """
    content, plain_content = write_graph(graph), write_graph(plain)
    if len(content) > MOST_FRONT_BYTES * len(plain_content):
        return None
    ratio = latencies.race([content, plain_content]).ratio(0, over=1)
    if ratio.low > MOST_FRONT_LATENCY:
        return None
    return FloatFront(results, ratio.value, ratio.low, ratio.high, latencies.source)

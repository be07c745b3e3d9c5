"""Channels that can only be widened together, in the tensors that residual additions tie.

What is added must have one scale a channel on both sides, so a factor for a channel goes through
all tensors of a residual branch: into the layers that write them, and out again in those that read
them. Between plain convolutions a group is one tensor. The factor brings each channel as near to
the range of its tensor as it may come without widening any of the group's (Nagel et al. 2019,
"Data-Free Quantization Through Weight Equalization and Bias Correction", for pairs of layers).

The weights that read widened channels get coarser. Rounding them together makes up for that, so
what is left of an integer file's error comes from its activations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.quantize.ranges import Observed
from edgecnn.quantize.recovery.equalization import (
    MOST,
    equalized_tensors,
    scale_inputs,
    scale_outputs,
)
from edgecnn.tflite.operators import Array, OpenGraph, scores_tensor

MIXING = ("CONV_2D", "FULLY_CONNECTED")
WEIGHTED = (*MIXING, "DEPTHWISE_CONV_2D")
POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN")
SCALABLE = (0, 1)
"""Fused activations that pass on any factor: none and ReLU."""


@dataclass(frozen=True)
class ChannelGroup:
    """Tensors of the same channels, and the ops at their ends.

    Args:
        tensors: What is scaled.
        writers: Weighted ops whose results they are.
        readers: Weighted ops that read them.
    """

    tensors: tuple[int, ...]
    writers: tuple[Any, ...]
    readers: tuple[Any, ...]


def channel_groups(graph: OpenGraph, without: Collection[int] = ()) -> list[ChannelGroup]:
    """Return the groups whose channels can be scaled without any change of the answers.

    Args:
        graph: A float32 file.
        without: Tensors that are scaled in another way.
    """
    ties, fixed = _ties(graph), _fixed(graph) | set(without)
    writers, readers = _ends(graph)
    groups = []
    for tensors in ties:
        first = tuple(op for tensor in tensors for op in writers[tensor])
        last = tuple(op for tensor in tensors for op in readers[tensor])
        if first and last and not fixed & tensors:
            groups.append(ChannelGroup(tuple(sorted(tensors)), first, last))
    return groups


def equalize_groups(
    content: bytes, observed: Observed, without: Collection[int] = ()
) -> tuple[bytes, Observed]:
    """Return a float file with its groups' channels scaled, and what its activations are then.

    Args:
        content: The float file.
        observed: Its activations, with those of each channel of the groups' tensors.
        without: Tensors that are scaled in another way.
    """
    graph = OpenGraph(content)
    scaled: dict[int, Array] = {}
    for group in channel_groups(graph, without):
        factors = _factors([observed.magnitudes(tensor) for tensor in group.tensors])
        for op in group.writers:
            scale_outputs(graph, op, factors)
        for op in group.readers:
            scale_inputs(graph, op, 1.0 / factors)
        scaled |= dict.fromkeys(group.tensors, factors)
    return graph.content(), observed.scaled(scaled)


def _factors(magnitudes: list[Array]) -> Array:
    """Return what widens each channel as far as every tensor of its group lets it.

    Args:
        magnitudes: Of each tensor the greatest of each channel.
    """
    parts = np.max([each / max(float(each.max()), 1e-12) for each in magnitudes], axis=0)
    return np.where(parts > 0, np.minimum(1.0 / np.maximum(parts, 1.0 / MOST), MOST), 1.0)


def _ties(graph: OpenGraph) -> list[set[int]]:
    """Return the sets of tensors that must have the same factors."""
    sets: dict[int, set[int]] = {}
    for op in graph.operators:
        for tensor in _tied(graph, op):
            sets.setdefault(tensor, {tensor})
        if _passes_on(graph, op):
            joined = set().union(*(sets[tensor] for tensor in _tied(graph, op)))
            sets.update(dict.fromkeys(joined, joined))
    return list({id(each): each for each in sets.values()}.values())


def _tied(graph: OpenGraph, op: Any) -> list[int]:
    """Return the result of an op and what it reads."""
    return [int(op.outputs[0]), *graph.moving_inputs(op)]


def _passes_on(graph: OpenGraph, op: Any) -> bool:
    """Whether an op's result has the factors of what it reads."""
    kind, shapes = graph.kind(op), [graph.shape(tensor) for tensor in _tied(graph, op)]
    if len({shape[-1:] for shape in shapes}) != 1:
        return False
    if kind == "ADD":
        return len(shapes) == 3 and graph.activation(op) in SCALABLE
    if kind == "MEAN":
        return 3 not in {int(axis) % 4 for axis in graph.values(int(op.inputs[1])).flat}
    return kind in POOLS and graph.activation(op) in SCALABLE


def _fixed(graph: OpenGraph) -> set[int]:
    """Return the tensors that an op reads or writes which would notice a factor."""
    fixed = {graph.input, graph.output, scores_tensor(graph)}
    # Zeros stay what they are under any factor.
    shared = {tensor for tensor in graph.shared_constants() if graph.values(tensor).any()}
    for op in graph.operators:
        if graph.kind(op) in WEIGHTED and graph.is_weighted(op):
            is_shared = bool(shared & {int(tensor) for tensor in op.inputs[1:]})
            if is_shared or not _takes_factors(graph, op):
                fixed |= set(graph.moving_inputs(op))
            if is_shared or not _gives_factors(graph, op):
                fixed.add(int(op.outputs[0]))
        elif not _passes_on(graph, op):
            fixed |= {*map(int, op.outputs), *graph.moving_inputs(op)}
    return fixed


def _takes_factors(graph: OpenGraph, op: Any) -> bool:
    """Whether an op's weights can undo a factor of each channel that it reads."""
    return graph.shape(int(op.inputs[1]))[-1] == graph.shape(int(op.inputs[0]))[-1]


def _gives_factors(graph: OpenGraph, op: Any) -> bool:
    has_moving_bias = len(op.inputs) > 2 and op.inputs[2] >= 0 and not graph.has_bias(op)
    return graph.activation(op) in SCALABLE and not has_moving_bias


def _ends(graph: OpenGraph) -> tuple[dict[int, list[Any]], dict[int, list[Any]]]:
    """Return which weighted ops write and read each tensor."""
    writers: dict[int, list[Any]] = defaultdict(list)
    readers: dict[int, list[Any]] = defaultdict(list)
    for op in graph.operators:
        if graph.kind(op) in WEIGHTED and graph.is_weighted(op):
            writers[int(op.outputs[0])].append(op)
            readers[int(op.inputs[0])].append(op)
    return writers, readers


def watched_tensors(graph: OpenGraph) -> set[int]:
    """Return the tensors of whose channels the ranges must be known, to equalise them."""
    alone = equalized_tensors(graph)
    return {*alone, *(t for group in channel_groups(graph, alone) for t in group.tensors)}

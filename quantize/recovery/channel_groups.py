"""Channels that can only be widened together, in the tensors that residual additions tie.

Both sides of an addition must have the same factor for a channel, so the factor goes through all
tensors of a residual branch: into the layers that write the tensors, and out again in the layers
that read them. Between plain convolutions a group is one tensor. The factor brings each channel as
near to the range of its tensor as it may come without widening the range of any tensor of the group
(Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", for
pairs of layers).

The weights that read widened channels get coarser. Joint rounding makes up for that, so the rest of
an integer file's error comes from its activations.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from edgecnn.quantize.calibration.ranges import ObservedActivations
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import POOLS
from edgecnn.tflite.scores import scores_tensors
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

GREATEST_FACTOR = 16.0
"""Greatest factor of a channel; beyond it, a channel's small values are not worth the coarser
weights of the next layer."""


@dataclass(frozen=True)
class ChannelGroup:
    """Tensors of the same channels, and the ops at their ends.

    Args:
        tensors: The tensors that are scaled.
        writers: Weighted ops whose results the tensors are.
        readers: Weighted ops that read the tensors.
    """

    tensors: tuple[Tensor, ...]
    writers: tuple[Op, ...]
    readers: tuple[Op, ...]


def channel_groups(graph: Graph) -> list[ChannelGroup]:
    """Return the groups whose channels can be scaled without any change of the answers.

    Args:
        graph: A float32 graph.
    """
    fixed = _fixed(graph)
    writers, readers = _ends(graph)
    groups = []
    for tied in _ties(graph):
        tensors = sorted(tied, key=lambda tensor: tensor.index)
        first = tuple(op for tensor in tensors for op in writers[tensor])
        last = tuple(op for tensor in tensors for op in readers[tensor])
        if first and last and not fixed & tied:
            groups.append(ChannelGroup(tuple(tensors), first, last))
    return groups


def equalize_groups(graph: Graph, observed: ObservedActivations) -> ObservedActivations:
    """Scale the channels of a graph's groups, and return the scaled activations.

    Args:
        graph: A float graph, changed in place.
        observed: The graph's activations, with extremes of each channel of the groups' tensors.
    """
    scaled: dict[int, Array] = {}
    for group in channel_groups(graph):
        factors = _factors([observed.magnitudes(tensor.index) for tensor in group.tensors])
        for op in group.writers:
            _scale_outputs(op, factors)
        for op in group.readers:
            op.weights.values = op.weights.values / factors
        scaled |= dict.fromkeys((tensor.index for tensor in group.tensors), factors)
    return observed.scaled(scaled)


def _scale_outputs(op: Op, factors: Array) -> None:
    """Multiply a linear op's weights and bias so that its result has a factor for each channel."""
    shape = [1] * len(op.weights.shape)
    shape[op.traits.channel_axis] = -1
    op.weights.values = op.weights.values * factors.reshape(shape)
    if op.bias is not None:
        op.bias.values = op.bias.values * factors


def _factors(magnitudes: list[Array]) -> Array:
    """Return the factors that widen each channel as far as every tensor of its group lets it.

    Args:
        magnitudes: For each tensor the greatest magnitude of each channel.
    """
    parts = np.max([each / max(float(each.max()), 1e-12) for each in magnitudes], axis=0)
    ratios = 1.0 / np.maximum(parts, 1.0 / GREATEST_FACTOR)
    return np.where(parts > 0, np.minimum(ratios, GREATEST_FACTOR), 1.0)


def _ties(graph: Graph) -> list[set[Tensor]]:
    """Return the sets of tensors that must have the same factors."""
    sets: dict[Tensor, set[Tensor]] = {}
    for op in graph.ops:
        tied = [op.result, *op.activation_inputs]
        for tensor in tied:
            sets.setdefault(tensor, {tensor})
        if _passes_on(op):
            joined = set().union(*(sets[tensor] for tensor in tied))
            sets.update(dict.fromkeys(joined, joined))
    return list({id(each): each for each in sets.values()}.values())


def _passes_on(op: Op) -> bool:
    """Whether an op's result has the factors of the op's inputs."""
    shapes = [tensor.shape for tensor in (op.result, *op.activation_inputs)]
    if len({shape[-1:] for shape in shapes}) != 1:
        return False
    if op.kind == "MEAN":
        axes = op.weights
        return axes.is_constant and 3 not in {int(axis) % 4 for axis in axes.values.flat}
    is_sum = op.kind == "ADD" and len(shapes) == 3
    return (is_sum or op.kind in POOLS) and op.activation.passes_factors


def _fixed(graph: Graph) -> set[Tensor]:
    """Return the tensors whose factor would change what an op computes."""
    fixed = {*graph.inputs, *graph.outputs, *scores_tensors(graph)}
    # Constants of zeros stay the same under any factor.
    shared = {tensor for tensor in graph.shared_constants() if tensor.values.any()}
    for op in graph.ops:
        if op.is_linear:
            is_shared = bool(shared & set(op.constant_inputs))
            # Weights undo the factors of channels only if they have values for each channel.
            if is_shared or op.weights.shape[-1] != op.source.shape[-1]:
                fixed |= set(op.activation_inputs)
            if is_shared or not op.activation.passes_factors or op.has_computed_bias:
                fixed.add(op.result)
        elif not _passes_on(op):
            fixed |= {*op.outputs, *op.activation_inputs}
    return fixed


def _ends(graph: Graph) -> tuple[dict[Tensor, list[Op]], dict[Tensor, list[Op]]]:
    """Return which weighted ops write and read each tensor."""
    writers: dict[Tensor, list[Op]] = defaultdict(list)
    readers: dict[Tensor, list[Op]] = defaultdict(list)
    for op in graph.ops:
        if op.is_linear:
            writers[op.result].append(op)
            readers[op.source].append(op)
    return writers, readers


def watched_tensors(graph: Graph) -> set[Tensor]:
    """Return the tensors whose ranges must be known by channel, for equalising them."""
    return {tensor for group in channel_groups(graph) for tensor in group.tensors}

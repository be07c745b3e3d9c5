"""Channels of one tensor brought to one range, so that an integer step fits all of them.

All channels of an activation share one scale, which the widest of them decides; a channel that
spans a tenth of it has a tenth of the levels. Where a layer's result goes into a depthwise layer
alone, a channel can be made wider in the first and narrower again in the second, without any change
of the answers (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
Correction"). ReLU passes on any factor. ReLU6 does for channels that stay below 6: its bound then
holds them at the greatest value that calibration saw, as their integers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.tflite.operators import Array, OpenGraph, front

EQUALIZABLE = ("CONV_2D", "DEPTHWISE_CONV_2D")
SCALABLE = (0, 1, 3)
"""Fused activations that pass on a factor: none, ReLU, ReLU6."""
MOST = 16.0
"""Greatest factor: beyond it a channel's few values are not worth the next layer's weights."""


def equalized_tensors(graph: OpenGraph) -> list[int]:
    """Return the tensors whose channels are to be scaled.

    Those that a depthwise layer alone reads: its weights have a scale for each channel, which takes
    up the factor. Layers that mix channels share one scale among them; what made activations finer
    there made their weights coarser. And those before the first branch: beyond it nothing is
    gained, and what unseen images have beyond the bounds is lost.
    """
    first, found = set(front(graph)), []
    for op in graph.operators:
        reader = graph.only_reader(int(op.outputs[0]))
        if int(op.outputs[0]) in first and reader is not None and _can_scale(graph, op, reader):
            found.append(int(op.outputs[0]))
    return found


def _can_scale(graph: OpenGraph, op: Any, reader: Any) -> bool:
    return (
        graph.kind(op) in EQUALIZABLE
        and graph.kind(reader) == "DEPTHWISE_CONV_2D"
        and graph.is_weighted(op)
        and graph.is_weighted(reader)
        and int(reader.inputs[0]) == int(op.outputs[0])
        and graph.activation(op) in SCALABLE
        and (len(op.inputs) < 3 or op.inputs[2] < 0 or graph.is_constant(int(op.inputs[2])))
        and graph.shape(int(reader.outputs[0]))[-1] == graph.shape(int(op.outputs[0]))[-1]
    )


def tail_bounds(peaks: Mapping[int, Array]) -> dict[int, Array]:
    """Return the magnitude that each channel is likely to stay below on other images too.

    As far above the greatest of the peaks seen as that is above the tenth image's from the top;
    never more than the widest channel's greatest, which is the tensor's own bound.

    Args:
        peaks: Tensor -> greatest magnitude of each channel, shape (images, channels).
    """
    bounds = {}
    for tensor, seen in peaks.items():
        greatest = seen.max(axis=0)
        likely = 2 * greatest - np.quantile(seen, 0.9, axis=0)
        bounds[tensor] = np.minimum(likely, greatest.max())
    return bounds


def equalize(content: bytes, bounds: Mapping[int, Array]) -> bytes:
    """Return a copy of a float file with the channels of its tensors scaled.

    Args:
        content: The float file.
        bounds: Tensor -> magnitude that each channel stays below, for the tensors of
            :func:`equalized_tensors`.
    """
    graph = OpenGraph(content)
    for op in graph.operators:
        tensor = int(op.outputs[0])
        if tensor in bounds:
            factors = _factors(bounds[tensor])
            scale_outputs(graph, op, factors)
            scale_inputs(graph, graph.only_reader(tensor), 1.0 / factors)
    return graph.content()


def equalized_ranges(
    bounds: Mapping[int, Array], ranges: Mapping[int, tuple[float, float]]
) -> dict[int, tuple[float, float]]:
    """Return the ranges of equalised tensors: the widest channel's, on the sides that are used.

    Args:
        bounds: As :func:`equalize` takes them.
        ranges: Tensor -> (least, greatest) value before.
    """
    return {
        tensor: (-float(bound.max()) if ranges[tensor][0] < 0 else 0.0, float(bound.max()))
        for tensor, bound in bounds.items()
        if bound.max() > 0
    }


def _factors(bounds: Array) -> Array:
    """Return what widens each channel to the widest; one that is always zero stays as it is."""
    ratios = bounds.max() / np.maximum(bounds, 1e-6 * bounds.max() + 1e-12)
    return np.where(bounds > 0, np.minimum(ratios, MOST), 1.0)


def scale_outputs(graph: OpenGraph, op: Any, factors: Array) -> None:
    """Multiply a weighted op's weights and bias so that its result has these factors.

    Args:
        graph: Where the op stands.
        op: A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        factors: One for each channel of the result.
    """
    weights = int(op.inputs[1])
    values = graph.values(weights)
    if graph.kind(op) == "DEPTHWISE_CONV_2D":
        graph.set_values(weights, values * factors)
    else:
        graph.set_values(weights, values * factors.reshape(-1, *(1,) * (values.ndim - 1)))
    if graph.has_bias(op):
        bias = int(op.inputs[2])
        graph.set_values(bias, graph.values(bias) * factors)


def scale_inputs(graph: OpenGraph, op: Any, factors: Array) -> None:
    """Multiply a weighted op's weights for what it reads.

    Args:
        graph: Where the op stands.
        op: A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        factors: One for each channel that it reads.
    """
    weights = int(op.inputs[1])
    graph.set_values(weights, graph.values(weights) * factors)

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

import numpy as np

from edgecnn.quantize.recovery.float_front import first_layers
from edgecnn.tflite.graph import Array, Graph, Op, Range, Tensor
from edgecnn.tflite.ops import Activation

GREATEST_FACTOR = 16.0
"""Beyond it a channel's few values are not worth the next layer's weights."""


def equalized_tensors(graph: Graph) -> list[Tensor]:
    """Return the tensors whose channels are to be scaled.

    Those that a depthwise layer alone reads: its weights have a scale for each channel, which takes
    up the factor. Layers that mix channels share one scale among them; what made activations finer
    there made their weights coarser. And those before the first branch: beyond it nothing is
    gained, and what unseen images have beyond the bounds is lost.
    """
    first, found = set(first_layers(graph)), []
    for op in graph.ops:
        reader = graph.only_reader(op.result)
        if op.result in first and reader is not None and _can_scale(op, reader):
            found.append(op.result)
    return found


def _can_scale(op: Op, reader: Op) -> bool:
    return (
        op.known.has_window
        and reader.kind == "DEPTHWISE_CONV_2D"
        and op.is_linear
        and reader.is_linear
        and reader.source is op.result
        and (op.activation.passes_factors or op.activation is Activation.RELU6)
        and not op.has_moving_bias
        and reader.result.shape[-1] == op.result.shape[-1]
    )


def tail_bounds(peaks: Mapping[int, Array]) -> dict[int, Array]:
    """Return the magnitude that each channel is likely to stay below on other images too.

    As far above the greatest of the peaks seen as that is above the tenth image's from the top;
    never more than the widest channel's greatest, which is the tensor's own bound.

    Args:
        peaks: Tensor index -> greatest magnitude of each channel, shape (images, channels).
    """
    bounds = {}
    for tensor, seen in peaks.items():
        greatest = seen.max(axis=0)
        likely = 2 * greatest - np.quantile(seen, 0.9, axis=0)
        bounds[tensor] = np.minimum(likely, greatest.max())
    return bounds


def equalize(graph: Graph, bounds: Mapping[int, Array]) -> None:
    """Scale the channels of tensors.

    Args:
        graph: A float graph, changed in place.
        bounds: Tensor index -> magnitude that each channel stays below, for the tensors of
            :func:`equalized_tensors`.
    """
    for op in graph.ops:
        if op.result.index in bounds:
            factors = _factors(bounds[op.result.index])
            reader = graph.only_reader(op.result)
            assert reader is not None
            scale_outputs(op, factors)
            scale_inputs(reader, 1.0 / factors)


def equalized_ranges(bounds: Mapping[int, Array], ranges: Mapping[int, Range]) -> dict[int, Range]:
    """Return the ranges of equalised tensors: the widest channel's, on the sides that are used.

    Args:
        bounds: As :func:`equalize` takes them.
        ranges: Tensor index -> (least, greatest) value before.
    """
    return {
        tensor: (-float(bound.max()) if ranges[tensor][0] < 0 else 0.0, float(bound.max()))
        for tensor, bound in bounds.items()
        if bound.max() > 0
    }


def _factors(bounds: Array) -> Array:
    """Return what widens each channel to the widest; one that is always zero stays as it is."""
    ratios = bounds.max() / np.maximum(bounds, 1e-6 * bounds.max() + 1e-12)
    return np.where(bounds > 0, np.minimum(ratios, GREATEST_FACTOR), 1.0)


def scale_outputs(op: Op, factors: Array) -> None:
    """Multiply a weighted op's weights and bias so that its result has these factors.

    Args:
        op: A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        factors: One for each channel of the result.
    """
    shape = [1] * len(op.weights.shape)
    shape[op.known.channel_axis] = -1
    op.weights.values = op.weights.values * factors.reshape(shape)
    if op.bias is not None:
        op.bias.values = op.bias.values * factors


def scale_inputs(op: Op, factors: Array) -> None:
    """Multiply a weighted op's weights for what it reads.

    Args:
        op: A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        factors: One for each channel that it reads.
    """
    op.weights.values = op.weights.values * factors

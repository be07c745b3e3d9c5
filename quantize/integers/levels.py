"""From a range to scale and zero point, and from real constants to integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.integers.kernels import IntegerType
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.tensors_and_ops import Array, Quantization, Range

SCALE_OF_ZEROS = 1e-6
"""Scale of weights that are all zero. Any says the same, and kernels refuse large ones: a sum must
not count 256 times as much as a level of the result, whose range next to nothing may be."""


def activation_levels(extremes: Range, integers: IntegerType) -> Quantization:
    """Return scale and zero point of activations over a range, which is widened to hold 0.

    The zero point is rounded as TensorFlow does it, from the end of the range that it is nearer to
    (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference").

    Example:
        >>> activation_levels((0.0, 6.0), INT8_ACTIVATIONS).zero_points
        array([-128])
    """
    numbers = integers.activations
    low, high = min(extremes[0], 0.0), max(extremes[1], 0.0)
    if integers.is_symmetric:
        return _one(max(-low, high) / numbers.largest or 1.0, 0)
    scale = (high - low) / numbers.steps or 1.0
    is_nearer_to_low = -numbers.least - low / scale < numbers.largest + high / scale
    zero = numbers.least - low / scale if is_nearer_to_low else numbers.largest - high / scale
    return _one(scale, int(np.clip(np.floor(zero + 0.5), numbers.least, numbers.largest)))


def weight_levels(
    weights: Array, axis: int, bias: Array | None, source: Quantization, integers: IntegerType
) -> Quantization:
    """Return symmetric scales of an op's 8-bit weights, one for each output channel.

    A channel of next to no weights with a large bias gets a scale in which the bias fits.

    Args:
        weights: Real weights.
        axis: Axis of the output channels.
        bias: Real bias of each channel; None without one.
        source: Scale of the op's input.
        integers: The integers of the graph.
    """
    least = 0.0 if bias is None else np.abs(bias) / (float(source.scales[0]) * integers.most_bias)
    return symmetric_levels(weights, axis, least)


def symmetric_levels(weights: Array, axis: int | None, least: npt.ArrayLike = 0.0) -> Quantization:
    """Return scales of 8-bit weights whose zero point is 0.

    Args:
        weights: Real weights.
        axis: Axis of the channels that have a scale each; None for one scale.
        least: Least scale, one value or one for each channel.

    Example:
        >>> symmetric_levels(np.array([[1.27, 0.0], [0.0, 2.54]]), axis=0).scales
        array([0.01, 0.02], dtype=float32)
    """
    others = None if axis is None else tuple(n for n in range(weights.ndim) if n != axis)
    largest = np.abs(weights).max(axis=others).astype(np.float64).reshape(-1)
    scales = np.maximum(largest / INT8.largest, least)
    scales = np.where(scales > 0, scales, scales.max(initial=0) or SCALE_OF_ZEROS)
    scales = scales.astype(np.float32)
    return Quantization(scales, np.zeros(len(scales), np.int64), axis or 0)


def bias_levels(weights: Quantization, source: Quantization) -> Quantization:
    """Return the scales of a bias: those of the sums of inputs times weights."""
    scales = weights.scales.astype(np.float64) * float(source.scales[0])
    return Quantization(scales.astype(np.float32), np.zeros(len(scales), np.int64))


def to_levels(
    values: Array, quantization: Quantization, dtype: str, least: int | None = None
) -> npt.NDArray[np.signedinteger]:
    """Return real constants as integers.

    Args:
        values: Real numbers.
        quantization: Scales and zero points.
        dtype: Element type of the integers.
        least: The least integer; None for that of the element type.
    """
    shape = [1] * values.ndim
    if quantization.scales.size > 1:
        shape[quantization.axis] = -1
    scales, zeros = (
        array.astype(np.float64).reshape(shape)
        for array in (quantization.scales, quantization.zero_points)
    )
    bounds = np.iinfo(dtype)
    levels = np.rint(values / scales) + zeros
    clipped = np.clip(levels, bounds.min if least is None else least, bounds.max)
    return clipped.astype(dtype)


def _one(scale: float, zero_point: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))

"""Weights and activations as an integer file has them, as real numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.ops import op_traits
from edgecnn.tflite.tensors_and_ops import Array, Op, Range


def step_of(extremes: Range) -> float:
    """Return the step of integers over a range, which always holds zero.

    Args:
        extremes: The least and the greatest value.

    Example:
        >>> step_of((1.0, 5.1))
        0.02
    """
    return (extremes[1] - min(extremes[0], 0.0)) / INT8.steps


def rounded_activation(values: Array, extremes: Range) -> npt.NDArray[np.float32]:
    """Round values to the levels of a range, which is widened to have 0 in it.

    Args:
        values: Real numbers, of any shape.
        extremes: Least and greatest value; values outside are held there.

    Example:
        >>> rounded_activation(np.array([0.1, 0.5, 9.0]), (0.0, 255.0))
        array([0., 0., 9.], dtype=float32)
    """
    low, high = min(extremes[0], 0.0), max(extremes[1], 0.0)
    step = np.float32((high - low) / INT8.steps)
    zero = np.rint(np.float32(-low) / step)
    rounded: npt.NDArray[np.float32] = np.divide(values, step, dtype=np.float32)
    # The array is changed in place: of many images, a large map takes hundreds of megabytes.
    np.rint(rounded, out=rounded)
    np.clip(rounded, -zero, INT8.steps - zero, out=rounded)
    rounded *= step
    return rounded


def rounded_weights(weights: Array, kind: str) -> npt.NDArray[np.float32]:
    """Round an op's weights to integers with a scale for each output.

    Args:
        weights: The op's weights, in the shape that the file has.
        kind: Kind of the op: ``"CONV_2D"``.

    Example:
        >>> rounded_weights(np.array([[127.0, 0.4], [0.0, 1.0]]), "FULLY_CONNECTED")
        array([[127.,   0.], [  0.,   1.]], dtype=float32)
    """
    axis = op_traits(kind).channel_axis
    others = tuple(number for number in range(weights.ndim) if number != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    step = np.where(largest > 0, largest / INT8.largest, 1).astype(np.float32)
    rounded: npt.NDArray[np.float32] = (np.rint(weights / step) * step).astype(np.float32)
    return rounded


def real_weights(op: Op) -> npt.NDArray[np.float32]:
    """Return an integer op's weights as real numbers.

    Args:
        op: A weighted op whose weights are int8.
    """
    weights, scales = op.weights, op.weights.scales
    assert weights.quantization is not None
    shape = [1] * len(weights.shape)
    shape[weights.quantization.axis] = -1
    real = weights.values * (scales.reshape(shape) if scales.size > 1 else scales)
    real_numbers: npt.NDArray[np.float32] = real.astype(np.float32)
    return real_numbers

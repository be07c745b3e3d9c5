"""Weights and activations as an int8 file has them, as real numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.ranges import Range
from edgecnn.tflite.operators import Array

LEVELS = 255
LARGEST_WEIGHT = 127
"""Weights use -127..127: a range around 0, so that they need no zero point."""

FIXED_RANGES: dict[str, Range] = {
    "LOGISTIC": (0.0, 255 / 256),
    "SOFTMAX": (0.0, 255 / 256),
    "TANH": (-1.0, 127 / 128),
    "L2_NORMALIZATION": (-1.0, 127 / 128),
}
"""Of the results of ops whose scale the runtime prescribes."""

CHANNEL_AXIS = {"DEPTHWISE_CONV_2D": 3, "CONV_3D": 4}
"""Of the outputs in an op's weights; the first for all others."""


def rounded_activation(values: Array, bounds: Range) -> npt.NDArray[np.float32]:
    """Round values to 256 levels of a range, which is widened to have 0 in it.

    Args:
        values: Any shape.
        bounds: Least and greatest value; what is outside is held there.

    Example:
        >>> rounded_activation(np.array([0.1, 0.5, 9.0]), (0.0, 255.0))
        array([0., 0., 9.], dtype=float32)
    """
    low, high = min(bounds[0], 0.0), max(bounds[1], 0.0)
    step = np.float32((high - low) / LEVELS)
    zero = np.rint(np.float32(-low) / step)
    rounded: npt.NDArray[np.float32] = np.divide(values, step, dtype=np.float32)
    # In place: of many images, a large map takes hundreds of megabytes.
    np.rint(rounded, out=rounded)
    np.clip(rounded, -zero, LEVELS - zero, out=rounded)
    rounded *= step
    return rounded


def rounded_weights(weights: Array, kind: str) -> npt.NDArray[np.float32]:
    """Round an op's weights to int8 with a scale for each output.

    Args:
        weights: As the file has them.
        kind: Of the op.

    Example:
        >>> rounded_weights(np.array([[127.0, 0.4], [0.0, 1.0]]), "FULLY_CONNECTED")
        array([[127.,   0.], [  0.,   1.]], dtype=float32)
    """
    axis = CHANNEL_AXIS.get(kind, 0)
    others = tuple(number for number in range(weights.ndim) if number != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    step = np.where(largest > 0, largest / LARGEST_WEIGHT, 1).astype(np.float32)
    rounded: npt.NDArray[np.float32] = (np.rint(weights / step) * step).astype(np.float32)
    return rounded

"""From images or samples to what the input of a graph takes, by the type of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.quantize.integers.levels import to_levels
from edgecnn.tflite.tensors_and_ops import Array, Tensor


def as_taken(samples: Array, normalize: Callable[[Any], Array], tensor: Tensor) -> Array:
    """Return samples as an input takes them.

    Args:
        samples: uint8 pixels of a model that takes images, else what the float graph takes.
        normalize: Makes the float graph's input of samples.
        tensor: The input: uint8 takes pixels as they are, float32 what the float graph takes, and
            other integers the levels nearest to that.
    """
    if tensor.dtype == "uint8":
        return samples
    normalized = normalize(samples)
    if tensor.quantization is None:
        return normalized
    return to_levels(normalized, tensor.quantization, tensor.dtype)

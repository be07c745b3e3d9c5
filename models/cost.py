"""What a Keras model costs: parameters and multiply-adds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Parameters (batch normalisation's four included), and multiply-adds of one image."""

    parameters: int
    macs: int


def count(model: Any) -> Cost:
    """Count a Keras model's parameters and multiply-adds.

    Multiply-adds are those of convolutions and dense layers, as papers count them; additions of
    biases, normalisation, pooling and activations are left out.

    Args:
        model: A built Keras model.

    Example:
        >>> count(edgecnn.build("mobilenet_v2")).parameters
        3538984
    """
    return Cost(model.count_params(), sum(_macs(layer) for layer in model.layers))


def _macs(layer: Any) -> int:
    if hasattr(layer, "layers"):
        return sum(_macs(inner) for inner in layer.layers)
    kind = type(layer).__name__
    if kind == "Dense":
        positions = math.prod(layer.output.shape[1:-1])
        return int(positions * math.prod(layer.kernel.shape))
    if kind in ("Conv2D", "DepthwiseConv2D"):
        height, width = layer.output.shape[1:3]
        # A kernel of shape (h, w, in / groups, out) is applied once at each position.
        return int(height * width * math.prod(layer.kernel.shape))
    if kind == "SeparableConv2D":
        height, width = layer.output.shape[1:3]
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return int(height * width * sum(math.prod(kernel.shape) for kernel in kernels))
    return 0

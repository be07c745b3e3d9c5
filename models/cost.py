"""What a Keras model costs: parameters and multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    return Cost(model.count_params(), sum(map(layer_macs, inner_layers(model))))


def inner_layers(model: Any) -> Iterator[Any]:
    """Yield a model's layers in order, those of models inside it in their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from inner_layers(layer)
        else:
            yield layer


def layer_macs(layer: Any) -> int:
    """Return the multiply-adds of one layer for one image; 0 for what has no kernel."""
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

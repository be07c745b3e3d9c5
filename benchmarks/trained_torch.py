"""Trained MobileNets as networks of PyTorch, with the weights of Keras files.

``export_networks.py`` imports this in the environment that has torch and torchvision. TensorFlow
pads a convolution of stride 2 behind and below, PyTorch on all sides; so that trained weights
answer as they do in Keras, such convolutions get their margin from a layer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

V1_CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels behind the first convolution and behind each pair, at width 1 (Howard et al. 2017)."""

V1_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
"""Strides of the depthwise convolution of each pair."""


def mobilenet_v1(alpha: float, classes: int) -> nn.Module:
    """Return MobileNet v1 as Keras builds it: the classifier is a convolution."""
    channels = [int(alpha * count) for count in V1_CHANNELS]
    layers = _convolution(3, channels[0], 3, 2, 1)
    for before, after, stride in zip(channels, channels[1:], V1_STRIDES, strict=False):
        layers += _convolution(before, before, 3, stride, before)
        layers += _convolution(before, after, 1, 1, 1)
    last = nn.Conv2d(channels[-1], classes, 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), last, nn.Flatten())


def _convolution(taken: int, made: int, side: int, stride: int, groups: int) -> list[nn.Module]:
    convolution = nn.Conv2d(taken, made, side, stride, side // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(made), nn.ReLU6()]


BUILDERS: dict[str, Callable[[int], nn.Module]] = {
    "mobilenet_v1_0.25": lambda classes: mobilenet_v1(0.25, classes),
    "mobilenet_v2": lambda classes: torchvision.models.mobilenet_v2(num_classes=classes),
}
"""Name -> builder of a network of so many classes, whose layers have the order of Keras'."""


def trained(name: str, arrays: Sequence[Any], epsilon: float) -> nn.Module:
    """Return a network with trained weights.

    Args:
        name: One of :data:`BUILDERS`.
        arrays: The weights of the Keras layers, in the order in which Keras has them.
        epsilon: The variance that batch normalisation adds.

    Raises:
        ValueError: The arrays are not those of the network.
    """
    model = BUILDERS[name](len(arrays[-1]))
    left = [torch.from_numpy(np.array(values)) for values in arrays]
    for layer in model.modules():
        for target in _targets(layer, epsilon):
            values = _as_torch(layer, left.pop(0))
            if values.shape != target.shape:
                raise ValueError(f"{name}: {tuple(values.shape)} for {tuple(target.shape)}")
            target.data.copy_(values)
    if left:
        raise ValueError(f"{name}: {len(left)} arrays are left over")
    _pad_as_tensorflow(model)
    return model.eval()


def _targets(layer: nn.Module, epsilon: float) -> list[Any]:
    """Return the tensors of a layer in the order in which Keras saves them."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.eps = epsilon
        return [layer.weight, layer.bias, layer.running_mean, layer.running_var]
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        return [layer.weight, *([] if layer.bias is None else [layer.bias])]
    return []


def _as_torch(layer: nn.Module, values: Any) -> Any:
    """Return an array in PyTorch's order of sides; vectors are alike in both."""
    if values.ndim == 4:
        is_depthwise = layer.groups > 1
        return values.permute(2, 3, 0, 1) if is_depthwise else values.permute(3, 2, 0, 1)
    return values.T if values.ndim == 2 else values


def _pad_as_tensorflow(model: nn.Module) -> None:
    """Give convolutions of stride 2 their margin behind and below, as maps of even sides need."""
    found = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)
    ]
    for parent, name, layer in found:
        layer.padding = (0, 0)
        setattr(parent, name, nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), layer))

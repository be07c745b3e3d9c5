"""SqueezeNet: fire modules, which squeeze by 1x1 and expand by 1x1 and 3x3.

Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters",
https://arxiv.org/abs/1602.07360; release 1.1 of its authors, with 2.4 times fewer multiply-adds.
"""

from __future__ import annotations

from edgecnn.data.inputspec import SMALL_INPUT, preset
from edgecnn.models.layers import (
    Strides,
    Tensor,
    image_input,
    keras,
    model_of,
    plain_convolution,
    scaled_width,
    seed_of,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments

# Squeezed channels, and those of each expansion; None is max pooling.
FIRE_MODULES = (
    (16, 64), (16, 64), None,
    (32, 128), (32, 128), None,
    (48, 192), (48, 192), (64, 256), (64, 256),
)  # fmt: skip


@register(
    year=2016,
    paper="Iandola et al., SqueezeNet, https://arxiv.org/abs/1602.07360",
    input=preset("torch", 224, 224),
    parameters=1_235_496,
    macs=349_151_936,
    top1_percent=58.2,
    top1_source="torchvision",
    dropout=0.5,
)
def squeezenet(arguments: BuildArguments) -> keras.Model:
    """Build SqueezeNet 1.1."""
    strides = Strides(arguments.size)
    border = "same" if min(arguments.size) <= SMALL_INPUT else "valid"
    inputs = image_input(arguments)
    width = scaled_width(64, arguments.alpha)
    x = plain_convolution(inputs, width, 3, name="conv1", strides=strides(2), padding=border)
    x = keras.layers.MaxPooling2D(3, strides(2), border, name="pool1")(x)
    for number, module in enumerate(FIRE_MODULES, 2):
        if module is None:
            x = keras.layers.MaxPooling2D(3, strides(2), border, name=f"pool{number}")(x)
        else:
            squeezed, expanded = (scaled_width(width, arguments.alpha) for width in module)
            x = _fire(x, squeezed, expanded, f"fire{number}")
    if arguments.dropout:
        x = keras.layers.Dropout(arguments.dropout, seed=seed_of("dropout"), name="dropout")(x)
    # The head classifies every position and averages.
    x = plain_convolution(x, arguments.classes, 1, name="conv10")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = keras.layers.Softmax(name="predictions")(x) if arguments.softmax else x
    return model_of(inputs, outputs, "squeezenet")


def _fire(x: Tensor, squeezed: int, expanded: int, name: str) -> Tensor:
    x = plain_convolution(x, squeezed, 1, name=f"{name}_squeeze")
    branches = [
        plain_convolution(x, expanded, kernel, name=f"{name}_expand{kernel}") for kernel in (1, 3)
    ]
    return keras.layers.Concatenate(name=f"{name}_concat")(branches)

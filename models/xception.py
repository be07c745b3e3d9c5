"""Xception: depthwise separable convolutions with residual connections.

Chollet 2017, "Xception: Deep Learning with Depthwise Separable Convolutions",
https://arxiv.org/abs/1610.02357
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    classification_model,
    image_input,
    keras,
    scaled_width,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, keras_checkpoint

# Figure 5 of the paper: channels of the separable convolutions.
ENTRY = ((128, 128), (256, 256), (728, 728))
MIDDLE_BLOCKS = 8
EXIT = (728, 1024)
LAST = (1536, 2048)
XCEPTION_LEAST_SIDE = 71
"""Least side in pixels of an input of the unpadded stem, which would leave too little of others."""


@register(
    year=2016,
    paper="Chollet, Xception, https://arxiv.org/abs/1610.02357",
    input=preset("tf", 299, 299),
    parameters=22_910_480,
    macs=8_357_403_496,
    top1_percent=79.0,
    top1_source="keras.io/api/applications",
    keras_name="Xception",
    checkpoints=(
        keras_checkpoint("xception/xception", "0a58e3b7378bc2990ea3b43d5981f1f6", size=299),
    ),
)
def xception(arguments: BuildArguments) -> keras.Model:
    """Build Xception."""
    strides, alpha = Strides(arguments.size), arguments.alpha
    blocks = Blocks(epsilon=1e-3, size=arguments.size)
    border = "valid" if min(arguments.size) >= XCEPTION_LEAST_SIDE else "same"
    inputs = image_input(arguments)
    x = blocks.convolution(
        inputs, scaled_width(32, alpha), 3, name="block1_conv1", strides=strides(2), padding=border,
        activation="relu",
    )  # fmt: skip
    x = blocks.convolution(
        x, scaled_width(64, alpha), 3, name="block1_conv2", padding=border, activation="relu"
    )
    for number, channels in enumerate(ENTRY, 2):
        widths = tuple(scaled_width(width, alpha) for width in channels)
        x = _reduction(x, blocks, widths, strides(2), f"block{number}")
    for number in range(5, 5 + MIDDLE_BLOCKS):
        x = _middle(x, blocks, f"block{number}")
    widths = tuple(scaled_width(width, alpha) for width in EXIT)
    x = _reduction(x, blocks, widths, strides(2), "block13")
    for number, width in enumerate(LAST, 1):
        x = _separable(x, blocks, scaled_width(width, alpha), "relu", f"block14_sepconv{number}")
    return classification_model(inputs, x, arguments, "xception")


def _reduction(
    x: Tensor, blocks: Blocks, widths: tuple[int, ...], stride: int, name: str
) -> Tensor:
    shortcut = blocks.convolution(x, widths[-1], 1, name=f"{name}_shortcut", strides=stride)
    for number, width in enumerate(widths, 1):
        # The stem of the network ends rectified.
        if name != "block2" or number > 1:
            x = keras.layers.ReLU(name=f"{name}_relu{number}")(x)
        x = _separable(x, blocks, width, None, f"{name}_sepconv{number}")
    if stride == 2:
        x = keras.layers.MaxPooling2D(3, 2, "same", name=f"{name}_pool")(x)
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def _middle(x: Tensor, blocks: Blocks, name: str) -> Tensor:
    shortcut, width = x, x.shape[-1]
    for number in (1, 2, 3):
        x = keras.layers.ReLU(name=f"{name}_relu{number}")(x)
        x = _separable(x, blocks, width, None, f"{name}_sepconv{number}")
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def _separable(x: Tensor, blocks: Blocks, width: int, activation: str | None, name: str) -> Tensor:
    x = keras.layers.SeparableConv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=variance_preserving(name, None, fan_in_factor=x.shape[-1]),
        pointwise_initializer=variance_preserving(f"{name}_pointwise", "relu"),
        name=name,
    )(x)
    return blocks.normalized(x, name=name, activation=activation)

"""MobileNet v2: inverted residuals with linear bottlenecks.

Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
https://arxiv.org/abs/1801.04381
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
    make_divisible,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import KERAS_WEIGHTS, BuildArguments, pinned_here

# Table 2 of the paper: expansion, output channels, repeats, stride of the first.
MOBILENET_V2_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

MOBILENET_V2_WEIGHTS_URL = f"{KERAS_WEIGHTS}mobilenet_v2/"
MOBILENET_V2_CHECKPOINTS = tuple(
    pinned_here(
        f"{MOBILENET_V2_WEIGHTS_URL}mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}.h5",
        alpha,
        size,
    )
    for alpha in (1.0, 0.35, 0.5, 0.75, 1.3, 1.4)
    for size in (224, 192, 160, 128, 96)
    if alpha <= 1.0 or size == 224
)


@register(
    year=2018,
    paper="Sandler et al., MobileNetV2, https://arxiv.org/abs/1801.04381",
    input=preset("tf", 224, 224),
    parameters=3_538_984,
    macs=300_774_272,
    top1_percent=71.3,
    top1_source="keras.io/api/applications",
    keras_name="MobileNetV2",
    checkpoints=MOBILENET_V2_CHECKPOINTS,
)
def mobilenet_v2(arguments: BuildArguments) -> keras.Model:
    """Build MobileNet v2."""
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1e-3, size=arguments.size)
    alpha = arguments.alpha
    inputs = image_input(arguments)
    x = blocks.convolution(
        inputs, make_divisible(32 * alpha), 3, name="stem", strides=strides(2), activation="relu6"
    )
    number = 0
    for expansion, channels, repeats, first_stride in MOBILENET_V2_STAGES:
        for repeat in range(repeats):
            stride = strides(first_stride if repeat == 0 else 1)
            width = make_divisible(int(channels * alpha))
            x = _inverted_residual(x, blocks, expansion, width, stride, f"block_{number}")
            number += 1
    # The paper widens the last layer with alpha, but never narrows it.
    last = make_divisible(1280 * max(1.0, alpha))
    x = blocks.convolution(x, last, 1, name="head", activation="relu6")
    return classification_model(inputs, x, arguments, "mobilenet_v2")


def _inverted_residual(
    x: Tensor, blocks: Blocks, expansion: int, channels: int, stride: int, name: str
) -> Tensor:
    shortcut, width = x, x.shape[-1]
    if expansion != 1:
        x = blocks.convolution(x, expansion * width, 1, name=f"{name}_expand", activation="relu6")
    x = blocks.depthwise(x, 3, name=f"{name}_depthwise", strides=stride, activation="relu6")
    x = blocks.convolution(x, channels, 1, name=f"{name}_project")
    if stride == 1 and width == channels:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return x

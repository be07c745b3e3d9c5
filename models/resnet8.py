"""ResNet-8 for 32x32 images: the image classification model of MLPerf Tiny.

Banbury et al. 2021, "MLPerf Tiny Benchmark", https://arxiv.org/abs/2106.07597
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Tensor,
    classification_model,
    image_input,
    keras,
    scaled_width,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments

RESNET8_STAGES = ((16, 1), (32, 2), (64, 2))


@register(
    year=2021,
    paper="Banbury et al., MLPerf Tiny, https://arxiv.org/abs/2106.07597",
    input=preset("raw", 32, 32),
    parameters=78_666,
    macs=12_501_632,
    classes=10,
    top1_percent=None,
    top1_source="",
)
def resnet8(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-8."""
    blocks = Blocks(epsilon=1e-3, size=arguments.size, use_bias=True)
    inputs = image_input(arguments)
    x = blocks.convolution(
        inputs, scaled_width(16, arguments.alpha), 3, name="conv1", activation="relu"
    )
    for stage, (channels, stride) in enumerate(RESNET8_STAGES, 2):
        x = _basic(x, blocks, scaled_width(channels, arguments.alpha), stride, f"conv{stage}")
    return classification_model(inputs, x, arguments, "resnet8")


def _basic(x: Tensor, blocks: Blocks, channels: int, stride: int, name: str) -> Tensor:
    shortcut = x
    x = blocks.convolution(x, channels, 3, name=f"{name}_1", strides=stride, activation="relu")
    x = blocks.convolution(x, channels, 3, name=f"{name}_2")
    if stride > 1:
        # The shortcut's projection is not normalised.
        shortcut = keras.layers.Conv2D(
            channels,
            1,
            stride,
            kernel_initializer=variance_preserving(f"{name}_0", None),
            name=f"{name}_0",
        )(shortcut)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)

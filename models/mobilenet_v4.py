"""MobileNet v4: universal inverted bottlenecks.

Qin et al. 2024, "MobileNetV4: Universal Models for the Mobile Ecosystem",
https://arxiv.org/abs/2404.10518
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    classifier,
    image_input,
    keras,
    make_divisible,
    model_of,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments


@dataclass(frozen=True)
class Conv:
    """A row of the paper's tables: a convolution, with output channels, kernel and stride."""

    channels: int
    kernel: int
    stride: int


@dataclass(frozen=True)
class Fused:
    """A row of the paper's tables: a 3x3 convolution to expand, and a 1x1 one to project."""

    channels: int
    expansion: float
    stride: int


@dataclass(frozen=True)
class Uib:
    """A row of the paper's tables: a universal inverted bottleneck.

    Args:
        channels: Number of output channels.
        start: Kernel of the depthwise convolution before the expansion; 0 for none.
        middle: Kernel of the depthwise convolution after the expansion; 0 for none.
        expansion: Width of the block over its input's width.
        stride: Stride of the block.
    """

    channels: int
    start: int
    middle: int
    expansion: float
    stride: int = 1


Row = Conv | Fused | Uib

MOBILENET_V4_SMALL: tuple[Row, ...] = (
    Conv(32, 3, 2),
    Conv(32, 3, 2), Conv(32, 1, 1),
    Conv(96, 3, 2), Conv(64, 1, 1),
    Uib(96, 5, 5, 3, 2), *[Uib(96, 0, 3, 2)] * 4, Uib(96, 3, 0, 4),
    Uib(128, 3, 3, 6, 2), Uib(128, 5, 5, 4), Uib(128, 0, 5, 4), Uib(128, 0, 5, 3),
    *[Uib(128, 0, 3, 4)] * 2,
    Conv(960, 1, 1),
)  # fmt: skip

MOBILENET_V4_MEDIUM: tuple[Row, ...] = (
    Conv(32, 3, 2),
    Fused(48, 4, 2),
    Uib(80, 3, 5, 4, 2), Uib(80, 3, 3, 2),
    Uib(160, 3, 5, 6, 2), *[Uib(160, 3, 3, 4)] * 2, Uib(160, 3, 5, 4), Uib(160, 3, 3, 4),
    Uib(160, 3, 0, 4), Uib(160, 0, 0, 2), Uib(160, 3, 0, 4),
    Uib(256, 5, 5, 6, 2), Uib(256, 5, 5, 4), *[Uib(256, 3, 5, 4)] * 2, Uib(256, 0, 0, 4),
    Uib(256, 3, 0, 4), Uib(256, 3, 5, 2), Uib(256, 5, 5, 4), *[Uib(256, 0, 0, 4)] * 2,
    Uib(256, 5, 0, 2),
    Conv(960, 1, 1),
)  # fmt: skip
LAST_WIDTH = 1280

MOBILENET_V4_PAPER = "Qin et al., MobileNetV4, https://arxiv.org/abs/2404.10518"


@register(
    year=2024,
    paper=MOBILENET_V4_PAPER,
    input=preset("torch", 224, 224),
    parameters=3_799_112,
    macs=186_005_568,
    top1_percent=73.8,
    top1_source="table 5 of the paper",
    dropout=0.2,
)
def mobilenet_v4_conv_small(arguments: BuildArguments) -> keras.Model:
    """Build MobileNet v4 Conv-Small."""
    return _build(arguments, MOBILENET_V4_SMALL, "mobilenet_v4_conv_small")


@register(
    year=2024,
    paper=MOBILENET_V4_PAPER,
    input=preset("torch", 256, 256),
    parameters=9_783_416,
    macs=1_080_244_224,
    top1_percent=79.9,
    top1_source="table 5 of the paper",
    dropout=0.2,
)
def mobilenet_v4_conv_medium(arguments: BuildArguments) -> keras.Model:
    """Build MobileNet v4 Conv-Medium."""
    return _build(arguments, MOBILENET_V4_MEDIUM, "mobilenet_v4_conv_medium")


def _build(arguments: BuildArguments, rows: tuple[Row, ...], name: str) -> keras.Model:
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1e-3, size=arguments.size)
    x = inputs = image_input(arguments)
    for number, row in enumerate(rows):
        width = make_divisible(row.channels * arguments.alpha)
        x = _row(x, blocks, row, width, strides(row.stride), f"block_{number}")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(
        make_divisible(LAST_WIDTH * max(1.0, arguments.alpha)),
        use_bias=False,
        kernel_initializer=variance_preserving("wide", "relu"),
        name="wide",
    )(x)
    x = blocks.normalized(x, name="wide", activation="relu")
    outputs = classifier(x, arguments.classes, dropout=arguments.dropout, softmax=arguments.softmax)
    return model_of(inputs, outputs, name)


def _row(x: Tensor, blocks: Blocks, row: Row, channels: int, stride: int, name: str) -> Tensor:
    if isinstance(row, Conv):
        return blocks.convolution(
            x, channels, row.kernel, name=name, strides=stride, activation="relu"
        )
    expanded = make_divisible(x.shape[-1] * row.expansion)
    if isinstance(row, Fused):
        x = blocks.convolution(
            x, expanded, 3, name=f"{name}_expand", strides=stride, activation="relu"
        )
        return blocks.convolution(x, channels, 1, name=f"{name}_project")
    return _universal(x, blocks, row, channels, stride, name)


def _universal(
    x: Tensor, blocks: Blocks, row: Uib, channels: int, stride: int, name: str
) -> Tensor:
    shortcut = x
    expanded = make_divisible(x.shape[-1] * row.expansion)
    if row.start:
        # The stride is in the middle where there is a depthwise convolution there.
        step = 1 if row.middle else stride
        x = blocks.depthwise(x, row.start, name=f"{name}_start", strides=step, activation=None)
    x = blocks.convolution(x, expanded, 1, name=f"{name}_expand", activation="relu")
    if row.middle:
        x = blocks.depthwise(
            x, row.middle, name=f"{name}_middle", strides=stride, activation="relu"
        )
    x = blocks.convolution(x, channels, 1, name=f"{name}_project")
    if stride == 1 and shortcut.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return x

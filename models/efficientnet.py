"""EfficientNet: one coefficient scales depth, width and resolution together.

- Tan and Le 2019, "EfficientNet: Rethinking Model Scaling", https://arxiv.org/abs/1905.11946
- EfficientNet-Lite (the same authors' repository, 2020): without squeeze-and-excite and with
  ReLU6, for accelerators and quantisation; stem and head are not scaled.
- Tan and Le 2021, "EfficientNetV2", https://arxiv.org/abs/2104.00298
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgecnn.data.geometry import CROP, Geometry
from edgecnn.data.inputspec import custom, preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    classification_model,
    image_input,
    keras,
    make_divisible,
    squeeze_excite,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import KERAS_WEIGHTS, BuildArguments, Checkpoint


@dataclass(frozen=True)
class Stage:
    """A row of the paper's table: a block and its repetitions.

    Args:
        kernel: Side of the kernel that looks around.
        repeats: Number of blocks at depth 1.
        channels: Number of output channels at width 1.
        expansion: Width of the block over its input's width.
        stride: Stride of the first block.
        excite: Whether a block has squeeze-and-excite.
        fused: Whether one convolution takes the place of expansion and depthwise convolution.
    """

    kernel: int
    repeats: int
    channels: int
    expansion: int
    stride: int
    excite: bool = True
    fused: bool = False


# Table 1 of the first paper.
B0_STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)
V2_B0_STAGES = (
    Stage(3, 1, 16, 1, 1, excite=False, fused=True),
    Stage(3, 2, 32, 4, 2, excite=False, fused=True),
    Stage(3, 2, 48, 4, 2, excite=False, fused=True),
    Stage(3, 3, 96, 4, 2),
    Stage(3, 5, 112, 6, 1),
    Stage(3, 8, 192, 6, 2),
)


@dataclass(frozen=True)
class Variant:
    """A member of the family.

    Args:
        name: Name of the architecture.
        width: Factor on the number of channels.
        depth: Factor on the number of blocks.
        stages: The stages at width and depth 1.
        activation: Activation of the convolutions.
        lite: Whether stem and head keep their size, and blocks lack squeeze-and-excite.
    """

    name: str
    width: float
    depth: float
    stages: tuple[Stage, ...] = B0_STAGES
    activation: str = "silu"
    lite: bool = False


EFFICIENTNET_PAPER = "Tan and Le, EfficientNet, https://arxiv.org/abs/1905.11946"
LITE_PAPER = (
    "Tan and Le, EfficientNet-Lite, "
    "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"
)
LITE_SOURCE = "its README"
EFFICIENTNET_WEIGHTS_URL = "https://storage.googleapis.com/keras-applications/"
V2_URL = f"{KERAS_WEIGHTS}efficientnet_v2/"

CROP_PADDING = 32
"""Pixels around the crop in ``preprocessing.py`` of github.com/tensorflow/tpu, where the authors'
weights of EfficientNet B0 to B7 are from; its default filter is bicubic."""


def evaluation_crop(size: int) -> Geometry:
    """Return how the authors of EfficientNet cut images for an input of ``size`` pixels a side."""
    return Geometry(CROP, size / (size + CROP_PADDING), "bicubic")


@register(
    year=2019,
    paper=EFFICIENTNET_PAPER,
    input=preset("torch", 224, 224),
    evaluation=evaluation_crop(224),
    parameters=5_330_564,
    macs=385_814_752,
    top1_percent=77.1,
    top1_source="keras.io/api/applications",
    dropout=0.2,
    keras_name="EfficientNetB0",
    checkpoints=(
        Checkpoint(
            f"{EFFICIENTNET_WEIGHTS_URL}efficientnetb0.h5",
            size=224,
            md5="902e53a9f72be733fc0bcb005b3ebbac",
        ),
    ),
)
def efficientnet_b0(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-B0."""
    return _build(arguments, Variant("efficientnet_b0", 1.0, 1.0))


@register(
    year=2019,
    paper=EFFICIENTNET_PAPER,
    input=preset("torch", 240, 240),
    evaluation=evaluation_crop(240),
    parameters=7_856_232,
    macs=686_802_832,
    top1_percent=79.1,
    top1_source="keras.io/api/applications",
    dropout=0.2,
    keras_name="EfficientNetB1",
    checkpoints=(
        Checkpoint(
            f"{EFFICIENTNET_WEIGHTS_URL}efficientnetb1.h5",
            size=240,
            md5="1d254153d4ab51201f1646940f018540",
        ),
    ),
)
def efficientnet_b1(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-B1."""
    return _build(arguments, Variant("efficientnet_b1", 1.0, 1.1))


@register(
    year=2019,
    paper=EFFICIENTNET_PAPER,
    input=preset("torch", 260, 260),
    evaluation=evaluation_crop(260),
    parameters=9_177_562,
    macs=993_561_872,
    top1_percent=80.1,
    top1_source="keras.io/api/applications",
    dropout=0.3,
    keras_name="EfficientNetB2",
    checkpoints=(
        Checkpoint(
            f"{EFFICIENTNET_WEIGHTS_URL}efficientnetb2.h5",
            size=260,
            md5="b15cce36ff4dcbd00b6dd88e7857a6ad",
        ),
    ),
)
def efficientnet_b2(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-B2."""
    return _build(arguments, Variant("efficientnet_b2", 1.1, 1.2))


@register(
    year=2019,
    paper=EFFICIENTNET_PAPER,
    input=preset("torch", 300, 300),
    evaluation=evaluation_crop(300),
    parameters=12_320_528,
    macs=1_827_141_392,
    top1_percent=81.6,
    top1_source="keras.io/api/applications",
    dropout=0.3,
    keras_name="EfficientNetB3",
    checkpoints=(
        Checkpoint(
            f"{EFFICIENTNET_WEIGHTS_URL}efficientnetb3.h5",
            size=300,
            md5="ffd1fdc53d0ce67064dc6a9c7960ede0",
        ),
    ),
)
def efficientnet_b3(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-B3."""
    return _build(arguments, Variant("efficientnet_b3", 1.2, 1.4))


@register(
    year=2020,
    paper=LITE_PAPER,
    input=custom((127.0,), (128.0,), 224, 224),
    parameters=4_694_024,
    macs=385_187_552,
    top1_percent=75.1,
    top1_source=LITE_SOURCE,
    dropout=0.2,
)
def efficientnet_lite0(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-Lite0."""
    return _build(arguments, _lite("efficientnet_lite0", 1.0, 1.0))


@register(
    year=2020,
    paper=LITE_PAPER,
    input=custom((127.0,), (128.0,), 240, 240),
    parameters=5_470_344,
    macs=600_185_232,
    top1_percent=76.7,
    top1_source=LITE_SOURCE,
    dropout=0.2,
)
def efficientnet_lite1(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-Lite1."""
    return _build(arguments, _lite("efficientnet_lite1", 1.0, 1.1))


@register(
    year=2020,
    paper=LITE_PAPER,
    input=custom((127.0,), (128.0,), 260, 260),
    parameters=6_150_168,
    macs=859_736_272,
    top1_percent=77.6,
    top1_source=LITE_SOURCE,
    dropout=0.3,
)
def efficientnet_lite2(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-Lite2."""
    return _build(arguments, _lite("efficientnet_lite2", 1.1, 1.2))


@register(
    year=2020,
    paper=LITE_PAPER,
    input=custom((127.0,), (128.0,), 280, 280),
    parameters=8_273_768,
    macs=1_383_321_872,
    top1_percent=79.8,
    top1_source=LITE_SOURCE,
    dropout=0.3,
)
def efficientnet_lite3(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-Lite3."""
    return _build(arguments, _lite("efficientnet_lite3", 1.2, 1.4))


@register(
    year=2020,
    paper=LITE_PAPER,
    input=custom((127.0,), (128.0,), 300, 300),
    parameters=13_118_936,
    macs=2_553_034_336,
    top1_percent=81.5,
    top1_source=LITE_SOURCE,
    dropout=0.3,
)
def efficientnet_lite4(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet-Lite4."""
    return _build(arguments, _lite("efficientnet_lite4", 1.4, 1.8))


@register(
    year=2021,
    paper="Tan and Le, EfficientNetV2, https://arxiv.org/abs/2104.00298",
    input=preset("torch", 224, 224),
    parameters=7_200_312,
    macs=718_086_176,
    top1_percent=78.7,
    top1_source="keras.io/api/applications",
    dropout=0.2,
    keras_name="EfficientNetV2B0",
    checkpoints=(
        Checkpoint(f"{V2_URL}efficientnetv2-b0.h5", md5="21ecbf6da12460d5c40bb2f29ceb2188"),
    ),
)
def efficientnet_v2_b0(arguments: BuildArguments) -> keras.Model:
    """Build EfficientNet v2 B0."""
    return _build(arguments, Variant("efficientnet_v2_b0", 1.0, 1.0, stages=V2_B0_STAGES))


def _lite(name: str, width: float, depth: float) -> Variant:
    return Variant(name, width, depth, activation="relu6", lite=True)


def _build(arguments: BuildArguments, variant: Variant) -> keras.Model:
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1e-3, size=arguments.size)
    width = variant.width * arguments.alpha
    end_width = arguments.alpha if variant.lite else width
    inputs = image_input(arguments)
    x = blocks.convolution(
        inputs, make_divisible(32 * end_width), 3, name="stem", strides=strides(2),
        activation=variant.activation,
    )  # fmt: skip
    for number, stage in enumerate(variant.stages, 1):
        for repeat in range(_repeats(variant, number)):
            x = _block(
                x,
                blocks,
                stage,
                variant,
                make_divisible(stage.channels * width),
                strides(stage.stride) if repeat == 0 else 1,
                f"block{number}{chr(ord('a') + repeat)}",
            )
    x = blocks.convolution(
        x, make_divisible(1280 * end_width), 1, name="head", activation=variant.activation
    )
    return classification_model(inputs, x, arguments, variant.name)


def _repeats(variant: Variant, number: int) -> int:
    repeats = variant.stages[number - 1].repeats
    if variant.lite and number in (1, len(variant.stages)):
        return repeats
    return math.ceil(repeats * variant.depth)


def _block(
    x: Tensor,
    blocks: Blocks,
    stage: Stage,
    variant: Variant,
    channels: int,
    stride: int,
    name: str,
) -> Tensor:
    shortcut, width = x, x.shape[-1]
    expanded, activation = width * stage.expansion, variant.activation
    if stage.fused and stage.expansion == 1:
        x = blocks.convolution(
            x, channels, stage.kernel, name=f"{name}_project", strides=stride, activation=activation
        )
    else:
        x = _expanded(x, blocks, stage, expanded, stride, activation, name)
        if stage.excite and not variant.lite:
            squeezed = max(1, int(width * 0.25))
            x = squeeze_excite(
                x, squeezed, name=f"{name}_excite", gate="sigmoid", activation=activation
            )
        x = blocks.convolution(x, channels, 1, name=f"{name}_project")
    if stride == 1 and width == channels:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def _expanded(
    x: Tensor, blocks: Blocks, stage: Stage, expanded: int, stride: int, activation: str, name: str
) -> Tensor:
    """Expand and look around: by 1x1 and depthwise convolution, or by one where they are fused."""
    if stage.fused:
        return blocks.convolution(
            x, expanded, stage.kernel, name=f"{name}_expand", strides=stride, activation=activation
        )
    if stage.expansion > 1:
        x = blocks.convolution(x, expanded, 1, name=f"{name}_expand", activation=activation)
    return blocks.depthwise(
        x, stage.kernel, name=f"{name}_depthwise", strides=stride, activation=activation
    )

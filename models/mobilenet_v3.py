"""MobileNet v3: searched blocks, squeeze-and-excite, hard-swish.

Howard et al. 2019, "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    activate,
    classifier,
    image_input,
    keras,
    make_divisible,
    model_of,
    squeeze_excite,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import KERAS_WEIGHTS, BuildArguments, Checkpoint


@dataclass(frozen=True)
class BneckRow:
    """A row of the paper's tables 1 and 2.

    Args:
        kernel: Side of the depthwise convolution's kernel.
        expansion: Width of the block over its input's width.
        channels: Number of channels of the block's output.
        excite: Whether the block has squeeze-and-excite.
        activation: ``"relu"`` or ``"hard_swish"``.
        stride: Stride of the depthwise convolution.
    """

    kernel: int
    expansion: float
    channels: int
    excite: bool
    activation: str
    stride: int


MOBILENET_V3_LARGE = (
    BneckRow(3, 1, 16, False, "relu", 1),
    BneckRow(3, 4, 24, False, "relu", 2),
    BneckRow(3, 3, 24, False, "relu", 1),
    BneckRow(5, 3, 40, True, "relu", 2),
    BneckRow(5, 3, 40, True, "relu", 1),
    BneckRow(5, 3, 40, True, "relu", 1),
    BneckRow(3, 6, 80, False, "hard_swish", 2),
    BneckRow(3, 2.5, 80, False, "hard_swish", 1),
    BneckRow(3, 2.3, 80, False, "hard_swish", 1),
    BneckRow(3, 2.3, 80, False, "hard_swish", 1),
    BneckRow(3, 6, 112, True, "hard_swish", 1),
    BneckRow(3, 6, 112, True, "hard_swish", 1),
    BneckRow(5, 6, 160, True, "hard_swish", 2),
    BneckRow(5, 6, 160, True, "hard_swish", 1),
    BneckRow(5, 6, 160, True, "hard_swish", 1),
)

MOBILENET_V3_SMALL = (
    BneckRow(3, 1, 16, True, "relu", 2),
    BneckRow(3, 72 / 16, 24, False, "relu", 2),
    BneckRow(3, 88 / 24, 24, False, "relu", 1),
    BneckRow(5, 4, 40, True, "hard_swish", 2),
    BneckRow(5, 6, 40, True, "hard_swish", 1),
    BneckRow(5, 6, 40, True, "hard_swish", 1),
    BneckRow(5, 3, 48, True, "hard_swish", 1),
    BneckRow(5, 3, 48, True, "hard_swish", 1),
    BneckRow(5, 6, 96, True, "hard_swish", 2),
    BneckRow(5, 6, 96, True, "hard_swish", 1),
    BneckRow(5, 6, 96, True, "hard_swish", 1),
)

MOBILENET_V3_WEIGHTS_URL = f"{KERAS_WEIGHTS}mobilenet_v3/"


def _checkpoint(variant: str, alpha: float, md5: str) -> Checkpoint:
    url = f"{MOBILENET_V3_WEIGHTS_URL}weights_mobilenet_v3_{variant}_224_{alpha}_float.h5"
    return Checkpoint(url, alpha, md5=md5)


@register(
    year=2019,
    paper="Howard et al., Searching for MobileNetV3, https://arxiv.org/abs/1905.02244",
    input=preset("tf", 224, 224),
    parameters=2_554_968,
    macs=56_510_400,
    top1_percent=67.4,
    top1_source="table 3 of the paper",
    dropout=0.2,
    keras_name="MobileNetV3Small",
    checkpoints=(
        _checkpoint("small", 1.0, "8768d4c2e7dee89b9d02b2d03d65d862"),
        _checkpoint("small", 0.75, "cb65d4e5be93758266aa0a7f2c6708b7"),
    ),
)
def mobilenet_v3_small(arguments: BuildArguments) -> keras.Model:
    """Build MobileNet v3 Small."""
    return _build(arguments, MOBILENET_V3_SMALL, 1024, "mobilenet_v3_small")


@register(
    year=2019,
    paper="Howard et al., Searching for MobileNetV3, https://arxiv.org/abs/1905.02244",
    input=preset("tf", 224, 224),
    parameters=5_507_432,
    macs=216_589_760,
    top1_percent=75.2,
    top1_source="table 3 of the paper",
    dropout=0.2,
    keras_name="MobileNetV3Large",
    checkpoints=(
        _checkpoint("large", 1.0, "59e551e166be033d707958cf9e29a6a7"),
        _checkpoint("large", 0.75, "765b44a33ad4005b3ac83185abf1d0eb"),
    ),
)
def mobilenet_v3_large(arguments: BuildArguments) -> keras.Model:
    """Build MobileNet v3 Large."""
    return _build(arguments, MOBILENET_V3_LARGE, 1280, "mobilenet_v3_large")


def _build(
    arguments: BuildArguments, rows: tuple[BneckRow, ...], last_width: int, name: str
) -> keras.Model:
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1e-3, size=arguments.size)
    inputs = image_input(arguments)
    x = blocks.convolution(inputs, 16, 3, name="stem", strides=strides(2), activation="hard_swish")
    for number, row in enumerate(rows):
        width = make_divisible(row.channels * arguments.alpha)
        x = _block(x, blocks, row, width, strides(row.stride), f"block_{number}")
    x = blocks.convolution(
        x, make_divisible(x.shape[-1] * 6), 1, name="head", activation="hard_swish"
    )
    x = _last_stage(x, make_divisible(last_width * max(1.0, arguments.alpha)))
    outputs = classifier(x, arguments.classes, dropout=arguments.dropout, softmax=arguments.softmax)
    return model_of(inputs, outputs, name)


def _block(
    x: Tensor, blocks: Blocks, row: BneckRow, channels: int, stride: int, name: str
) -> Tensor:
    shortcut, width = x, x.shape[-1]
    expanded = make_divisible(width * row.expansion)
    # The first block has no expansion convolution, in the paper and in the published weights.
    if name != "block_0":
        x = blocks.convolution(x, expanded, 1, name=f"{name}_expand", activation=row.activation)
    x = blocks.depthwise(
        x, row.kernel, name=f"{name}_depthwise", strides=stride, activation=row.activation
    )
    if row.excite:
        x = squeeze_excite(x, make_divisible(expanded * 0.25), name=f"{name}_excite")
    x = blocks.convolution(x, channels, 1, name=f"{name}_project")
    if stride == 1 and width == channels:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _last_stage(x: Tensor, width: int) -> Tensor:
    """Pool before the last wide layer, which then works on one pixel (the paper's figure 5)."""
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(
        width, kernel_initializer=variance_preserving("wide", "relu"), name="wide"
    )(x)
    return activate(x, "hard_swish", name="wide")

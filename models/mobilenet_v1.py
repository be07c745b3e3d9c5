"""MobileNet v1: depthwise separable convolutions.

Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", https://arxiv.org/abs/1704.04861
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import Blocks, Strides, classification_model, image_input, keras
from edgecnn.models.registry import register
from edgecnn.models.spec import KERAS_WEIGHTS, BuildArguments, pinned_here

# Table 1 of the paper: output channels and stride of each depthwise separable block.
BLOCKS = (
    (64, 1),
    (128, 2), (128, 1),
    (256, 2), (256, 1),
    (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip

VWW_WIDTH = 0.25

MOBILENET_V1_WEIGHTS_URL = f"{KERAS_WEIGHTS}mobilenet/"
MOBILENET_V1_CHECKPOINTS = tuple(
    pinned_here(f"{MOBILENET_V1_WEIGHTS_URL}mobilenet_{text}_{size}_tf.h5", alpha, size)
    for alpha, text in ((1.0, "1_0"), (0.75, "7_5"), (0.5, "5_0"), (0.25, "2_5"))
    for size in (224, 192, 160, 128)
)


@register(
    year=2017,
    paper="Howard et al., MobileNets, https://arxiv.org/abs/1704.04861",
    input=preset("tf", 224, 224),
    parameters=4_253_864,
    macs=568_740_352,
    top1_percent=70.4,
    top1_source="keras.io/api/applications",
    dropout=1e-3,
    keras_name="MobileNet",
    checkpoints=MOBILENET_V1_CHECKPOINTS,
)
def mobilenet_v1(arguments: BuildArguments) -> keras.Model:
    """Build MobileNet v1."""
    return _network(arguments, "mobilenet_v1", arguments.alpha, activation="relu6", use_bias=False)


@register(
    year=2021,
    paper="Banbury et al., MLPerf Tiny, https://arxiv.org/abs/2106.07597",
    input=preset("unit", 96, 96),
    parameters=221_794,
    macs=7_489_664,
    top1_percent=None,
    top1_source="",
    classes=2,
)
def mobilenet_v1_vww(arguments: BuildArguments) -> keras.Model:
    """Build the person detection model of MLPerf Tiny (visual wake words).

    A quarter of MobileNet v1's width at 96 pixels, with ReLU in place of ReLU6 and with the biases
    before normalisation that its published weights have; ``alpha`` scales that quarter.
    """
    width = VWW_WIDTH * arguments.alpha
    return _network(arguments, "mobilenet_v1_vww", width, activation="relu", use_bias=True)


def _network(
    arguments: BuildArguments, name: str, alpha: float, *, activation: str, use_bias: bool
) -> keras.Model:
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1e-3, size=arguments.size, use_bias=use_bias)
    inputs = image_input(arguments)
    x = blocks.convolution(
        inputs, _width(32, alpha), 3, name="conv1", strides=strides(2), activation=activation
    )
    for number, (channels, stride) in enumerate(BLOCKS, 1):
        x = blocks.depthwise(
            x, 3, name=f"conv_dw_{number}", strides=strides(stride), activation=activation
        )
        x = blocks.convolution(
            x, _width(channels, alpha), 1, name=f"conv_pw_{number}", activation=activation
        )
    return classification_model(inputs, x, arguments, name)


def _width(channels: int, alpha: float) -> int:
    """Scale as the paper does, without rounding to a multiple of 8."""
    return max(1, int(channels * alpha))

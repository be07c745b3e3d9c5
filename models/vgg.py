"""VGG: stacks of 3x3 convolutions.

Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
https://arxiv.org/abs/1409.1556
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Strides,
    classifier,
    hidden_layer,
    image_input,
    keras,
    model_of,
    plain_convolution,
    scaled_width,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, keras_checkpoint

# Table 1 of the paper: convolutions in each stage, columns A, D and E.
DEPTHS_11 = (1, 1, 2, 2, 2)
DEPTHS_16 = (2, 2, 3, 3, 3)
DEPTHS_19 = (2, 2, 4, 4, 4)
VGG_WIDTHS = (64, 128, 256, 512, 512)
DENSE_WIDTH = 4096

VGG_PAPER = "Simonyan and Zisserman, VGG, https://arxiv.org/abs/1409.1556"
VGG_INPUT = preset("caffe", 224, 224)


@register(
    year=2014,
    paper=VGG_PAPER,
    input=VGG_INPUT,
    parameters=132_863_336,
    macs=7_609_090_048,
    top1_percent=69.0,
    top1_source="torchvision",
)
def vgg11(arguments: BuildArguments) -> keras.Model:
    """Build VGG-11."""
    return _build(arguments, DEPTHS_11, "vgg11")


@register(
    year=2014,
    paper=VGG_PAPER,
    input=VGG_INPUT,
    parameters=138_357_544,
    macs=15_470_264_320,
    top1_percent=71.3,
    top1_source="keras.io/api/applications",
    keras_name="VGG16",
    checkpoints=(keras_checkpoint("vgg16/vgg16", "64373286793e3c8b2b4e3219cbf3544b"),),
)
def vgg16(arguments: BuildArguments) -> keras.Model:
    """Build VGG-16."""
    return _build(arguments, DEPTHS_16, "vgg16")


@register(
    year=2014,
    paper=VGG_PAPER,
    input=VGG_INPUT,
    parameters=143_667_240,
    macs=19_632_062_464,
    top1_percent=71.3,
    top1_source="keras.io/api/applications",
    keras_name="VGG19",
    checkpoints=(keras_checkpoint("vgg19/vgg19", "cbe5617147190e668d6c5d5026f83318"),),
)
def vgg19(arguments: BuildArguments) -> keras.Model:
    """Build VGG-19."""
    return _build(arguments, DEPTHS_19, "vgg19")


def _build(arguments: BuildArguments, depths: tuple[int, ...], name: str) -> keras.Model:
    strides = Strides(arguments.size)
    x = inputs = image_input(arguments)
    for stage, (depth, channels) in enumerate(zip(depths, VGG_WIDTHS, strict=True), 1):
        for number in range(1, depth + 1):
            x = plain_convolution(
                x, scaled_width(channels, arguments.alpha), 3, name=f"block{stage}_conv{number}"
            )
        if strides(2) == 2:
            x = keras.layers.MaxPooling2D(2, name=f"block{stage}_pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number in (1, 2):
        width = scaled_width(DENSE_WIDTH, arguments.alpha)
        x = hidden_layer(x, width, dropout=arguments.dropout, name=f"fc{number}")
    outputs = classifier(x, arguments.classes, dropout=0.0, softmax=arguments.softmax)
    return model_of(inputs, outputs, name)

"""AlexNet: five convolutions and three dense layers.

Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks",
https://papers.nips.cc/paper/4824

The second, fourth and fifth convolution work in two groups, as on the paper's two GPUs. Its local
response normalisation has no quantised kernel and is left out: Simonyan and Zisserman 2014
(section 4.1) found that it does not help.
"""

from __future__ import annotations

from edgecnn.data.inputspec import SMALL_INPUT, preset
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
from edgecnn.models.spec import BuildArguments

# Section 3.5 of the paper: kernels, size, stride, groups, whether max pooling follows.
ALEXNET_CONVOLUTIONS = (
    (96, 11, 4, 1, True),
    (256, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (384, 3, 1, 2, False),
    (256, 3, 1, 2, True),
)
DENSE_WIDTH = 4096


@register(
    year=2012,
    paper="Krizhevsky et al., AlexNet, https://papers.nips.cc/paper/4824",
    input=preset("caffe", 227, 227),
    parameters=60_965_224,
    macs=724_406_816,
    top1_percent=57.1,
    top1_source="bvlc_alexnet in the Caffe model zoo",
    dropout=0.5,
)
def alexnet(arguments: BuildArguments) -> keras.Model:
    """Build AlexNet."""
    strides = Strides(arguments.size)
    is_small = min(arguments.size) <= SMALL_INPUT
    # The paper's 227 pixels fit the first kernel without padding; few pixels need every border.
    border = "same" if is_small else "valid"
    x = inputs = image_input(arguments)
    for number, (channels, kernel, stride, groups, pools) in enumerate(ALEXNET_CONVOLUTIONS, 1):
        x = plain_convolution(
            x,
            scaled_width(channels, arguments.alpha, divisor=2),
            kernel,
            name=f"conv{number}",
            strides=strides(2) * strides(2) if stride == 4 else 1,
            padding=border if number == 1 else "same",
            groups=groups,
        )
        if pools:
            x = keras.layers.MaxPooling2D(3, strides(2), border, name=f"pool{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number in (6, 7):
        width = scaled_width(DENSE_WIDTH, arguments.alpha)
        x = hidden_layer(x, width, dropout=arguments.dropout, name=f"fc{number}")
    outputs = classifier(x, arguments.classes, dropout=0.0, softmax=arguments.softmax)
    return model_of(inputs, outputs, "alexnet")

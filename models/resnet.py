"""ResNet: residual blocks with bottlenecks.

He et al. 2015, "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    classifier,
    image_input,
    keras,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, Checkpoint

# Table 1 of the paper: bottleneck width, blocks, stride of the first block.
STAGES_50 = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
EXPANSION = 4

WEIGHTS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"


@register(
    year=2015,
    paper="He et al., Deep Residual Learning, https://arxiv.org/abs/1512.03385",
    input=preset("caffe", 224, 224),
    parameters=25_636_712,
    macs=3_857_973_248,
    top1_percent=74.9,
    top1_source="keras.io/api/applications",
    keras_name="ResNet50",
    checkpoints=(
        Checkpoint(
            f"{WEIGHTS_URL}resnet50_weights_tf_dim_ordering_tf_kernels.h5",
            md5="2cb95161c43110f7111970584f804107",
        ),
    ),
)
def resnet50(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-50."""
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1.001e-5, size=arguments.size)
    inputs = image_input(arguments.size)
    x = _stem(inputs, blocks, strides, _width(64, arguments.alpha))
    for stage, (channels, repeats, first_stride) in enumerate(STAGES_50, 2):
        stride = strides(first_stride)
        for number in range(1, repeats + 1):
            x = _bottleneck(
                x,
                blocks,
                _width(channels, arguments.alpha),
                stride if number == 1 else 1,
                projects=number == 1,
                name=f"conv{stage}_block{number}",
            )
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = classifier(x, arguments.classes, dropout=arguments.dropout, softmax=arguments.softmax)
    return keras.Model(inputs, outputs, name="resnet50")


def _width(channels: int, alpha: float) -> int:
    return max(8, int(channels * alpha))


def _stem(x: Tensor, blocks: Blocks, strides: Strides, channels: int) -> Tensor:
    """7x7 convolution and 3x3 max pooling, both padded evenly on all sides as the weights expect.

    "same" would pad strided layers more at the bottom right and shift every feature by a pixel.
    """
    stride, pool_stride = strides(2), strides(2)
    x = keras.layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = keras.layers.Conv2D(
        channels,
        7,
        strides=stride,
        kernel_initializer=variance_preserving("conv1", "relu"),
        name="conv1",
    )(x)
    x = blocks.normalized(x, name="conv1", activation="relu")
    if pool_stride == 1:
        return x
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return keras.layers.MaxPooling2D(3, strides=2, name="pool1")(x)


def _bottleneck(
    x: Tensor, blocks: Blocks, channels: int, stride: int, *, projects: bool, name: str
) -> Tensor:
    """1x1 to narrow, 3x3, 1x1 to widen; the stride is on the first, as in the paper."""
    shortcut = x
    wide = EXPANSION * channels
    if projects:
        shortcut = blocks.convolution(x, wide, 1, name=f"{name}_0", strides=stride, use_bias=True)
    x = blocks.convolution(
        x, channels, 1, name=f"{name}_1", strides=stride, activation="relu", use_bias=True
    )
    x = blocks.convolution(x, channels, 3, name=f"{name}_2", activation="relu", use_bias=True)
    x = blocks.convolution(x, wide, 1, name=f"{name}_3", use_bias=True)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)

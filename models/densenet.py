"""DenseNet: every layer sees the maps of all layers before it.

Huang et al. 2017, "Densely Connected Convolutional Networks", https://arxiv.org/abs/1608.06993
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    classification_model,
    even_stem,
    image_input,
    keras,
    scaled_width,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, keras_checkpoint

# Table 1 of the paper, first column.
LAYERS_121 = (6, 12, 24, 16)
GROWTH = 32
REDUCTION = 0.5


@register(
    year=2016,
    paper="Huang et al., DenseNet, https://arxiv.org/abs/1608.06993",
    input=preset("torch", 224, 224),
    parameters=8_062_504,
    macs=2_834_161_664,
    top1_percent=75.0,
    top1_source="keras.io/api/applications",
    keras_name="DenseNet121",
    checkpoints=(keras_checkpoint("densenet/densenet121", "9d60b8095a5708f2dcce2bca79d332c7"),),
)
def densenet121(arguments: BuildArguments) -> keras.Model:
    """Build DenseNet-121."""
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1.001e-5, size=arguments.size)
    growth = scaled_width(GROWTH, arguments.alpha)
    inputs = image_input(arguments)
    x = even_stem(inputs, blocks, strides, 2 * growth)
    for stage, repeats in enumerate(LAYERS_121, 2):
        for number in range(1, repeats + 1):
            x = _layer(x, blocks, growth, f"conv{stage}_block{number}")
        if stage < 1 + len(LAYERS_121):
            x = _transition(x, blocks, strides(2), f"pool{stage}")
    x = blocks.normalized(x, name="last", activation="relu")
    return classification_model(inputs, x, arguments, "densenet121")


def _layer(x: Tensor, blocks: Blocks, growth: int, name: str) -> Tensor:
    """Append a layer: 1x1 to four times the growth rate, then 3x3."""
    new = blocks.normalized(x, name=f"{name}_0", activation="relu")
    new = blocks.convolution(new, 4 * growth, 1, name=f"{name}_1", activation="relu")
    new = keras.layers.Conv2D(
        growth,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer=variance_preserving(f"{name}_2", "relu"),
        name=f"{name}_2",
    )(new)
    return keras.layers.Concatenate(name=f"{name}_concat")([x, new])


def _transition(x: Tensor, blocks: Blocks, stride: int, name: str) -> Tensor:
    x = blocks.normalized(x, name=name, activation="relu")
    x = keras.layers.Conv2D(
        int(x.shape[-1] * REDUCTION),
        1,
        use_bias=False,
        kernel_initializer=variance_preserving(f"{name}_conv", "relu"),
        name=f"{name}_conv",
    )(x)
    if stride == 1:
        return x
    return keras.layers.AveragePooling2D(2, name=f"{name}_pool")(x)

"""ShuffleNet v2: channels are split, one half is convolved, and the halves are shuffled.

Ma et al. 2018, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
https://arxiv.org/abs/1807.11164
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
    scaled_width,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments

# Table 5 of the paper: output channels of the stages and of the last convolution, by width.
PUBLISHED_WIDTHS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
STEM = 24
DEPTHS = (4, 8, 4)


@register(
    year=2018,
    paper="Ma et al., ShuffleNet V2, https://arxiv.org/abs/1807.11164",
    input=preset("torch", 224, 224),
    parameters=2_294_784,
    macs=144_907_992,
    top1_percent=69.4,
    top1_source="table 8 of the paper",
)
def shufflenet_v2(arguments: BuildArguments) -> keras.Model:
    """Build ShuffleNet v2."""
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1e-5, size=arguments.size)
    *widths, last = _widths(arguments.alpha)
    inputs = image_input(arguments)
    x = blocks.convolution(inputs, STEM, 3, name="conv1", strides=strides(2), activation="relu")
    if strides(2) == 2:
        x = keras.layers.MaxPooling2D(3, 2, "same", name="pool1")(x)
    for stage, (depth, width) in enumerate(zip(DEPTHS, widths, strict=True), 2):
        x = _reduction(x, blocks, width // 2, strides(2), f"stage{stage}_0")
        for number in range(1, depth):
            x = _unit(x, blocks, f"stage{stage}_{number}")
    x = blocks.convolution(x, last, 1, name="conv5", activation="relu")
    return classification_model(inputs, x, arguments, "shufflenet_v2")


def _widths(alpha: float) -> tuple[int, ...]:
    """Return the paper's widths where it has them, else those at 1 scaled to even numbers."""
    if alpha in PUBLISHED_WIDTHS:
        return PUBLISHED_WIDTHS[alpha]
    *stages, last = PUBLISHED_WIDTHS[1.0]
    return (
        *(scaled_width(width, alpha, divisor=2) for width in stages),
        scaled_width(last, max(1.0, alpha)),
    )


def _reduction(x: Tensor, blocks: Blocks, half: int, stride: int, name: str) -> Tensor:
    """Apply a block whose branches both work on all channels (the paper's figure 3d)."""
    left = blocks.depthwise(x, 3, name=f"{name}_left_dw", strides=stride, activation=None)
    left = blocks.convolution(left, half, 1, name=f"{name}_left", activation="relu")
    return _shuffled(left, _branch(x, blocks, half, stride, name), name)


def _unit(x: Tensor, blocks: Blocks, name: str) -> Tensor:
    """Apply a block that convolves one half of the channels (the paper's figure 3c)."""
    left, right = keras.ops.split(x, 2, axis=-1)
    return _shuffled(left, _branch(right, blocks, x.shape[-1] // 2, 1, name), name)


def _branch(x: Tensor, blocks: Blocks, half: int, stride: int, name: str) -> Tensor:
    x = blocks.convolution(x, half, 1, name=f"{name}_reduce", activation="relu")
    x = blocks.depthwise(x, 3, name=f"{name}_dw", strides=stride, activation=None)
    return blocks.convolution(x, half, 1, name=f"{name}_expand", activation="relu")


def _shuffled(left: Tensor, right: Tensor, name: str) -> Tensor:
    """Concatenate two halves, and alternate their channels."""
    height, width, half = left.shape[1:]
    x = keras.layers.Concatenate(name=f"{name}_concat")([left, right])
    x = keras.layers.Reshape((height * width, 2, half), name=f"{name}_halves")(x)
    x = keras.layers.Permute((1, 3, 2), name=f"{name}_alternate")(x)
    return keras.layers.Reshape((height, width, 2 * half), name=f"{name}_shuffle")(x)

"""ResNet and what grew from it: residual blocks, basic and bottleneck, grouped, with attention.

- He et al. 2015, "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385
- He et al. 2016, "Identity Mappings in Deep Residual Networks", https://arxiv.org/abs/1603.05027
- Xie et al. 2017, "Aggregated Residual Transformations", https://arxiv.org/abs/1611.05431
- Hu et al. 2018, "Squeeze-and-Excitation Networks", https://arxiv.org/abs/1709.01507
"""

from __future__ import annotations

from dataclasses import dataclass

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
    squeeze_excite,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, keras_checkpoint

# Table 1 of the first paper: blocks in each stage.
DEPTHS_18 = (2, 2, 2, 2)
DEPTHS_34 = DEPTHS_50 = (3, 4, 6, 3)
DEPTHS_101 = (3, 4, 23, 3)
RESNET_WIDTHS = (64, 128, 256, 512)
STRIDES = (1, 2, 2, 2)
EXPANSION = 4
SQUEEZE_RATIO = 16

RESNET_PAPER = "He et al., Deep Residual Learning, https://arxiv.org/abs/1512.03385"
CAFFE_INPUT = preset("caffe", 224, 224)
TORCH_INPUT = preset("torch", 224, 224)


@dataclass(frozen=True)
class Style:
    """Blocks of a member of the family.

    Args:
        bottleneck: Whether a block has convolutions of 1x1, 3x3 and 1x1 in place of two of 3x3.
        stride_first: Whether a bottleneck's stride is on its first convolution (He et al.), not
            on the 3x3 (later practice).
        use_bias: Whether convolutions have a bias that normalisation makes redundant.
        groups: Groups of the 3x3 convolution.
        group_width: Width of the 3x3 convolution over the bottleneck's width.
        excite: Whether squeeze-and-excite ends the block.
    """

    bottleneck: bool = True
    stride_first: bool = False
    use_bias: bool = False
    groups: int = 1
    group_width: int = 1
    excite: bool = False


KERAS_STYLE = Style(stride_first=True, use_bias=True)


@register(
    year=2015,
    paper=RESNET_PAPER,
    input=TORCH_INPUT,
    parameters=11_699_112,
    macs=1_814_073_344,
    top1_percent=69.8,
    top1_source="torchvision",
)
def resnet18(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-18."""
    return _build(arguments, DEPTHS_18, Style(bottleneck=False), "resnet18")


@register(
    year=2015,
    paper=RESNET_PAPER,
    input=TORCH_INPUT,
    parameters=21_814_696,
    macs=3_663_761_408,
    top1_percent=73.3,
    top1_source="torchvision",
)
def resnet34(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-34."""
    return _build(arguments, DEPTHS_34, Style(bottleneck=False), "resnet34")


@register(
    year=2015,
    paper=RESNET_PAPER,
    input=CAFFE_INPUT,
    parameters=25_636_712,
    macs=3_857_973_248,
    top1_percent=74.9,
    top1_source="keras.io/api/applications",
    keras_name="ResNet50",
    checkpoints=(keras_checkpoint("resnet/resnet50", "2cb95161c43110f7111970584f804107"),),
)
def resnet50(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-50."""
    return _build(arguments, DEPTHS_50, KERAS_STYLE, "resnet50")


@register(
    year=2015,
    paper=RESNET_PAPER,
    input=CAFFE_INPUT,
    parameters=44_707_176,
    macs=7_570_194_432,
    top1_percent=76.4,
    top1_source="keras.io/api/applications",
    keras_name="ResNet101",
    checkpoints=(keras_checkpoint("resnet/resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5"),),
)
def resnet101(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-101."""
    return _build(arguments, DEPTHS_101, KERAS_STYLE, "resnet101")


@register(
    year=2016,
    paper="Xie et al., ResNeXt, https://arxiv.org/abs/1611.05431",
    input=TORCH_INPUT,
    parameters=25_097_128,
    macs=4_230_479_872,
    top1_percent=77.6,
    top1_source="torchvision",
)
def resnext50_32x4d(arguments: BuildArguments) -> keras.Model:
    """Build ResNeXt-50 of 32 groups, 4 channels each at the first stage."""
    style = Style(groups=32, group_width=2)
    return _build(arguments, DEPTHS_50, style, "resnext50_32x4d")


@register(
    year=2017,
    paper="Hu et al., SENet, https://arxiv.org/abs/1709.01507",
    input=TORCH_INPUT,
    parameters=28_141_144,
    macs=3_860_488_192,
    top1_percent=76.7,
    top1_source="table 2 of the paper",
)
def se_resnet50(arguments: BuildArguments) -> keras.Model:
    """Build SE-ResNet-50."""
    return _build(arguments, DEPTHS_50, Style(stride_first=True, excite=True), "se_resnet50")


@register(
    year=2016,
    paper="He et al., Identity Mappings, https://arxiv.org/abs/1603.05027",
    input=preset("tf", 224, 224),
    parameters=25_613_800,
    macs=3_482_255_360,
    top1_percent=76.0,
    top1_source="keras.io/api/applications",
    keras_name="ResNet50V2",
    checkpoints=(keras_checkpoint("resnet/resnet50v2", "3ef43a0b657b3be2300d5770ece849e0"),),
)
def resnet50_v2(arguments: BuildArguments) -> keras.Model:
    """Build ResNet-50 v2, whose blocks normalise before they convolve."""
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1.001e-5, size=arguments.size)
    inputs = image_input(arguments)
    width = scaled_width(RESNET_WIDTHS[0], arguments.alpha)
    x = even_stem(inputs, blocks, strides, width, normalize=False)
    for stage, (depth, channels) in enumerate(zip(DEPTHS_50, RESNET_WIDTHS, strict=True), 2):
        # The stride is on a stage's last block, as in the published weights.
        stride = strides(2) if stage < 5 else 1
        for number in range(1, depth + 1):
            x = _preactivated(
                x,
                blocks,
                scaled_width(channels, arguments.alpha),
                stride if number == depth else 1,
                projects=number == 1,
                name=f"conv{stage}_block{number}",
            )
    x = blocks.normalized(x, name="post", activation="relu")
    return classification_model(inputs, x, arguments, "resnet50_v2")


def _build(
    arguments: BuildArguments, depths: tuple[int, ...], style: Style, name: str
) -> keras.Model:
    strides = Strides(arguments.size)
    blocks = Blocks(epsilon=1.001e-5, size=arguments.size, use_bias=style.use_bias)
    inputs = image_input(arguments)
    width = scaled_width(RESNET_WIDTHS[0], arguments.alpha)
    x = even_stem(inputs, blocks, strides, width)
    block = _bottleneck if style.bottleneck else _basic
    for stage, (depth, channels, first) in enumerate(
        zip(depths, RESNET_WIDTHS, STRIDES, strict=True), 2
    ):
        stride, width = strides(first), scaled_width(channels, arguments.alpha)
        for number in range(1, depth + 1):
            step = stride if number == 1 else 1
            x = block(x, blocks, width, step, style, f"conv{stage}_block{number}")
    return classification_model(inputs, x, arguments, name)


def _projection(
    x: Tensor, blocks: Blocks, channels: int, stride: int, style: Style, name: str
) -> Tensor:
    """Return the shortcut: the input itself where its shape fits and the stage goes on."""
    goes_on = not (style.bottleneck and name.endswith("block1"))
    if goes_on and stride == 1 and x.shape[-1] == channels:
        return x
    return blocks.convolution(x, channels, 1, name=f"{name}_0", strides=stride)


def _basic(
    x: Tensor, blocks: Blocks, channels: int, stride: int, style: Style, name: str
) -> Tensor:
    """Two 3x3 convolutions."""
    shortcut = _projection(x, blocks, channels, stride, style, name)
    x = blocks.convolution(x, channels, 3, name=f"{name}_1", strides=stride, activation="relu")
    x = blocks.convolution(x, channels, 3, name=f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)


def _bottleneck(
    x: Tensor, blocks: Blocks, channels: int, stride: int, style: Style, name: str
) -> Tensor:
    """1x1 to narrow, 3x3, 1x1 to widen."""
    wide = EXPANSION * channels
    first, second = (stride, 1) if style.stride_first else (1, stride)
    narrow = scaled_width(channels * style.group_width, 1.0, divisor=style.groups)
    shortcut = _projection(x, blocks, wide, stride, style, name)
    x = blocks.convolution(x, narrow, 1, name=f"{name}_1", strides=first, activation="relu")
    x = blocks.convolution(
        x,
        narrow,
        3,
        name=f"{name}_2",
        strides=second,
        groups=style.groups,
        activation="relu",
    )
    x = blocks.convolution(x, wide, 1, name=f"{name}_3")
    if style.excite:
        x = squeeze_excite(x, max(1, wide // SQUEEZE_RATIO), name=f"{name}_excite", gate="sigmoid")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)


def _preactivated(
    x: Tensor, blocks: Blocks, channels: int, stride: int, *, projects: bool, name: str
) -> Tensor:
    """Normalise and rectify, then 1x1, 3x3, 1x1; the sum is left as it is."""
    wide = EXPANSION * channels
    active = blocks.normalized(x, name=f"{name}_before", activation="relu")
    if projects:
        shortcut = _linear(active, wide, stride, f"{name}_0")
    else:
        shortcut = keras.layers.MaxPooling2D(1, stride, name=f"{name}_0")(x) if stride > 1 else x
    y = blocks.convolution(active, channels, 1, name=f"{name}_1", activation="relu")
    padding = "same"
    if stride > 1:
        # The weights expect a pixel on all sides, where "same" pads the bottom right alone.
        y, padding = keras.layers.ZeroPadding2D(1, name=f"{name}_2_pad")(y), "valid"
    y = blocks.convolution(
        y, channels, 3, name=f"{name}_2", strides=stride, padding=padding, activation="relu"
    )
    return keras.layers.Add(name=f"{name}_add")([shortcut, _linear(y, wide, 1, f"{name}_3")])


def _linear(x: Tensor, channels: int, stride: int, name: str) -> Tensor:
    return keras.layers.Conv2D(
        channels, 1, stride, kernel_initializer=variance_preserving(name, None), name=name
    )(x)

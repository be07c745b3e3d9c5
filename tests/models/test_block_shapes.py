"""Architectures without a peer in Keras: every block has the shape that its paper's table gives.

The tables stand here as their papers print them, apart from the builders' own; a row of a block
is expanded to the layers inside it, so that each layer with a kernel has an expected shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from edgecnn.models.registry import list_models

from .facts import FactsOf

Shape = tuple[int, ...]
Row = tuple[str, Shape]
Table = Iterator[Row]

WITHOUT_PEER = [spec.name for spec in list_models() if not spec.keras_name]

# AlexNet: the paper's figure 2 and section 3.5, with the input of 227 pixels that its sizes imply;
# BVLC/caffe, models/bvlc_alexnet/deploy.prototxt.
ALEXNET = (
    ("conv1", 55, 96), ("pool1", 27, 96),
    ("conv2", 27, 256), ("pool2", 13, 256),
    ("conv3", 13, 384), ("conv4", 13, 384), ("conv5", 13, 256), ("pool5", 6, 256),
)  # fmt: skip

# VGG: table 1 of the paper, column A: convolutions between poolings; the side before and after.
VGG11 = ((1, 64, 224, 112), (1, 128, 112, 56), (2, 256, 56, 28), (2, 512, 28, 14), (2, 512, 14, 7))

# GoogLeNet: table 1 of the paper: side, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj, output.
GOOGLENET = {
    "3a": (28, 64, 96, 128, 16, 32, 32, 256),
    "3b": (28, 128, 128, 192, 32, 96, 64, 480),
    "4a": (14, 192, 96, 208, 16, 48, 64, 512),
    "4b": (14, 160, 112, 224, 24, 64, 64, 512),
    "4c": (14, 128, 128, 256, 24, 64, 64, 512),
    "4d": (14, 112, 144, 288, 32, 64, 64, 528),
    "4e": (14, 256, 160, 320, 32, 128, 128, 832),
    "5a": (7, 256, 160, 320, 32, 128, 128, 832),
    "5b": (7, 384, 192, 384, 48, 128, 128, 1024),
}
GOOGLENET_POOLS = (("pool_3a", 28, 192), ("pool_4a", 14, 480), ("pool_5a", 7, 832))

# ResNet: table 1 of the paper, columns 18-layer and 34-layer: blocks, side, channels.
RESNET18 = ((2, 56, 64), (2, 28, 128), (2, 14, 256), (2, 7, 512))
RESNET34 = ((3, 56, 64), (4, 28, 128), (6, 14, 256), (3, 7, 512))
# Its column 50-layer: 1x1 and 3x3, last 1x1. SE-ResNet-50: table 1 of the SENet paper, with the
# two widths of fc (the reduction of 16).
SE_RESNET50 = (
    (3, 56, 64, 256, 16), (4, 28, 128, 512, 32), (6, 14, 256, 1024, 64), (3, 7, 512, 2048, 128),
)  # fmt: skip
# ResNeXt: table 1 of the paper, column ResNeXt-50 (32x4d).
RESNEXT50 = ((3, 56, 128, 256), (4, 28, 256, 512), (6, 14, 512, 1024), (3, 7, 1024, 2048))

# SqueezeNet 1.1: pytorch/vision, torchvision/models/squeezenet.py, version "1_1", on 224 pixels;
# channels of squeeze and of each expansion. Poolings leave out the last odd row, ceil mode or not.
SQUEEZENET = (
    ("fire2", 55, 16, 64), ("fire3", 55, 16, 64),
    ("fire5", 27, 32, 128), ("fire6", 27, 32, 128),
    ("fire8", 13, 48, 192), ("fire9", 13, 48, 192),
    ("fire10", 13, 64, 256), ("fire11", 13, 64, 256),
)  # fmt: skip
SQUEEZENET_POOLS = (("pool1", 55, 64), ("pool4", 27, 128), ("pool7", 13, 256))

# ShuffleNet v2: table 5 of the paper, column 1x: units (the first with a stride of 2), side, output
# channels. Before them: Conv1 112x112x24, MaxPool 56x56x24; after them Conv5 7x7x1024.
SHUFFLENET = ((2, 4, 28, 116), (3, 8, 14, 232), (4, 4, 7, 464))

# MobileNet v4: tables 10 (Conv-S) and 11 (Conv-M) of the paper, as its authors' code has them:
# tensorflow/models, official/vision/modeling/backbones/mobilenet.py. A convolution is (side,
# channels); a fused block (side, expanded, channels); a universal inverted bottleneck (side,
# whether a depthwise convolution starts it, expanded, whether one is in the middle, channels).
MOBILENET_V4_SMALL = (
    (112, 32),
    (56, 32), (56, 32),
    (28, 96), (28, 64),
    (14, True, 192, True, 96), *[(14, False, 192, True, 96)] * 4, (14, True, 384, False, 96),
    (7, True, 576, True, 128), (7, True, 512, True, 128), (7, False, 512, True, 128),
    (7, False, 384, True, 128), *[(7, False, 512, True, 128)] * 2,
    (7, 960),
)  # fmt: skip
MOBILENET_V4_MEDIUM = (
    (128, 32),
    (64, 128, 48),
    (32, True, 192, True, 80), (32, True, 160, True, 80),
    (16, True, 480, True, 160), *[(16, True, 640, True, 160)] * 4,
    (16, True, 640, False, 160), (16, False, 320, False, 160), (16, True, 640, False, 160),
    (8, True, 960, True, 256), *[(8, True, 1024, True, 256)] * 3, (8, False, 1024, False, 256),
    (8, True, 1024, False, 256), (8, True, 512, True, 256), (8, True, 1024, True, 256),
    *[(8, False, 1024, False, 256)] * 2, (8, True, 512, False, 256),
    (8, 960),
)  # fmt: skip

# EfficientNet: table 1 of the paper has the stages' expansion, and strides by their resolution.
EFFICIENTNET_EXPANSIONS = (1, 6, 6, 6, 6, 6, 6)
# EfficientNet-Lite: tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py
# has width, depth and resolution; by its rounding a variant's stages have these channels and
# repeats (the first and last stage, stem and head are not scaled), and these sides after the stem
# and each stage: half of the side before, rounded up.
LITE_CHANNELS = {
    0: (16, 24, 40, 80, 112, 192, 320),  # width 1.0
    1: (16, 24, 40, 80, 112, 192, 320),  # width 1.0
    2: (16, 24, 48, 88, 120, 208, 352),  # width 1.1
    3: (24, 32, 48, 96, 136, 232, 384),  # width 1.2
    4: (24, 32, 56, 112, 160, 272, 448),  # width 1.4
}
LITE_REPEATS = {
    0: (1, 2, 2, 3, 3, 4, 1),  # depth 1.0
    1: (1, 3, 3, 4, 4, 5, 1),  # depth 1.1
    2: (1, 3, 3, 4, 4, 5, 1),  # depth 1.2
    3: (1, 3, 3, 5, 5, 6, 1),  # depth 1.4
    4: (1, 4, 4, 6, 6, 8, 1),  # depth 1.8
}
LITE_SIDES = {
    0: (112, 112, 56, 28, 14, 14, 7, 7),  # 224 pixels
    1: (120, 120, 60, 30, 15, 15, 8, 8),  # 240
    2: (130, 130, 65, 33, 17, 17, 9, 9),  # 260
    3: (140, 140, 70, 35, 18, 18, 9, 9),  # 280
    4: (150, 150, 75, 38, 19, 19, 10, 10),  # 300
}

# MLPerf Tiny: mlcommons/tiny, benchmark/training/image_classification/keras_model.py
# (resnet_v1_eembc) with 16 filters, its shipped model: side and channels of the stacks.
RESNET8 = ((2, 32, 16), (3, 16, 32), (4, 8, 64))
# Its benchmark/training/visual_wake_words/vww_model.py: MobileNet v1 of a quarter's width (table 1
# of Howard et al.) on 96 pixels: side and channels of the pointwise convolutions.
VWW = (
    (48, 16), (24, 32), (24, 32), (12, 64), (12, 64),
    (6, 128), (6, 128), (6, 128), (6, 128), (6, 128), (6, 128), (3, 256), (3, 256),
)  # fmt: skip


def square(name: str, side: int, channels: int) -> Row:
    return name, (side, side, channels)


def head(channels: int, classes: int = 1000) -> Table:
    yield "pool", (channels,)
    yield "predictions_logits", (classes,)


def alexnet() -> Table:
    yield from (square(*row) for row in ALEXNET)
    yield from (("flatten", (9216,)), ("fc6", (4096,)), ("fc7", (4096,)))
    yield "predictions_logits", (1000,)


def mlp() -> Table:
    """Srivastava et al. name the form; the input is 32x32 pixels in three colours."""
    yield from (("flatten", (3072,)), ("hidden_1", (1024,)), ("hidden_2", (1024,)))
    yield "predictions_logits", (1000,)


def vgg11() -> Table:
    for stage, (depth, channels, side, after) in enumerate(VGG11, 1):
        for number in range(1, depth + 1):
            yield square(f"block{stage}_conv{number}", side, channels)
        yield square(f"block{stage}_pool", after, channels)
    yield from (("flatten", (7 * 7 * 512,)), ("fc1", (4096,)), ("fc2", (4096,)))
    yield "predictions_logits", (1000,)


def inception_v1() -> Table:
    yield square("conv1", 112, 64)
    yield square("pool1", 56, 64)
    yield square("conv2_reduce", 56, 64)
    yield square("conv2", 56, 192)
    yield from (square(*row) for row in GOOGLENET_POOLS)
    layers = ("1x1_1", "3x3_1", "3x3_2", "5x5_1", "5x5_2", "pooled_1")
    for module, (side, *widths, output) in GOOGLENET.items():
        for layer, channels in zip(layers, widths, strict=True):
            yield square(f"inception_{module}_{layer}", side, channels)
        yield square(f"inception_{module}", side, output)
    yield from head(1024)


def stem() -> Table:
    yield square("conv1", 112, 64)
    yield square("pool1", 56, 64)


def basic_blocks(stages: tuple[tuple[int, int, int], ...]) -> Table:
    yield from stem()
    for stage, (depth, side, channels) in enumerate(stages, 2):
        for number in range(1, depth + 1):
            name = f"conv{stage}_block{number}"
            for layer in ("1", "2", "out"):
                yield square(f"{name}_{layer}", side, channels)
            if number == 1 and stage > 2:
                yield square(f"{name}_0", side, channels)
    yield from head(512)


def bottlenecks(stages: tuple[tuple[int, int, int, int], ...], *, stride_first: bool) -> Table:
    """The stride of a stage's first block is on its first convolution, or on the 3x3."""
    yield from stem()
    before = 56
    for stage, (depth, side, narrow, wide) in enumerate(stages, 2):
        for number in range(1, depth + 1):
            name = f"conv{stage}_block{number}"
            yield square(f"{name}_1", side if stride_first else before, narrow)
            yield square(f"{name}_2", side, narrow)
            for layer in ("3", "out", *(["0"] if number == 1 else [])):
                yield square(f"{name}_{layer}", side, wide)
            before = side
    yield from head(2048)


def se_resnet50() -> Table:
    yield from bottlenecks(tuple(row[:4] for row in SE_RESNET50), stride_first=True)
    for stage, (depth, _, _, wide, squeezed) in enumerate(SE_RESNET50, 2):
        for number in range(1, depth + 1):
            yield square(f"conv{stage}_block{number}_excite_reduce", 1, squeezed)
            yield square(f"conv{stage}_block{number}_excite_expand", 1, wide)


def squeezenet() -> Table:
    yield square("conv1", 111, 64)
    yield from (square(*row) for row in SQUEEZENET_POOLS)
    for name, side, squeezed, expanded in SQUEEZENET:
        yield square(f"{name}_squeeze", side, squeezed)
        yield square(f"{name}_expand1", side, expanded)
        yield square(f"{name}_expand3", side, expanded)
        yield square(f"{name}_concat", side, 2 * expanded)
    yield square("conv10", 13, 1000)
    yield "pool", (1000,)


def shufflenet_v2() -> Table:
    yield square("conv1", 112, 24)
    yield square("pool1", 56, 24)
    before, incoming = 56, 24
    for stage, depth, side, channels in SHUFFLENET:
        yield square(f"stage{stage}_0_left_dw", side, incoming)
        yield square(f"stage{stage}_0_left", side, channels // 2)
        for number in range(depth):
            name = f"stage{stage}_{number}"
            yield square(f"{name}_reduce", before, channels // 2)
            yield square(f"{name}_dw", side, channels // 2)
            yield square(f"{name}_expand", side, channels // 2)
            yield square(f"{name}_shuffle", side, channels)
            before = side
        incoming = channels
    yield square("conv5", 7, 1024)
    yield from head(1024)


def mobilenet_v4(rows: tuple[tuple[int, ...], ...]) -> Table:
    before, incoming = 0, 0
    for number, row in enumerate(rows):
        name, side, channels = f"block_{number}", row[0], row[-1]
        if len(row) == 2:
            yield square(name, side, channels)
        else:
            yield square(f"{name}_project", side, channels)
        if len(row) == 3:
            yield square(f"{name}_expand", side, row[1])
        if len(row) == 5:
            yield from universal(name, row, before, incoming)
        before, incoming = side, channels
    yield "pool", (960,)
    yield "wide", (1280,)
    yield "predictions_logits", (1000,)


def universal(name: str, row: tuple[int, ...], before: int, incoming: int) -> Table:
    """The stride is on the depthwise convolution in the middle, where there is one."""
    side, starts, expanded, is_middle, channels = row
    if starts:
        yield square(f"{name}_start", before if is_middle else side, incoming)
    yield square(f"{name}_expand", before if is_middle else side, expanded)
    if is_middle:
        yield square(f"{name}_middle", side, expanded)
    if incoming == channels and before == side:
        yield square(f"{name}_add", side, channels)


def efficientnet_lite(variant: int) -> Table:
    first, *sides = LITE_SIDES[variant]
    yield square("stem", first, 32)
    before, incoming = first, 32
    stages = zip(
        EFFICIENTNET_EXPANSIONS, LITE_CHANNELS[variant], LITE_REPEATS[variant], sides, strict=True
    )
    for number, (expansion, channels, repeats, side) in enumerate(stages, 1):
        for letter in "abcdefgh"[:repeats]:
            name = f"block{number}{letter}"
            if expansion > 1:
                yield square(f"{name}_expand", before, expansion * incoming)
            yield square(f"{name}_depthwise", side, expansion * incoming)
            yield square(f"{name}_project", side, channels)
            before, incoming = side, channels
    yield square("head", sides[-1], 1280)
    yield from head(1280)


def resnet8() -> Table:
    yield square("conv1", 32, 16)
    for stage, side, channels in RESNET8:
        for layer in ("1", "2", "out", *(["0"] if stage > 2 else [])):
            yield square(f"conv{stage}_{layer}", side, channels)
    yield from head(64, classes=10)


def mobilenet_v1_vww() -> Table:
    yield square("conv1", 48, 8)
    incoming = 8
    for number, (side, channels) in enumerate(VWW, 1):
        yield square(f"conv_dw_{number}", side, incoming)
        yield square(f"conv_pw_{number}", side, channels)
        incoming = channels
    yield from head(256, classes=2)


TABLES: dict[str, Callable[[], Table]] = {
    "alexnet": alexnet,
    "mlp": mlp,
    "vgg11": vgg11,
    "inception_v1": inception_v1,
    "resnet18": lambda: basic_blocks(RESNET18),
    "resnet34": lambda: basic_blocks(RESNET34),
    # pytorch/vision has the stride on the 3x3; the networks of He et al. and Hu et al. before it.
    "resnext50_32x4d": lambda: bottlenecks(RESNEXT50, stride_first=False),
    "se_resnet50": se_resnet50,
    "squeezenet": squeezenet,
    "shufflenet_v2": shufflenet_v2,
    "mobilenet_v4_conv_small": lambda: mobilenet_v4(MOBILENET_V4_SMALL),
    "mobilenet_v4_conv_medium": lambda: mobilenet_v4(MOBILENET_V4_MEDIUM),
    "efficientnet_lite0": lambda: efficientnet_lite(0),
    "efficientnet_lite1": lambda: efficientnet_lite(1),
    "efficientnet_lite2": lambda: efficientnet_lite(2),
    "efficientnet_lite3": lambda: efficientnet_lite(3),
    "efficientnet_lite4": lambda: efficientnet_lite(4),
    "resnet8": resnet8,
    "mobilenet_v1_vww": mobilenet_v1_vww,
}


WITH_KERNEL = ("Conv2D", "DepthwiseConv2D", "Dense")


@pytest.mark.parametrize("name", WITHOUT_PEER)
def test_every_block_is_the_papers(name: str, facts: FactsOf) -> None:
    assert name in TABLES, f"{name} is not in keras.applications: write down its paper's table"
    rows = list(TABLES[name]())
    expected = dict(rows)
    assert len(expected) == len(rows)  # No layer stands in a table twice.
    found = facts(name)
    shapes = {layer: each.output for layer, each in found.layers.items()}
    assert {layer: shapes.get(layer) for layer in expected} == expected
    with_kernel = {layer for layer, each in found.layers.items() if each.kind in WITH_KERNEL}
    assert with_kernel <= set(expected)
    last = "predictions_logits" if "predictions_logits" in expected else "pool"
    assert found.outputs == (expected[last],)

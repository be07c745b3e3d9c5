"""Inception: several kernel sizes side by side, with 1x1 convolutions to keep them affordable.

- Szegedy et al. 2014, "Going Deeper with Convolutions", https://arxiv.org/abs/1409.4842
- Szegedy et al. 2015, "Rethinking the Inception Architecture", https://arxiv.org/abs/1512.00567
"""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    Blocks,
    Strides,
    Tensor,
    classifier,
    image_input,
    keras,
    scaled,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, Checkpoint

# Table 1 of the first paper: 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection.
V1_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED_BEFORE = ("3a", "4a", "5a")

MIN_VALID = 75
"""Below this side the unpadded layers of v3 would leave nothing."""

Step = tuple[int, int | tuple[int, int]]
"""Channels and kernel."""

WEIGHTS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"


@register(
    year=2014,
    paper="Szegedy et al., GoogLeNet, https://arxiv.org/abs/1409.4842",
    input=preset("tf", 224, 224),
    parameters=7_013_112,
    macs=1_582_671_872,
    top1_percent=68.7,
    top1_source="bvlc_googlenet in the Caffe model zoo",
    dropout=0.4,
)
def inception_v1(arguments: BuildArguments) -> keras.Model:
    """Build Inception v1 (GoogLeNet).

    Batch normalisation takes the place of the biases and of local response normalisation, which
    has no quantised kernel; with it the network trains without auxiliary classifiers.
    """
    strides, alpha = Strides(arguments.size), arguments.alpha
    blocks = Blocks(epsilon=1e-3, size=arguments.size, scale=False)
    inputs = image_input(arguments.size)
    x = _step(inputs, blocks, (scaled(64, alpha), 7), "conv1", strides(2))
    x = _pooled(x, strides(2), "pool1")
    x = _step(x, blocks, (scaled(64, alpha), 1), "conv2_reduce")
    x = _step(x, blocks, (scaled(192, alpha), 3), "conv2")
    for name, channels in V1_MODULES.items():
        if name in POOLED_BEFORE:
            x = _pooled(x, strides(2), f"pool_{name}")
        one, reduce3, three, reduce5, five, projected = (scaled(c, alpha) for c in channels)
        pooled = keras.layers.MaxPooling2D(3, 1, "same", name=f"inception_{name}_pool")(x)
        branches = [
            _chain(x, blocks, [(one, 1)], f"inception_{name}_1x1"),
            _chain(x, blocks, [(reduce3, 1), (three, 3)], f"inception_{name}_3x3"),
            _chain(x, blocks, [(reduce5, 1), (five, 5)], f"inception_{name}_5x5"),
            _chain(pooled, blocks, [(projected, 1)], f"inception_{name}_pooled"),
        ]
        x = keras.layers.Concatenate(name=f"inception_{name}")(branches)
    return _classified(inputs, x, arguments, "inception_v1")


@register(
    year=2015,
    paper="Szegedy et al., Inception v3, https://arxiv.org/abs/1512.00567",
    input=preset("tf", 299, 299),
    parameters=23_851_784,
    macs=5_713_216_096,
    top1_percent=77.9,
    top1_source="keras.io/api/applications",
    keras_name="InceptionV3",
    checkpoints=(
        Checkpoint(
            f"{WEIGHTS_URL}inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
            size=299,
            md5="9a0d58056eeedaa3f26cb7ebd46da564",
        ),
    ),
)
def inception_v3(arguments: BuildArguments) -> keras.Model:
    """Build Inception v3."""
    network = _V3(arguments)
    inputs = image_input(arguments.size)
    x = network.stem(inputs)
    for number, projected in enumerate((32, 64, 64)):
        x = network.module(
            x,
            [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]],
            projected,
            f"mixed{number}",
        )
    x = network.reduction(x, [[(384, 3)], [(64, 1), (96, 3), (96, 3)]], "mixed3")
    for number, width in enumerate((128, 160, 160, 192), 4):
        factorised: list[Step] = [(width, 1), (width, (1, 7)), (192, (7, 1))]
        twice: list[Step] = [
            (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7)),
        ]  # fmt: skip
        x = network.module(x, [[(192, 1)], factorised, twice], 192, f"mixed{number}")
    x = network.reduction(
        x, [[(192, 1), (320, 3)], [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)]], "mixed8"
    )
    for number in (9, 10):
        x = network.wide_module(x, f"mixed{number}")
    return _classified(inputs, x, arguments, "inception_v3")


class _V3:
    """The parts of Inception v3 (figures 5, 6, 7 and 10 of its paper)."""

    def __init__(self, arguments: BuildArguments) -> None:
        self.alpha = arguments.alpha
        self.strides = Strides(arguments.size)
        self.blocks = Blocks(epsilon=1e-3, size=arguments.size, scale=False)
        self.border = "valid" if min(arguments.size) >= MIN_VALID else "same"

    def stem(self, x: Tensor) -> Tensor:
        x = self._one(x, (32, 3), "conv1", self.strides(2), self.border)
        x = self._one(x, (32, 3), "conv2", 1, self.border)
        x = self._one(x, (64, 3), "conv3")
        x = _pooled(x, self.strides(2), "pool1", self.border)
        x = self._one(x, (80, 1), "conv4")
        x = self._one(x, (192, 3), "conv5", 1, self.border)
        return _pooled(x, self.strides(2), "pool2", self.border)

    def module(
        self, x: Tensor, branches: Sequence[Sequence[Step]], projected: int, name: str
    ) -> Tensor:
        outputs = [
            self._chain(x, steps, f"{name}_branch{number}") for number, steps in enumerate(branches)
        ]
        return self._joined(x, outputs, projected, name)

    def reduction(self, x: Tensor, branches: Sequence[Sequence[Step]], name: str) -> Tensor:
        """Halve the map: the last step of each branch and the pooling have a stride of 2."""
        stride = self.strides(2)
        outputs = []
        for number, (*steps, last) in enumerate(branches):
            prefix = f"{name}_branch{number}"
            inner = self._chain(x, steps, prefix)
            outputs.append(self._one(inner, last, f"{prefix}_last", stride, self.border))
        padding = self.border if stride == 2 else "same"
        outputs.append(keras.layers.MaxPooling2D(3, stride, padding, name=f"{name}_pool")(x))
        return keras.layers.Concatenate(name=name)(outputs)

    def wide_module(self, x: Tensor, name: str) -> Tensor:
        """Widen the last maps: 3x3 as a row and a column side by side."""
        outputs = [self._one(x, (320, 1), f"{name}_branch0")]
        for number, steps in enumerate(([(384, 1)], [(448, 1), (384, 3)]), 1):
            inner = self._chain(x, steps, f"{name}_branch{number}")
            sides = [
                self._one(inner, (384, (1, 3)), f"{name}_branch{number}_row"),
                self._one(inner, (384, (3, 1)), f"{name}_branch{number}_column"),
            ]
            outputs.append(keras.layers.Concatenate(name=f"{name}_branch{number}_sides")(sides))
        return self._joined(x, outputs, 192, name)

    def _joined(self, x: Tensor, outputs: list[Tensor], projected: int, name: str) -> Tensor:
        pooled = keras.layers.AveragePooling2D(3, 1, "same", name=f"{name}_pool")(x)
        outputs.append(self._one(pooled, (projected, 1), f"{name}_pooled"))
        return keras.layers.Concatenate(name=name)(outputs)

    def _one(
        self, x: Tensor, step: Step, name: str, stride: int = 1, padding: str = "same"
    ) -> Tensor:
        channels, kernel = step
        if stride == 1 and name.endswith("_last"):
            padding = "same"
        return _step(x, self.blocks, (scaled(channels, self.alpha), kernel), name, stride, padding)

    def _chain(self, x: Tensor, steps: Sequence[Step], name: str) -> Tensor:
        widths = [(scaled(channels, self.alpha), kernel) for channels, kernel in steps]
        return _chain(x, self.blocks, widths, name)


def _step(
    x: Tensor, blocks: Blocks, step: Step, name: str, stride: int = 1, padding: str = "same"
) -> Tensor:
    channels, kernel = step
    return blocks.convolution(
        x, channels, kernel, name=name, strides=stride, padding=padding, activation="relu"
    )


def _chain(x: Tensor, blocks: Blocks, steps: Sequence[Step], name: str) -> Tensor:
    for number, step in enumerate(steps, 1):
        x = _step(x, blocks, step, f"{name}_{number}")
    return x


def _pooled(x: Tensor, stride: int, name: str, padding: str = "same") -> Tensor:
    if stride == 1:
        return x
    return keras.layers.MaxPooling2D(3, 2, padding, name=name)(x)


def _classified(inputs: Tensor, x: Tensor, arguments: BuildArguments, name: str) -> keras.Model:
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = classifier(x, arguments.classes, dropout=arguments.dropout, softmax=arguments.softmax)
    return keras.Model(inputs, outputs, name=name)

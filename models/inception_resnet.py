"""Inception-ResNet: inception modules as residual branches, scaled down before they are added.

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning", https://arxiv.org/abs/1602.07261
"""

from __future__ import annotations

from collections.abc import Sequence
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
    scaled,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, Checkpoint

MIN_VALID = 75
"""Below this side the unpadded layers would leave nothing."""

Step = tuple[int, int | tuple[int, int]]
"""Channels and kernel."""
Branch = tuple[Step, ...]


@dataclass(frozen=True)
class Residual:
    """Repeated modules: their branches, and the factor of what they add."""

    name: str
    repeats: int
    scale: float
    branches: tuple[Branch, ...]


# Figures 16, 17 and 19 of the paper, with the published weights' repeats.
A = Residual("block35", 10, 0.17, (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))))
B = Residual("block17", 20, 0.1, (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))))
C = Residual("block8", 10, 0.2, (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))))

MIXED_5B: tuple[Branch, ...] = (((96, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)))
REDUCTION_A: tuple[Branch, ...] = (((384, 3),), ((256, 1), (256, 3), (384, 3)))
REDUCTION_B: tuple[Branch, ...] = (
    ((256, 1), (384, 3)),
    ((256, 1), (288, 3)),
    ((256, 1), (288, 3), (320, 3)),
)

WEIGHTS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/inception_resnet_v2/"


@register(
    year=2016,
    paper="Szegedy et al., Inception-ResNet, https://arxiv.org/abs/1602.07261",
    input=preset("tf", 299, 299),
    parameters=55_873_736,
    macs=13_155_794_016,
    top1_percent=80.3,
    top1_source="keras.io/api/applications",
    keras_name="InceptionResNetV2",
    checkpoints=(
        Checkpoint(
            f"{WEIGHTS_URL}inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
            size=299,
            md5="e693bd0210a403b3192acc6073ad2e96",
        ),
    ),
)
def inception_resnet_v2(arguments: BuildArguments) -> keras.Model:
    """Build Inception-ResNet v2."""
    parts = _Parts(arguments)
    inputs = image_input(arguments.size)
    x = parts.stem(inputs)
    pooled = keras.layers.AveragePooling2D(3, 1, "same", name="mixed_5b_pool")(x)
    branches = parts.branches(x, MIXED_5B, "mixed_5b")
    branches.append(parts.one(pooled, (64, 1), "mixed_5b_pooled"))
    x = keras.layers.Concatenate(name="mixed_5b")(branches)
    x = parts.residuals(x, A)
    x = parts.residuals(parts.reduction(x, REDUCTION_A, "mixed_6a"), B)
    x = parts.residuals(parts.reduction(x, REDUCTION_B, "mixed_7a"), C)
    x = parts.one(x, (1536, 1), "conv_7b")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = classifier(x, arguments.classes, dropout=arguments.dropout, softmax=arguments.softmax)
    return keras.Model(inputs, outputs, name="inception_resnet_v2")


class _Parts:
    def __init__(self, arguments: BuildArguments) -> None:
        self.alpha = arguments.alpha
        self.strides = Strides(arguments.size)
        self.blocks = Blocks(epsilon=1e-3, size=arguments.size, scale=False)
        self.border = "valid" if min(arguments.size) >= MIN_VALID else "same"

    def one(
        self, x: Tensor, step: Step, name: str, stride: int = 1, padding: str = "same"
    ) -> Tensor:
        channels, kernel = step
        return self.blocks.convolution(
            x,
            scaled(channels, self.alpha),
            kernel,
            name=name,
            strides=stride,
            padding=padding,
            activation="relu",
        )

    def stem(self, x: Tensor) -> Tensor:
        x = self.one(x, (32, 3), "conv1", self.strides(2), self.border)
        x = self.one(x, (32, 3), "conv2", 1, self.border)
        x = self.one(x, (64, 3), "conv3")
        x = self.pooled(x, self.strides(2), "pool1")
        x = self.one(x, (80, 1), "conv4")
        x = self.one(x, (192, 3), "conv5", 1, self.border)
        return self.pooled(x, self.strides(2), "pool2")

    def pooled(self, x: Tensor, stride: int, name: str) -> Tensor:
        padding = self.border if stride == 2 else "same"
        return keras.layers.MaxPooling2D(3, stride, padding, name=name)(x)

    def branches(self, x: Tensor, branches: Sequence[Branch], name: str) -> list[Tensor]:
        return [
            self.chain(x, steps, f"{name}_branch{number}") for number, steps in enumerate(branches)
        ]

    def chain(self, x: Tensor, steps: Branch, name: str) -> Tensor:
        for number, step in enumerate(steps, 1):
            x = self.one(x, step, f"{name}_{number}")
        return x

    def reduction(self, x: Tensor, branches: Sequence[Branch], name: str) -> Tensor:
        """Halve the map: the last step of each branch and the pooling have a stride of 2."""
        stride = self.strides(2)
        padding = self.border if stride == 2 else "same"
        outputs = []
        for number, steps in enumerate(branches):
            prefix = f"{name}_branch{number}"
            inner = self.chain(x, steps[:-1], prefix)
            outputs.append(self.one(inner, steps[-1], f"{prefix}_last", stride, padding))
        outputs.append(self.pooled(x, stride, f"{name}_pool"))
        return keras.layers.Concatenate(name=name)(outputs)

    def residuals(self, x: Tensor, module: Residual) -> Tensor:
        for number in range(1, module.repeats + 1):
            name = f"{module.name}_{number}"
            # The very last module adds all that it finds, and is not rectified.
            is_last = module is C and number == C.repeats
            added = keras.layers.Concatenate(name=f"{name}_mixed")(
                self.branches(x, module.branches, name)
            )
            added = keras.layers.Conv2D(
                x.shape[-1], 1, kernel_initializer=variance_preserving(name, None),
                name=f"{name}_conv",
            )(added)  # fmt: skip
            if not is_last:
                # One factor on the convolution's output: the converter folds it into the weights.
                added = keras.layers.Rescaling(module.scale, name=f"{name}_scale")(added)
            x = keras.layers.Add(name=f"{name}_add")([x, added])
            x = activate(x, None if is_last else "relu", name=name)
        return x

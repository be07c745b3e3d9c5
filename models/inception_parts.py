"""What the Inception networks share: stem, branches side by side, halving of the map."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.models.layers import Blocks, Strides, Tensor, keras, scaled
from edgecnn.models.spec import BuildArguments

INCEPTION_LEAST_SIDE = 75
"""Below this side the unpadded layers would leave nothing."""

Step = tuple[int, int | tuple[int, int]]
"""A convolution: channels before the width multiplier, and kernel."""
Branch = Sequence[Step]


class InceptionParts:
    """Convolutions with batch normalisation (no gamma) and ReLU, in the width asked for."""

    def __init__(self, arguments: BuildArguments) -> None:
        self.alpha = arguments.alpha
        self.strides = Strides(arguments.size)
        self.blocks = Blocks(epsilon=1e-3, size=arguments.size, scale=False)
        self.border = "valid" if min(arguments.size) >= INCEPTION_LEAST_SIDE else "same"

    def one(
        self, x: Tensor, step: Step, name: str, stride: int = 1, padding: str = "same"
    ) -> Tensor:
        """Apply one step."""
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

    def chain(self, x: Tensor, steps: Branch, name: str) -> Tensor:
        """Apply steps one after another."""
        for number, step in enumerate(steps, 1):
            x = self.one(x, step, f"{name}_{number}")
        return x

    def branches(self, x: Tensor, branches: Sequence[Branch], name: str) -> list[Tensor]:
        """Apply chains side by side."""
        return [
            self.chain(x, steps, f"{name}_branch{number}") for number, steps in enumerate(branches)
        ]

    def stem(self, x: Tensor) -> Tensor:
        """Apply the stem of Inception v3, which Inception-ResNet v2 has too."""
        x = self.one(x, (32, 3), "conv1", self.strides(2), self.border)
        x = self.one(x, (32, 3), "conv2", 1, self.border)
        x = self.one(x, (64, 3), "conv3")
        x = self.pooled(x, "pool1", self.border)
        x = self.one(x, (80, 1), "conv4")
        x = self.one(x, (192, 3), "conv5", 1, self.border)
        return self.pooled(x, "pool2", self.border)

    def pooled(self, x: Tensor, name: str, padding: str) -> Tensor:
        """Halve the map by 3x3 max pooling, where a small input can spare it."""
        if self.strides(2) == 1:
            return x
        return keras.layers.MaxPooling2D(3, 2, padding, name=name)(x)

    def reduction(self, x: Tensor, branches: Sequence[Branch], name: str) -> Tensor:
        """Halve the map: the last step of each branch and the pooling have a stride of 2."""
        # Only small inputs lose a stride, and their border is padded: any stride joins.
        stride = self.strides(2)
        outputs = []
        for number, (*steps, last) in enumerate(branches):
            prefix = f"{name}_branch{number}"
            inner = self.chain(x, steps, prefix)
            outputs.append(self.one(inner, last, f"{prefix}_last", stride, self.border))
        outputs.append(keras.layers.MaxPooling2D(3, stride, self.border, name=f"{name}_pool")(x))
        return keras.layers.Concatenate(name=name)(outputs)

    def with_pooled(self, x: Tensor, outputs: list[Tensor], projected: int, name: str) -> Tensor:
        """Concatenate branches and one more: average pooling, then 1x1."""
        pooled = keras.layers.AveragePooling2D(3, 1, "same", name=f"{name}_pool")(x)
        outputs = [*outputs, self.one(pooled, (projected, 1), f"{name}_pooled")]
        return keras.layers.Concatenate(name=name)(outputs)

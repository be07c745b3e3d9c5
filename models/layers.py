"""Blocks that the families share: convolution with batch normalisation, heads, small-input strides.

Names derive from a block's prefix, so a tensor of the ``.tflite`` file leads back to its layer.
Padding is "same" and pooling keeps no odd shapes, so the converted graph has no PAD, SHAPE or
RESHAPE op; batch normalisation and ReLU are folded into the convolution before them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from edgecnn.core.lazy import LazyModule
from edgecnn.data.inputspec import SMALL_INPUT
from edgecnn.models.remembered_input import layer_name_of
from edgecnn.models.spec import BuildArguments

if TYPE_CHECKING:
    import keras as keras
else:
    keras = LazyModule("keras", extra="convert")

Tensor = Any
"""A Keras tensor (batch, height, width, channels)."""

AUXILIARY = "auxiliary"
"""Beginning of the names of layers that only training uses; conversion drops their outputs."""

MIN_LAST_MAP = 2
"""Least side of the last feature map of small inputs, in pixels."""
TOTAL_STRIDE = 32


class Strides:
    """Hands out strides from the stem on; small inputs lose the first of those that are 2.

    ImageNet networks divide the input by 32, which leaves a 32x32 image one pixel. For inputs up
    to 64 pixels the first stages keep their resolution, as many as are needed for a last feature
    map of at least 2x2: one at 32 pixels, none at 64.

    Args:
        size: (height, width) of the input, in pixels.

    Example:
        >>> strides = Strides((32, 32))
        >>> [strides(s) for s in (2, 1, 2, 2)]
        [1, 1, 2, 2]
    """

    def __init__(self, size: tuple[int, int]) -> None:
        side = min(size)
        self._to_drop = 0
        while side <= SMALL_INPUT and side << self._to_drop < MIN_LAST_MAP * TOTAL_STRIDE:
            self._to_drop += 1

    def __call__(self, stride: int) -> int:
        """Return the stride to use where the paper has ``stride``."""
        if stride == 2 and self._to_drop:
            self._to_drop -= 1
            return 1
        return stride


class Blocks:
    """Convolutions with batch normalisation and activation, in one family's settings.

    Args:
        epsilon: Epsilon of batch normalisation that the family's published weights were trained
            with.
        size: (height, width) of the input; small inputs come from small data sets, on which a
            slow moving average would still hold its initial value at validation.
        scale: Whether batch normalisation has a factor (gamma).
        use_bias: Whether convolutions have a bias, though normalisation after it has one.
    """

    def __init__(
        self,
        *,
        epsilon: float,
        size: tuple[int, int],
        scale: bool = True,
        use_bias: bool = False,
    ) -> None:
        self.epsilon = epsilon
        self.scale = scale
        self.use_bias = use_bias
        self.momentum = 0.9 if min(size) <= SMALL_INPUT else 0.99

    def convolution(
        self,
        x: Tensor,
        filters: int,
        kernel: int | tuple[int, int],
        *,
        name: str,
        strides: int = 1,
        padding: str = "same",
        groups: int = 1,
        activation: str | None = None,
    ) -> Tensor:
        """Apply convolution ``name``, batch normalisation ``name_bn``, and activation."""
        x = keras.layers.Conv2D(
            filters,
            kernel,
            strides=strides,
            padding=padding,
            groups=groups,
            use_bias=self.use_bias,
            kernel_initializer=variance_preserving(name, activation),
            name=name,
        )(x)
        return self.normalized(x, name=name, activation=activation)

    def depthwise(
        self, x: Tensor, kernel: int, *, name: str, strides: int, activation: str | None
    ) -> Tensor:
        """Apply a depthwise convolution, batch normalisation and activation."""
        x = keras.layers.DepthwiseConv2D(
            kernel,
            strides=strides,
            padding="same",
            use_bias=self.use_bias,
            # Keras counts the fan-in over all channels, of which each filter sees one.
            depthwise_initializer=variance_preserving(name, activation, fan_in_factor=x.shape[-1]),
            name=name,
        )(x)
        return self.normalized(x, name=name, activation=activation)

    def normalized(self, x: Tensor, *, name: str, activation: str | None) -> Tensor:
        """Apply batch normalisation and activation."""
        x = keras.layers.BatchNormalization(
            epsilon=self.epsilon, momentum=self.momentum, scale=self.scale, name=f"{name}_bn"
        )(x)
        return activate(x, activation, name=name)


def activate(x: Tensor, activation: str | None, *, name: str) -> Tensor:
    """Apply ``"relu"``, ``"relu6"``, another activation of Keras or none, named after ``name``."""
    if activation is None:
        return x
    if activation == "relu":
        return keras.layers.ReLU(name=f"{name}_relu")(x)
    if activation == "relu6":
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(x)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)


def variance_preserving(name: str, activation: str | None, fan_in_factor: int = 1) -> Any:
    """Return the initialiser of He et al. 2015 with a seed that derives from the layer's name.

    With it a network without training has activations of ordinary size, so its file can be
    quantised and timed; and the same name gives the same weights without a global seed.
    """
    gain = 1.0 if activation is None else 2.0
    return keras.initializers.VarianceScaling(
        scale=gain * fan_in_factor,
        mode="fan_in",
        distribution="untruncated_normal",
        seed=seed_of(name),
    )


def seed_of(name: str) -> int:
    """Return a number that is the same for the same name everywhere."""
    return zlib.crc32(name.encode())


def classifier(
    x: Tensor, classes: int, *, dropout: float, softmax: bool, name: str = "predictions"
) -> Tensor:
    """Apply dropout and the last dense layer: one FULLY_CONNECTED op, and SOFTMAX if wanted."""
    if dropout:
        x = keras.layers.Dropout(dropout, seed=seed_of("dropout"), name="dropout")(x)
    x = keras.layers.Dense(
        classes,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed_of(name)),
        name=name if not softmax else f"{name}_logits",
    )(x)
    return keras.layers.Softmax(name=name)(x) if softmax else x


def classification_model(
    inputs: Tensor, x: Tensor, arguments: BuildArguments, name: str
) -> keras.Model:
    """Return the model that ends in the means of the last map and one dense layer."""
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = classifier(x, arguments.classes, dropout=arguments.dropout, softmax=arguments.softmax)
    return model_of(inputs, outputs, name)


def plain_convolution(
    x: Tensor,
    filters: int,
    kernel: int,
    *,
    name: str,
    strides: int = 1,
    padding: str = "same",
    groups: int = 1,
) -> Tensor:
    """Apply convolution with bias and ReLU, as networks before batch normalisation have it."""
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, padding=padding, groups=groups, activation="relu",
        kernel_initializer=variance_preserving(name, "relu"), name=name,
    )(x)  # fmt: skip


def hidden_layer(x: Tensor, units: int, *, dropout: float, name: str) -> Tensor:
    """Apply a dense layer with ReLU, and dropout after it."""
    x = keras.layers.Dense(
        units, activation="relu", kernel_initializer=variance_preserving(name, "relu"), name=name
    )(x)
    if not dropout:
        return x
    return keras.layers.Dropout(dropout, seed=seed_of(f"{name}_drop"), name=f"{name}_drop")(x)


def squeeze_excite(
    x: Tensor, squeezed: int, *, name: str, gate: str = "hard_sigmoid", activation: str = "relu"
) -> Tensor:
    """Weigh channels by two small layers' answer to their means (Hu et al. 2018).

    Pooling keeps its dimensions and the dense layers are 1x1 convolutions, so nothing is reshaped.

    Args:
        x: Feature map, (batch, height, width, channels).
        squeezed: Number of channels in between.
        name: Prefix of the layers' names.
        gate: ``"hard_sigmoid"`` (MobileNet v3) or ``"sigmoid"``.
        activation: Activation in between: ``"relu"`` or ``"silu"`` (EfficientNet).
    """
    channels = x.shape[-1]
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    weights = keras.layers.Conv2D(
        squeezed, 1, kernel_initializer=variance_preserving(f"{name}_reduce", "relu"),
        activation=activation, name=f"{name}_reduce",
    )(weights)  # fmt: skip
    weights = keras.layers.Conv2D(
        channels, 1, kernel_initializer=variance_preserving(f"{name}_expand", None),
        name=f"{name}_expand",
    )(weights)  # fmt: skip
    weights = keras.layers.Activation(gate, name=f"{name}_gate")(weights)
    return keras.layers.Multiply(name=f"{name}_scale")([x, weights])


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Round a scaled number of channels to a multiple of 8, never down by more than a tenth.

    This is the rule of the MobileNet v2 reference code.

    Example:
        >>> make_divisible(32 * 0.35)
        16
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def even_stem(
    x: Tensor,
    blocks: Blocks,
    strides: Strides,
    channels: int,
    *,
    normalize: bool = True,
) -> Tensor:
    """Apply 7x7 convolution and 3x3 max pooling, padded evenly as published weights expect.

    Padding "same" would pad strided layers more at the bottom right, and shift every feature by a
    pixel.
    """
    stride, pool_stride = strides(2), strides(2)
    x = keras.layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = keras.layers.Conv2D(
        channels,
        7,
        strides=stride,
        use_bias=blocks.use_bias or not normalize,
        kernel_initializer=variance_preserving("conv1", "relu"),
        name="conv1",
    )(x)
    if normalize:
        x = blocks.normalized(x, name="conv1", activation="relu")
    if pool_stride == 1:
        return x
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return keras.layers.MaxPooling2D(3, strides=2, name="pool1")(x)


def scaled_width(channels: int, alpha: float, divisor: int = 1) -> int:
    """Scale a number of channels, at least 8, down to a multiple of ``divisor``.

    Example:
        >>> scaled_width(96, 0.25, divisor=32)
        32
    """
    return max(8, divisor, int(channels * alpha) // divisor * divisor)


def image_input(arguments: BuildArguments) -> Tensor:
    """Return the images, (batch, height, width, 3), behind a layer that remembers what they are.

    :func:`model_of` makes the model of what follows from them.
    """
    images = keras.Input(arguments.input.shape, name="input")
    return keras.layers.Identity(name=layer_name_of(arguments.input))(images)


def model_of(images: Tensor, outputs: Tensor | list[Tensor], name: str) -> keras.Model:
    """Return the model from :func:`image_input`'s images to its outputs."""
    [source] = keras.utils.get_source_inputs(images)
    return keras.Model(source, outputs, name=name)

"""The networks: small ones of each kind, as users build them in Keras."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from .anchors import CELL, YOLO_CELLS, anchor_boxes
from .arrays import BANDS, FRAMES, MOVEMENTS, SENSORS, SOUNDS, STEPS
from .maps import STREET_CLASSES, STREET_WIDTH, VOC_CLASSES
from .objects import POINTS
from .samples import SIZE
from .scenes import OBJECTS, SHAPES

Tensor = keras.KerasTensor

MOMENTUM = 0.9
"""Of batch normalisation: a few hundred steps must settle it."""
RAW_SCALE, RAW_OFFSET = 1 / 127.5, -1
"""For networks that take 0..255 and normalise by themselves."""


def conv(x: Tensor, filters: int, stride: int = 1, kernel: int = 3, dilation: int = 1) -> Tensor:
    """Convolve, normalise, cut off below zero."""
    x = layers.Conv2D(filters, kernel, stride, "same", dilation_rate=dilation, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))


def separable(x: Tensor, filters: int, stride: int = 1, dilation: int = 1) -> Tensor:
    """Convolve each channel by itself, then mix them, as MobileNet v1 does."""
    x = layers.DepthwiseConv2D(3, stride, "same", dilation_rate=dilation, use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization(momentum=MOMENTUM)(x))
    return conv(x, filters, kernel=1)


def image(height: int = SIZE, width: int = SIZE) -> Tensor:
    """Return the input of a picture."""
    return keras.Input((height, width, 3), name="image")


def body(x: Tensor) -> Tensor:
    """Return features of a picture at an eighth of its size, 64 channels."""
    x = conv(x, 12, stride=2)
    x = conv(x, 24, stride=2)
    x = conv(x, 32)
    return conv(conv(x, 48, stride=2), 64)


def classifier(classes: int, activation: str) -> keras.Model:
    """Build a network for classes: softmax, or sigmoid for one or several labels."""
    inputs = image()
    x = layers.GlobalAveragePooling2D()(body(inputs))
    scores = layers.Dense(classes, name="scores")(x)
    return keras.Model(inputs, layers.Activation(activation, name="probabilities")(scores))


def without_activation(model: keras.Model) -> keras.Model:
    """Return a network that ends before its last layer: logits."""
    return keras.Model(model.inputs, model.layers[-1].input)


def unet() -> keras.Model:
    """Build a U-Net (Ronneberger et al. 2015) of three levels with softmax over the classes."""
    inputs, skips = image(), []
    x = inputs
    for filters in (8, 16):
        x = conv(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = conv(conv(x, 32), 32)
    for filters, skip in zip((16, 8), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, 2, "same")(x)
        x = conv(layers.Concatenate()([x, skip]), filters)
    scores = layers.Conv2D(len(VOC_CLASSES), 1, activation="softmax", name="classes")(x)
    return keras.Model(inputs, scores)


def deeplab() -> keras.Model:
    """Build a network of dilated convolutions with logits, resized (DeepLab v3, Chen et al. 2017).

    It takes pixels in 0..255 and normalises them.
    """
    inputs = image(SIZE, STREET_WIDTH)
    x = layers.Rescaling(RAW_SCALE, RAW_OFFSET)(inputs)
    low = conv(x, 12, stride=2)
    x = separable(low, 24, stride=2)
    x = separable(x, 32)
    branches = [conv(x, 16, kernel=1), *(separable(x, 16, dilation=rate) for rate in (2, 4))]
    wide = layers.GlobalAveragePooling2D(keepdims=True)(x)
    branches.append(layers.UpSampling2D((SIZE // 4, STREET_WIDTH // 4))(conv(wide, 16, kernel=1)))
    x = conv(layers.Concatenate()(branches), 32, kernel=1)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = separable(layers.Concatenate()([x, low]), 32)
    x = layers.Conv2D(STREET_CLASSES, 1)(x)
    return keras.Model(inputs, layers.UpSampling2D(2, interpolation="bilinear", name="logits")(x))


def ssd() -> keras.Model:
    """Build an SSD (Liu et al. 2016): offsets from anchors, and softmax over classes.

    Outputs: ``boxes`` (anchors, 4) as y, x, height, width; ``scores`` (anchors, 1 + classes), of
    which the first is the background.
    """
    inputs = image()
    x = conv(body(inputs), 64)
    anchors, per_cell = len(anchor_boxes()), len(anchor_boxes()) // (SIZE // CELL) ** 2
    boxes = layers.Conv2D(per_cell * 4, 3, padding="same")(x)
    scores = layers.Conv2D(per_cell * (len(OBJECTS) + 1), 3, padding="same")(x)
    boxes = layers.Reshape((anchors, 4), name="boxes")(boxes)
    scores = layers.Reshape((anchors, len(OBJECTS) + 1))(scores)
    return keras.Model(inputs, [boxes, layers.Softmax(name="scores")(scores)])


def decoded(distances: Tensor) -> Tensor:
    """Return boxes as centre and size in shares of the picture, as YOLO v8's export does.

    Args:
        distances: From each place to the four sides in cells, before softplus, shape (batch,
            places, 4).
    """
    ground = ((np.arange(YOLO_CELLS) + 0.5) / YOLO_CELLS).astype(np.float32)
    y, x = (axis.reshape(1, -1, 1) for axis in np.meshgrid(ground, ground, indexing="ij"))
    near, far = ops.split(ops.softplus(distances) / YOLO_CELLS, 2, axis=-1)
    # Both axes at once: Keras makes BiasAdd of a sum with one column, and no converter takes that.
    centre = (far - near) / 2 + np.concatenate([x, y], axis=-1)
    return ops.concatenate([centre, near + far], axis=-1)


def yolo() -> keras.Model:
    """Build a detector with one output as YOLO v8's export has it, shape (4 + classes, cells)."""
    inputs = image()
    x = conv(inputs, 12, stride=2)
    fine = conv(conv(x, 24, stride=2), 32)
    x = conv(conv(fine, 48, stride=2), 64)
    x = layers.UpSampling2D(2)(conv(x, 32, kernel=1))
    x = conv(layers.Concatenate()([x, fine]), 48)
    cells = YOLO_CELLS**2
    distances = layers.Reshape((cells, 4))(layers.Conv2D(4, 1)(x))
    scores = layers.Reshape((cells, len(OBJECTS)))(
        layers.Conv2D(len(OBJECTS), 1, activation="sigmoid", bias_initializer=RARE)(x)
    )
    both = layers.Concatenate()([decoded(distances), scores])
    return keras.Model(inputs, layers.Permute((2, 1), name="detections")(both))


RARE = keras.initializers.Constant(-3.0)
"""Logit of a score at first: few cells have an object (Lin et al. 2017)."""


def regressor(numbers: int, last: float) -> keras.Model:
    """Build a network for numbers in units of their own, which start in their middle."""
    inputs = image()
    x = layers.Flatten()(conv(body(inputs), 24, stride=2))
    x = layers.Dense(64, activation="relu")(x)
    middle = keras.initializers.Constant(last)
    return keras.Model(inputs, layers.Dense(numbers, bias_initializer=middle, name="numbers")(x))


def locator() -> keras.Model:
    """Build a network of two outputs: ``kind`` (softmax) and ``box`` in pixels."""
    inputs = image()
    x = conv(body(inputs), 24, stride=2)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    kind = layers.Dense(len(OBJECTS), activation="softmax", name="kind")(x)
    middle = keras.initializers.Constant(SIZE / 2)
    return keras.Model(inputs, [kind, layers.Dense(4, bias_initializer=middle, name="box")(x)])


def embedder(size: int = 32) -> keras.Model:
    """Build a network whose answer is a vector of length 1; pixels in 0..255 are scaled inside."""
    inputs = image()
    x = body(layers.Rescaling(RAW_SCALE, RAW_OFFSET)(inputs))
    x = layers.Flatten()(conv(x, 24, stride=2))
    return keras.Model(inputs, layers.UnitNormalization(name="embedding")(layers.Dense(size)(x)))


def denoiser() -> keras.Model:
    """Build a network that takes the noise from a picture: the picture less what it finds."""
    inputs = image()
    x = conv(conv(inputs, 12), 12)
    noise = layers.Conv2D(3, 3, padding="same")(x)
    return keras.Model(inputs, layers.Subtract(name="picture")([inputs, noise]))


def movement_classifier() -> keras.Model:
    """Build an LSTM over a sequence of features."""
    inputs = keras.Input((STEPS, SENSORS), name="movement")
    x = layers.LSTM(24)(inputs)
    return keras.Model(inputs, layers.Dense(len(MOVEMENTS), activation="softmax", name="kind")(x))


def phase_tagger() -> keras.Model:
    """Build a GRU that says a class at each step."""
    inputs = keras.Input((STEPS, 3), name="signal")
    x = layers.Bidirectional(layers.GRU(16, return_sequences=True))(inputs)
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="phases")(x))


def sound_classifier() -> keras.Model:
    """Build a DS-CNN (Zhang et al. 2017, "Hello Edge") over MFCC."""
    inputs = keras.Input((FRAMES, BANDS, 1), name="mfcc")
    x = layers.BatchNormalization(momentum=MOMENTUM)(inputs)
    x = conv(x, 32, stride=2, kernel=(10, 4))
    for _ in range(3):
        x = separable(x, 32)
    scores = layers.Dense(len(SOUNDS), name="scores")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Activation("softmax", name="probabilities")(scores))


def size_classifier() -> keras.Model:
    """Build a network of two inputs: a picture in 0..1 and three numbers."""
    picture = keras.Input((32, 32, 3), name="picture")
    numbers = keras.Input((3,), name="numbers")
    x = conv(conv(conv(picture, 12, stride=2), 24, stride=2), 32)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.Dense(8)(numbers)])
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model([picture, numbers], layers.Dense(3, activation="softmax", name="size")(x))


def shape_classifier() -> keras.Model:
    """Build a network for the shapes with softmax."""
    return classifier(len(SHAPES), "softmax")


def plate_classifier() -> keras.Model:
    """Build a network with one probability."""
    return classifier(1, "sigmoid")


def labeller() -> keras.Model:
    """Build a network with a probability for each shape."""
    return classifier(len(SHAPES), "sigmoid")


def arm_regressor() -> keras.Model:
    """Build a network for the joints of an arm in pixels: x1, y1, x2, ..."""
    return regressor(2 * POINTS, SIZE / 2)


def dial_regressor() -> keras.Model:
    """Build a network for the value of a dial, 0 to 100."""
    return regressor(1, 50)

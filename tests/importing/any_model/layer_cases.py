"""Keras models of each kind of layer, of several inputs and outputs, and of each kind of answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .cases import Source, case
from .keras_cases import convolved, keras_and_layers, pooled
from .keras_sources import VOCABULARY, saved


@case("Conv1D")
def conv1d(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((96, 6))
    x = layers.Conv1D(24, 5, activation="relu")(inputs)
    x = layers.MaxPooling1D()(layers.Conv1D(32, 3, padding="causal", activation="relu")(x))
    x = layers.SeparableConv1D(32, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("Conv3D")
def conv3d(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((8, 16, 16, 2))
    x = layers.Conv3D(16, 3, activation="relu")(inputs)
    x = layers.Conv3D(24, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling3D()(x)
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("Conv2DTranspose", preprocess="tf")
def conv2d_transpose(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((24, 24, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(x)
    return saved(keras.Model(inputs, layers.Conv2DTranspose(3, 4, strides=2)(x)), folder)


@case("SeparableConv2D", preprocess="tf")
def separable(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.SeparableConv2D(24, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.SeparableConv2D(32, 3, depth_multiplier=2, activation="relu")(x)
    return saved(pooled(keras, inputs, x), folder)


@case("dilated convolutions", preprocess="tf")
def dilated(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(24, 3, dilation_rate=2, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, dilation_rate=3, padding="same", activation="relu")(x)
    return saved(pooled(keras, inputs, layers.Conv2D(32, 1, activation="relu")(x)), folder)


@case("grouped convolution", preprocess="tf")
def grouped(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(32, 3, groups=4, padding="same", activation="relu")(x)
    return saved(pooled(keras, inputs, x), folder)


def _recurrent(folder: Path, layer: Any) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((20, 12))
    answer = layers.Dense(6, activation="softmax")(layer(inputs))
    return saved(keras.Model(inputs, answer), folder)


@case("LSTM")
def lstm(folder: Path) -> Source:
    return _recurrent(folder, keras_and_layers()[1].LSTM(48))


@case("GRU")
def gru(folder: Path) -> Source:
    return _recurrent(folder, keras_and_layers()[1].GRU(48))


@case("Bidirectional LSTM")
def bidirectional(folder: Path) -> Source:
    _, layers = keras_and_layers()
    return _recurrent(folder, layers.Bidirectional(layers.LSTM(32)))


@case("unrolled LSTM")
def unrolled_lstm(folder: Path) -> Source:
    return _recurrent(folder, keras_and_layers()[1].LSTM(32, unroll=True))


@case("ConvLSTM2D")
def convlstm(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((4, 12, 12, 2))
    x = layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(12, 3, padding="same")(inputs))
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("Embedding of integers")
def embedding(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((24,), dtype="int32")
    x = layers.Embedding(VOCABULARY, 32)(inputs)
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(32, 3, activation="relu")(x))
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


def _attended(layers: Any, x: Any, width: int) -> Any:
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y)])
    y = layers.LayerNormalization()(x)
    y = layers.Dense(width)(layers.Dense(2 * width, activation="gelu")(y))
    return layers.Add()([x, y])


@case("MultiHeadAttention")
def attention(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((16, 24))
    x = layers.GlobalAveragePooling1D()(_attended(layers, layers.Dense(32)(inputs), 32))
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("small vision transformer", preprocess="tf")
def vit(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((64, 48))(layers.Conv2D(48, 4, strides=4)(inputs))
    x = _attended(layers, _attended(layers, x, 48), 48)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return saved(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)), folder)


@case("U-Net", preprocess="tf")
def unet(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    first = convolved(layers, inputs, 16)
    second = convolved(layers, layers.MaxPooling2D()(first), 32)
    x = convolved(layers, layers.MaxPooling2D()(second), 48)
    x = convolved(layers, layers.Concatenate()([layers.UpSampling2D()(x), second]), 32)
    x = layers.Conv2DTranspose(16, 2, strides=2)(x)
    x = convolved(layers, layers.Concatenate()([x, first]), 16)
    return saved(keras.Model(inputs, layers.Conv2D(4, 1, activation="softmax")(x)), folder)


@case("two inputs: an image and numbers")
def two_inputs(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    image, numbers = keras.Input((16, 16, 4), name="map"), keras.Input((7,), name="numbers")
    x = layers.GlobalAveragePooling2D()(convolved(layers, image, 16, 2))
    x = layers.Concatenate()([x, layers.Dense(16, activation="relu")(numbers)])
    return saved(keras.Model([image, numbers], layers.Dense(6, activation="softmax")(x)), folder)


@case("two outputs: classes and a box", preprocess="tf")
def two_outputs(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(convolved(layers, convolved(layers, inputs, 16, 2), 32, 2))
    classes = layers.Dense(10, activation="softmax", name="classes")(x)
    return saved(keras.Model(inputs, [classes, layers.Dense(4, name="box")(x)]), folder)


@case("regressor of one number", preprocess="tf")
def regressor(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.Flatten()(convolved(layers, inputs, 16, 2))
    return saved(keras.Model(inputs, layers.Dense(1)(x)), folder)


@case("one sigmoid", preprocess="tf")
def sigmoid(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(convolved(layers, inputs, 16, 2))
    return saved(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)), folder)


@case("embedding of unit length", preprocess="tf")
def unit_length(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(convolved(layers, convolved(layers, inputs, 16, 2), 32, 2))
    return saved(keras.Model(inputs, layers.UnitNormalization()(layers.Dense(64)(x))), folder)


@case("autoencoder of numbers")
def autoencoder(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((64,))
    x = layers.Dense(8, activation="relu")(layers.Dense(48, activation="relu")(inputs))
    return saved(keras.Model(inputs, layers.Dense(64)(layers.Dense(48, "relu")(x))), folder)

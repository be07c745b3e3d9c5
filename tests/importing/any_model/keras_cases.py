"""Models that Keras 3 makes, each with something that only some importers take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .cases import Source, case
from .keras_sources import VOCABULARY, in_memory, saved, settle


def _keras() -> tuple[Any, Any]:
    import keras

    return keras, keras.layers


def convolved(layers: Any, x: Any, filters: int, strides: int = 1) -> Any:
    """Convolve, normalise and rectify."""
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def pooled(keras: Any, inputs: Any, x: Any, classes: int = 10) -> Any:
    """Return a classifier whose last map is ``x``."""
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


def of_images(shape: tuple[int | None, ...] = (32, 32, 3), **options: Any) -> Any:
    """Return a small residual classifier of images."""
    keras, layers = _keras()
    inputs = keras.Input(shape, **options)
    x = convolved(layers, inputs, 16, 2)
    x = layers.Add()([x, convolved(layers, x, 16)])
    return pooled(keras, inputs, convolved(layers, x, 32, 2))


def sequential_model(first: Any = None) -> Any:
    """Return a Sequential classifier of images, which may start with a layer of its own."""
    keras, layers = _keras()
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            *([first] if first is not None else []),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


@case("Sequential", preprocess="tf")
def sequential(folder: Path) -> Source:
    return saved(sequential_model(), folder)


@case("functional, with a residual addition", preprocess="tf")
def functional(folder: Path) -> Source:
    return saved(of_images(), folder)


@case("subclassed, in memory", preprocess="tf")
def subclassed(folder: Path) -> Source:
    keras, layers = _keras()

    class Net(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.convolution = layers.Conv2D(16, 3, strides=2, activation="relu")
            self.head = layers.Dense(10, activation="softmax")

        def call(self, image: Any) -> Any:
            return self.head(keras.ops.mean(self.convolution(image), axis=(1, 2)))

    net = Net()
    inputs = keras.Input((32, 32, 3))
    net(inputs)
    settle_as = keras.Model(inputs, net(inputs))
    settle(settle_as)
    source = in_memory(settle_as)
    return Source(net, source.inputs, source.answer, source.converters)


OWN_LAYER = """
import keras

@keras.saving.register_keras_serializable("own")
class Scaled(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return keras.ops.sqrt(keras.ops.square(x * self.scale) + 0.25)
"""


@case("a layer of one's own", preprocess="tf", trust=True, custom_objects="{folder}/own.py")
def own_layer(folder: Path) -> Source:
    keras, layers = _keras()
    (folder / "own.py").write_text(OWN_LAYER)
    names: dict[str, Any] = {}
    exec(OWN_LAYER, names)
    inputs = keras.Input((32, 32, 3))
    x = names["Scaled"]()(convolved(layers, inputs, 16, 2))
    return saved(pooled(keras, inputs, convolved(layers, x, 32, 2)), folder)


@case("compiled with a loss of one's own", preprocess="tf")
def own_loss(folder: Path) -> Source:
    keras, _ = _keras()

    def loss(truth: Any, answer: Any) -> Any:
        return keras.ops.mean(keras.ops.square(truth - answer))

    model = of_images()
    model.compile("adam", loss=loss)
    return saved(model, folder)


@case("Lambda", preprocess="tf", trust=True)
def lambda_layer(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.Lambda(lambda image: image[..., ::-1] * 0.5)(inputs)
    return saved(pooled(keras, inputs, convolved(layers, x, 16, 2)), folder)


def _mixed(policy: str, folder: Path) -> Source:
    keras, _ = _keras()
    keras.config.set_dtype_policy(policy)
    return saved(of_images(), folder)


@case("mixed_float16", preprocess="tf")
def mixed_float16(folder: Path) -> Source:
    return _mixed("mixed_float16", folder)


@case("mixed_bfloat16", preprocess="tf")
def mixed_bfloat16(folder: Path) -> Source:
    return _mixed("mixed_bfloat16", folder)


@case("preprocess_input in the graph")
def preprocess_input(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(inputs)
    return saved(pooled(keras, inputs, layers.ReLU()(layers.Conv2D(16, 3)(x))), folder)


@case("augmentation first, Rescaling in the middle")
def rescaling_in_the_middle(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(inputs))
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    return saved(pooled(keras, inputs, layers.ReLU()(layers.Conv2D(16, 3)(x))), folder)


@case("adapted Normalization first")
def normalization(folder: Path) -> Source:
    _, layers = _keras()
    first = layers.Normalization(mean=(120.0, 110.0, 100.0), variance=(3600.0, 3400.0, 3000.0))
    return saved(sequential_model(first), folder)


@case("Resizing first", preprocess="tf")
def resizing(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((48, 40, 3))
    x = convolved(layers, layers.Resizing(32, 32)(inputs), 16, 2)
    return saved(pooled(keras, inputs, x), folder)


@case("images (28, 28) without a channel", preprocess="unit")
def no_channel(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((28, 28))
    x = layers.Dense(64, activation="relu")(layers.Flatten()(inputs))
    return saved(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)), folder)


@case("one channel", preprocess="unit")
def one_channel(folder: Path) -> Source:
    return saved(of_images((28, 28, 1)), folder)


@case("four channels")
def four_channels(folder: Path) -> Source:
    return saved(of_images((32, 32, 4)), folder)


@case("eight channels")
def eight_channels(folder: Path) -> Source:
    return saved(of_images((24, 24, 8)), folder)


@case("not square", preprocess="tf")
def not_square(folder: Path) -> Source:
    return saved(of_images((24, 48, 3)), folder)


@case("any size, by --size", preprocess="tf", size=(32, 32))
def open_size(folder: Path) -> Source:
    return saved(of_images((None, None, 3)), folder)


@case("a fixed batch in the graph", preprocess="tf")
def fixed_batch(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3), batch_size=1)
    x = keras.ops.reshape(convolved(layers, inputs, 16, 2), (1, 256, 16))
    x = keras.ops.reshape(keras.ops.transpose(x, (0, 2, 1)), (1, 4096))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    source = saved(settle(model), folder, settled=True)
    return Source(source.model, source.inputs, one_by_one(source.answer), source.converters)


def one_by_one(answer: Any) -> Any:
    """Return a function of batches of a model that takes one sample at a time."""

    def answers(batch: list[Any]) -> list[Any]:
        rows = [answer([values[n : n + 1] for values in batch]) for n in range(len(batch[0]))]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    return answers


@case("Conv1D")
def conv1d(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((96, 6))
    x = layers.Conv1D(24, 5, activation="relu")(inputs)
    x = layers.MaxPooling1D()(layers.Conv1D(32, 3, padding="causal", activation="relu")(x))
    x = layers.SeparableConv1D(32, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("Conv3D")
def conv3d(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((8, 16, 16, 2))
    x = layers.Conv3D(16, 3, activation="relu")(inputs)
    x = layers.Conv3D(24, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling3D()(x)
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("Conv2DTranspose", preprocess="tf")
def conv2d_transpose(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((24, 24, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(x)
    return saved(keras.Model(inputs, layers.Conv2DTranspose(3, 4, strides=2)(x)), folder)


@case("SeparableConv2D", preprocess="tf")
def separable(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.SeparableConv2D(24, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.SeparableConv2D(32, 3, depth_multiplier=2, activation="relu")(x)
    return saved(pooled(keras, inputs, x), folder)


@case("dilated convolutions", preprocess="tf")
def dilated(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(24, 3, dilation_rate=2, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, dilation_rate=3, padding="same", activation="relu")(x)
    return saved(pooled(keras, inputs, layers.Conv2D(32, 1, activation="relu")(x)), folder)


@case("grouped convolution", preprocess="tf")
def grouped(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(32, 3, groups=4, padding="same", activation="relu")(x)
    return saved(pooled(keras, inputs, x), folder)


def _recurrent(folder: Path, layer: Any) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((20, 12))
    answer = layers.Dense(6, activation="softmax")(layer(inputs))
    return saved(keras.Model(inputs, answer), folder)


@case("LSTM")
def lstm(folder: Path) -> Source:
    return _recurrent(folder, _keras()[1].LSTM(48))


@case("GRU")
def gru(folder: Path) -> Source:
    return _recurrent(folder, _keras()[1].GRU(48))


@case("Bidirectional LSTM")
def bidirectional(folder: Path) -> Source:
    _, layers = _keras()
    return _recurrent(folder, layers.Bidirectional(layers.LSTM(32)))


@case("unrolled LSTM")
def unrolled_lstm(folder: Path) -> Source:
    return _recurrent(folder, _keras()[1].LSTM(32, unroll=True))


@case("ConvLSTM2D")
def convlstm(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((4, 12, 12, 2))
    x = layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(12, 3, padding="same")(inputs))
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("Embedding of integers")
def embedding(folder: Path) -> Source:
    keras, layers = _keras()
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
    keras, layers = _keras()
    inputs = keras.Input((16, 24))
    x = layers.GlobalAveragePooling1D()(_attended(layers, layers.Dense(32)(inputs), 32))
    return saved(keras.Model(inputs, layers.Dense(6, activation="softmax")(x)), folder)


@case("small vision transformer", preprocess="tf")
def vit(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((64, 48))(layers.Conv2D(48, 4, strides=4)(inputs))
    x = _attended(layers, _attended(layers, x, 48), 48)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return saved(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)), folder)


@case("U-Net", preprocess="tf")
def unet(folder: Path) -> Source:
    keras, layers = _keras()
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
    keras, layers = _keras()
    image, numbers = keras.Input((16, 16, 4), name="map"), keras.Input((7,), name="numbers")
    x = layers.GlobalAveragePooling2D()(convolved(layers, image, 16, 2))
    x = layers.Concatenate()([x, layers.Dense(16, activation="relu")(numbers)])
    return saved(keras.Model([image, numbers], layers.Dense(6, activation="softmax")(x)), folder)


@case("two outputs: classes and a box", preprocess="tf")
def two_outputs(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(convolved(layers, convolved(layers, inputs, 16, 2), 32, 2))
    classes = layers.Dense(10, activation="softmax", name="classes")(x)
    return saved(keras.Model(inputs, [classes, layers.Dense(4, name="box")(x)]), folder)


@case("regressor of one number", preprocess="tf")
def regressor(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.Flatten()(convolved(layers, inputs, 16, 2))
    return saved(keras.Model(inputs, layers.Dense(1)(x)), folder)


@case("one sigmoid", preprocess="tf")
def sigmoid(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(convolved(layers, inputs, 16, 2))
    return saved(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)), folder)


@case("embedding of unit length", preprocess="tf")
def unit_length(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(convolved(layers, convolved(layers, inputs, 16, 2), 32, 2))
    return saved(keras.Model(inputs, layers.UnitNormalization()(layers.Dense(64)(x))), folder)


@case("autoencoder of numbers")
def autoencoder(folder: Path) -> Source:
    keras, layers = _keras()
    inputs = keras.Input((64,))
    x = layers.Dense(8, activation="relu")(layers.Dense(48, activation="relu")(inputs))
    return saved(keras.Model(inputs, layers.Dense(64)(layers.Dense(48, "relu")(x))), folder)

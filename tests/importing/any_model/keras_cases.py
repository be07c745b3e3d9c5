"""Models that Keras 3 makes, each with something that only some importers take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .cases import Source, case
from .keras_sources import in_memory, one_by_one, saved, settle


def keras_and_layers() -> tuple[Any, Any]:
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
    keras, layers = keras_and_layers()
    inputs = keras.Input(shape, **options)
    x = convolved(layers, inputs, 16, 2)
    x = layers.Add()([x, convolved(layers, x, 16)])
    return pooled(keras, inputs, convolved(layers, x, 32, 2))


def sequential_model(first: Any = None) -> Any:
    """Return a Sequential classifier of images, which may start with a layer of its own."""
    keras, layers = keras_and_layers()
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
    keras, layers = keras_and_layers()

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
    keras, layers = keras_and_layers()
    (folder / "own.py").write_text(OWN_LAYER)
    names: dict[str, Any] = {}
    exec(OWN_LAYER, names)
    inputs = keras.Input((32, 32, 3))
    x = names["Scaled"]()(convolved(layers, inputs, 16, 2))
    return saved(pooled(keras, inputs, convolved(layers, x, 32, 2)), folder)


@case("compiled with a loss of one's own", preprocess="tf")
def own_loss(folder: Path) -> Source:
    keras, _ = keras_and_layers()

    def loss(truth: Any, answer: Any) -> Any:
        return keras.ops.mean(keras.ops.square(truth - answer))

    model = of_images()
    model.compile("adam", loss=loss)
    return saved(model, folder)


@case("Lambda", preprocess="tf", trust=True)
def lambda_layer(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.Lambda(lambda image: image[..., ::-1] * 0.5)(inputs)
    return saved(pooled(keras, inputs, convolved(layers, x, 16, 2)), folder)


def _mixed(policy: str, folder: Path) -> Source:
    keras, _ = keras_and_layers()
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
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(inputs)
    return saved(pooled(keras, inputs, layers.ReLU()(layers.Conv2D(16, 3)(x))), folder)


@case("augmentation first, Rescaling in the middle")
def rescaling_in_the_middle(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(inputs))
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    return saved(pooled(keras, inputs, layers.ReLU()(layers.Conv2D(16, 3)(x))), folder)


@case("adapted Normalization first")
def normalization(folder: Path) -> Source:
    _, layers = keras_and_layers()
    first = layers.Normalization(mean=(120.0, 110.0, 100.0), variance=(3600.0, 3400.0, 3000.0))
    return saved(sequential_model(first), folder)


@case("Resizing first", preprocess="tf")
def resizing(folder: Path) -> Source:
    keras, layers = keras_and_layers()
    inputs = keras.Input((48, 40, 3))
    x = convolved(layers, layers.Resizing(32, 32)(inputs), 16, 2)
    return saved(pooled(keras, inputs, x), folder)


@case("images (28, 28) without a channel", preprocess="unit")
def no_channel(folder: Path) -> Source:
    keras, layers = keras_and_layers()
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
    keras, layers = keras_and_layers()
    inputs = keras.Input((32, 32, 3), batch_size=1)
    x = keras.ops.reshape(convolved(layers, inputs, 16, 2), (1, 256, 16))
    x = keras.ops.reshape(keras.ops.transpose(x, (0, 2, 1)), (1, 4096))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    source = saved(settle(model), folder, settled=True)
    return Source(source.model, source.inputs, one_by_one(source.answer), source.converters)

"""Small float ``.tflite`` files of TensorFlow's converter: loops, open sizes, several graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def make_tflite_models(folder: Path) -> dict[str, Path]:
    """Make the files, and return them by name."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(5)
    layers = keras.layers
    made = {
        "loop": [layers.Reshape((8, 8)), layers.GRU(32), layers.Dense(10)],
        "several": [layers.Conv2D(4, 3, activation="relu"), layers.Reshape((144,)), *_head(layers)],
        "open": [
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, dilation_rate=3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ],
    }
    inputs = {
        "loop": keras.Input((8, 8, 1), batch_size=1),
        "several": keras.Input((8, 8, 1), batch_size=4),
        "open": keras.Input((None, None, 3)),
    }
    paths = {}
    for name, chain in made.items():
        model = keras.Sequential([inputs[name], *chain])
        paths[name] = _written(folder, name, tf.lite.TFLiteConverter.from_keras_model(model))
    for name, functions in _functions(tf).items():
        saved = str(folder / f"saved_{name}")
        module, signatures = functions
        tf.saved_model.save(module, saved, signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, list(signatures))
        converter.experimental_enable_resource_variables = True
        paths[name] = _written(folder, name, converter)
    return paths


def _head(layers: Any) -> Sequence[Any]:
    return [layers.Dense(10), layers.Softmax()]


def _written(folder: Path, name: str, converter: Any) -> Path:
    path = folder / f"{name}.tflite"
    path.write_bytes(bytes(converter.convert()))
    return path


def _functions(tf: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    generator = np.random.default_rng(0)
    module = tf.Module()
    module.weights = tf.Variable(generator.normal(0, 0.2, (64, 32)).astype(np.float32))
    module.count = tf.Variable(0.0)
    image, row = tf.TensorSpec((1, 8, 8, 1), name="x"), tf.TensorSpec((1, 64), name="x")

    def product(x: Any) -> Any:
        return tf.reshape(x, (1, 64)) @ module.weights

    def branch(x: Any) -> Any:
        return tf.cond(
            tf.reduce_sum(x) > 0, lambda: product(x), lambda: product(tf.nn.relu(x - 0.1)) * 2.0
        )

    def counting(x: Any) -> Any:
        module.count.assign_add(1.0)
        return product(x) + module.count

    def taking_bytes(x: Any) -> Any:
        return product(tf.cast(x, tf.float32) / 255.0 - 0.5)

    def mixing(x: Any) -> Any:
        return tf.reshape(x - tf.reduce_mean(x, 0), (4, 64)) @ module.weights

    def function(body: Callable[[Any], Any], spec: Any) -> Any:
        return tf.function(body, input_signature=[spec])

    several = tf.TensorSpec((4, 8, 8, 1), name="x")
    pixels = tf.TensorSpec((1, 8, 8, 1), tf.uint8, name="x")
    return {
        "bytes": (module, {"bytes": function(taking_bytes, pixels)}),
        "branch": (module, {"branch": function(branch, image)}),
        "variable": (module, {"counting": function(counting, image)}),
        "signatures": (
            module,
            {"one": function(product, image), "two": function(lambda x: product(x) * 3.0, row)},
        ),
        "mixing": (module, {"mixing": function(mixing, several)}),
    }

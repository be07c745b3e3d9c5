"""The ops of a file have the names of the model's layers, exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.quantize.flatbuffer import WEIGHTED_OPS, read_model
from edgecnn.quantize.naming import layer_of


@pytest.fixture(scope="module")
def default_names(keras: Any) -> Any:
    """A model with Keras' own names, a layer that is called twice, and a model inside."""
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    twice = layers.Conv2D(3, 3, padding="same", name="conv2d")
    x = layers.Conv2D(3, 5, padding="same", name="conv2d_1")(twice(inputs))
    x = layers.Conv2D(4, 1, name="conv2d_2")(twice(x))
    inner = keras.Sequential(
        [keras.Input((16, 16, 4)), layers.Conv2D(4, 3, name="conv2d"), layers.ReLU(name="relu")],
        name="backbone",
    )
    x = layers.GlobalAveragePooling2D(name="pool")(inner(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(x), name="own")


def test_ops_have_the_names_of_their_layers(default_names: Any, tmp_path: Path) -> None:
    (made,) = edgecnn.convert(default_names, quantize="float32", output=tmp_path)
    ops = [op for op in read_model(made.path).operators if op.name in WEIGHTED_OPS]
    layers = {
        "conv2d": True, "conv2d_1": True, "conv2d_2": True, "backbone": True,
        "backbone/relu": False, "backbone/conv2d": True, "pool": False, "scores": True,
    }  # fmt: skip
    assert [layer_of(op.outputs[0].name, layers) for op in ops] == [
        "conv2d", "conv2d_1", "conv2d", "conv2d_2", "backbone/conv2d", "scores",
    ]  # fmt: skip
    # By the kernels' sizes: it is these layers that have the names.
    assert [op.inputs[1].shape[1] for op in ops[:4] if op.inputs[1]] == [3, 5, 3, 1]


def test_the_summary_of_a_file_has_the_names_of_its_layers(
    default_names: Any, tmp_path: Path
) -> None:
    (made,) = edgecnn.convert(default_names, quantize="float32", output=tmp_path)
    # The last is named after the answer.
    *rows, _ = edgecnn.summarize(made.path).rows
    own = {layer.name for layer in default_names.layers} | {"relu"}
    assert {row.name for row in rows} <= own


def test_a_name_with_another_as_its_beginning() -> None:
    layers = {"conv": True, "conv_relu": False, "block/conv_1": True}
    assert layer_of("conv_relu/Relu;conv/convolution", layers) == "conv"
    assert layer_of("block/conv_1/convolution1", layers) == "conv_1"
    assert layer_of("elsewhere/add", layers) == "elsewhere"

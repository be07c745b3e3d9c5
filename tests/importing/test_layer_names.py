"""The ops of a file have the names of the model's layers, exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.importing.layer_names import TracedLayer, layer_of, scope_name
from edgecnn.tflite.reading import read_model


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


def traced(*with_kernel: str, without: tuple[str, ...] = ()) -> dict[str, TracedLayer]:
    return {name: TracedLayer(name, name in with_kernel) for name in (*with_kernel, *without)}


def test_ops_have_the_names_of_their_layers(default_names: Any, tmp_path: Path) -> None:
    (made,) = edgecnn.convert(default_names, quantize="float32", output=tmp_path)
    ops = [op for op in read_model(made.path).operators if op.traits.has_weights]
    layers = traced(
        "conv2d", "conv2d_1", "conv2d_2", "backbone", "backbone/conv2d", "scores",
        without=("backbone/relu", "pool"),
    )  # fmt: skip
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
    layers = traced("conv", "block/conv_1", without=("conv_relu",))
    assert layer_of("conv_relu/Relu;conv/convolution", layers) == "conv"
    assert layer_of("block/conv_1/convolution1", layers) == "conv_1"
    assert layer_of("elsewhere/add", layers) == "elsewhere"


@pytest.fixture(scope="module")
def odd_names(keras: Any) -> Any:
    """A model with names that TensorFlow takes for no scope, and another such model inside."""
    layers = keras.layers
    inputs = keras.Input((16, 16, 3), name="the image")
    x = layers.Conv2D(8, 3, name="erste Schicht")(inputs)
    x = layers.ReLU(name="erste_Schicht")(x)
    inner = keras.Sequential(
        [keras.Input((14, 14, 8)), layers.Conv2D(8, 3, name="卷积"), layers.ReLU(name="relu;1")],
        name="_rücken",
    )
    x = layers.GlobalAveragePooling2D(name="-")(inner(x))
    return keras.Model(inputs, layers.Dense(3, name="sc(o)res", activation="softmax")(x), name="€")


def test_names_that_are_no_scopes(odd_names: Any, tmp_path: Path, photos: Path) -> None:
    results = edgecnn.convert(
        odd_names,
        quantize="float32,int8",
        preprocess="tf",
        calibrate=photos,
        samples=12,
        output=tmp_path,
    )
    for made in results:
        ops = [op for op in read_model(made.path).operators if op.traits.has_weights]
        first, second, _ = ((op.outputs[0].name, op.inputs[1].shape) for op in ops)  # type: ignore[union-attr]
        # "erste_Schicht" is the name of another layer, which keeps it.
        assert "erste_Schicht_1/" in first[0]
        assert first[1] == (8, 3, 3, 3)
        assert "layer_rucken/u5377u79ef/" in second[0]


def test_layers_are_told_by_the_names_that_they_have_in_keras(odd_names: Any, photos: Path) -> None:
    found = edgecnn.sensitivity(odd_names, preprocess="tf", calibrate=photos, samples=12, images=2)
    kept = {"erste Schicht", "卷积", "sc(o)res"}
    assert kept <= {row.layer for row in found.layers} <= kept | {"-"}


@pytest.mark.parametrize(
    "name", ["conv", "block1.0-conv>x", "1", "a b", "_a", "-", "", "é", "层", "a/b;c", "🙂"]
)
def test_every_name_becomes_a_scope(name: str) -> None:
    plain = scope_name(name)
    # As TensorFlow has it, less the slashes that part scopes and what TFLite joins names with.
    assert re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*", plain)
    assert scope_name(plain) == plain
    if re.fullmatch(r"[a-z0-9.>-]+", name) and name != "-":
        assert plain == name

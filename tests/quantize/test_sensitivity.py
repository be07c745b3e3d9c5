"""What each layer alone costs in int8: by arithmetic, by construction, and on a real model."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset
from edgecnn.data.inputspec import preset
from edgecnn.quantize.calibration.images import load_calibration
from edgecnn.quantize.sensitivity.advice import MANY_LOST, advise
from edgecnn.quantize.sensitivity.chart import bar_labels, write_plot
from edgecnn.quantize.sensitivity.result import LayerSensitivity, Sensitivity
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import rounded_activation, rounded_weights
from edgecnn.tflite.serialization import read_graph


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "x.npz"
    coarse = np.random.default_rng(0).integers(0, 256, (48, 4, 4, 3), np.uint8)
    np.savez(path, x=coarse.repeat(4, axis=1).repeat(4, axis=2))
    return path


@pytest.fixture(scope="module")
def fragile(keras: Any, data: Path) -> Sensitivity:
    """A model one of whose layers has huge weights for a channel that is always zero.

    They decide the step of all its weights, most of which then round to 0.
    """
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, activation="relu", padding="same", name="conv2d")(inputs)
    x = layers.Conv2D(8, 3, activation="relu", padding="same", name="conv2d_1")(x)
    x = y = layers.Conv2D(8, 3, activation="relu", padding="same", name="conv2d_2")(x)
    x = layers.Conv2D(8, 3, padding="same", name="conv2d_3")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(layers.Add(name="sum")([x, y]))
    model = keras.Model(
        inputs, layers.Dense(6, activation="softmax", name="scores")(x), name="fragile"
    )
    first, second = model.get_layer("conv2d"), model.get_layer("conv2d_1")
    kernel, bias = first.get_weights()
    kernel[..., 0], bias[0] = 0.0, -1.0
    first.set_weights([kernel, bias])
    kernel, bias = second.get_weights()
    kernel[:, :, 0] = 100.0
    second.set_weights([kernel, bias])
    return edgecnn.sensitivity(model, calibrate=data, samples=24, images=20, preprocess="tf")


def test_a_layer_made_fragile_comes_first_and_is_named(fragile: Sensitivity) -> None:
    worst = fragile.layers[0]
    assert (worst.layer, worst.kind, worst.is_weights) == ("conv2d_1", "CONV_2D", True)
    assert worst.share > 0.9
    assert worst.weights_lost is not None and worst.weights_lost > MANY_LOST
    assert fragile.advice[0].startswith("conv2d_1: its weights (")
    assert "float16" in fragile.advice[-1]


def test_every_layer_is_there_by_its_keras_name(fragile: Sensitivity) -> None:
    in_order = sorted(fragile.layers, key=lambda layer: layer.place)
    assert [layer.layer for layer in in_order] == [
        "conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "sum", "pool", "scores",
    ]  # fmt: skip
    unweighted = {layer.layer for layer in fragile.layers if layer.weights_db is None}
    assert unweighted == {"sum", "pool"}
    assert all(layer.weights_lost is None for layer in fragile.layers if layer.layer == "sum")


def test_noise_is_sorted_shared_out_and_adds_up(fragile: Sensitivity) -> None:
    ratios = [layer.both_db for layer in fragile.layers]
    assert ratios == sorted(ratios)
    assert sum(layer.share for layer in fragile.layers) == pytest.approx(1.0)
    # Errors of different layers have little to do with each other, so their powers add.
    assert fragile.sum_db == pytest.approx(fragile.plain_db, abs=1.5)
    assert (fragile.images, fragile.calibration_images) == (20, 24)
    assert fragile.model == "fragile"


def test_plain_values_are_json(fragile: Sensitivity) -> None:
    values = json.loads(json.dumps(fragile.to_dict(), allow_nan=False))
    assert values["layers"][0]["layer"] == "conv2d_1"
    assert values["sum_db"] == fragile.sum_db


def ratio_db(made: Any, wanted: Any) -> float:
    """Signal to noise, without what is the same for all classes of an image."""
    signal = wanted - wanted.mean(axis=1, keepdims=True)
    noise = made - wanted
    noise = noise - noise.mean(axis=1, keepdims=True)
    return 10 * math.log10((signal**2).mean() / (noise**2).mean())


def test_one_linear_layer_by_arithmetic(keras: Any, data: Path) -> None:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(5, name="only")]
    )
    (row,) = edgecnn.sensitivity(
        model, calibrate=data, samples=30, preprocess="unit", task="classes"
    ).layers
    assert row.layer == "only"

    weights, bias = (np.asarray(value, np.float64) for value in model.get_weights())
    spec = preset("unit", 8, 8)
    loaded = load_calibration(open_dataset(str(data)), 30, spec, lambda done, total: None)
    rows = loaded.images.reshape(len(loaded.images), -1) / 255.0
    fit, held_out = rows[: loaded.fitted], rows[loaded.fitted :]
    wanted = held_out @ weights + bias
    step = np.abs(weights).max(axis=0) / 127
    coarse = held_out @ (np.rint(weights / step) * step) + bias
    assert row.weights_db == pytest.approx(ratio_db(coarse, wanted), abs=0.05)
    seen = fit @ weights + bias
    assert (row.low, row.high) == pytest.approx((seen.min(), seen.max()), rel=1e-5)
    step = (max(seen.max(), 0) - min(seen.min(), 0)) / 255
    zero = np.rint(-min(seen.min(), 0) / step)
    levels = np.clip(np.rint(wanted / step) + zero, 0, 255) - zero
    assert row.activation_db == pytest.approx(ratio_db(levels * step, wanted), abs=0.3)


def test_a_layer_before_hard_swish_spans_what_its_int8_file_has(keras: Any, data: Path) -> None:
    inputs = keras.Input((16, 16, 3))
    start = keras.initializers.Constant(-80.0)
    x = keras.layers.Conv2D(8, 3, 4, bias_initializer=start, name="low")(inputs)
    x = keras.layers.Activation("hard_swish")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(6)(x))
    found = edgecnn.sensitivity(model, calibrate=data, samples=20, images=10, preprocess="tf")
    (row,) = (layer for layer in found.layers if layer.layer == "low")
    assert (row.low, row.high) == (-3.0, 0.0)


def test_weights_are_rounded_as_the_converter_does(
    small_file: Path, photos: Path, tmp_path: Path
) -> None:
    made = edgecnn.convert(
        small_file, quantize="float32,int8", recover="off", preprocess="tf", calibrate=photos,
        samples=24, output=tmp_path,
    )  # fmt: skip
    floats, integers = (read_graph(result.path.read_bytes()) for result in made)
    pairs = zip(weights_of(floats), weights_of(integers), strict=True)
    kinds = []
    for (op, wanted), (_, levels) in pairs:
        kinds.append(op.kind)
        made_here = rounded_weights(wanted, kinds[-1])
        axis = 3 if kinds[-1] == "DEPTHWISE_CONV_2D" else 0
        largest = np.abs(wanted).max(axis=tuple(n for n in range(wanted.ndim) if n != axis))
        shape = [-1 if n == axis else 1 for n in range(wanted.ndim)]
        real = levels * (largest / 127).reshape(shape)
        # A weight between two levels may go either way.
        assert np.mean(np.isclose(made_here, real, atol=1e-6)) > 0.99
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} <= set(kinds)


def weights_of(graph: Graph) -> list[tuple[Any, Any]]:
    return [(op, op.weights.values) for op in graph.ops if op.is_weighted]


def test_activations_have_a_zero_that_is_exact() -> None:
    values = np.linspace(-1.3, 2.9, 1001)
    rounded = rounded_activation(values, (-1.3, 2.9))
    assert len(np.unique(rounded)) <= 256
    assert rounded_activation(np.zeros(1), (-1.3, 2.9))[0] == 0.0
    assert np.abs(rounded - values).max() <= 4.2 / 255
    assert rounded_activation(np.array([7.0]), (0.5, 2.0))[0] == pytest.approx(2.0)


def row(**changes: Any) -> LayerSensitivity:
    values: dict[str, Any] = {
        "layer": "a", "kind": "CONV_2D", "place": 0, "weights_db": 20.0, "activation_db": 30.0,
        "both_db": 19.6, "agreement": 0.9, "share": 0.5, "low": 0.0, "high": 6.0,
        "most_within": 0.9, "weights_lost": 0.0, "is_equalized": False, "is_clipped": False,
    }  # fmt: skip
    return LayerSensitivity(**{**values, **changes})


ACTIVATION = {"weights_db": 40.0, "activation_db": 15.0}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "a: its weights: convert's --recover"),
        ({"weights_lost": 0.4}, "a: its weights (40 % of them become 0)"),
        ({"kind": "TRANSPOSE_CONV"}, "recovery leaves a TRANSPOSE_CONV as it is"),
        ({**ACTIVATION, "is_equalized": True}, "brings its channels to one range"),
        ({**ACTIVATION, "is_clipped": True}, "takes a narrower range"),
        ({**ACTIVATION, "most_within": 0.2}, "99.9 % of the values are within 20 % of that"),
        (ACTIVATION, "int16x8, as activations make 100 % of the noise"),
        ({}, "float16, as weights make 91 % of the noise"),
        ({"share": 0.01}, "no layer makes 10 % of the noise"),
    ],
)
def test_advice_follows_from_the_figures(changes: dict[str, Any], says: str) -> None:
    assert any(says in line for line in advise([row(**changes)], 12.0, 0.8))


def test_no_advice_where_nothing_is_lost() -> None:
    assert advise([row()], 35.0, 1.0) == [
        "nothing to do: the plain int8 file's scores are at 35.0 dB"
    ]


def test_charts_are_what_their_names_say(fragile: Sensitivity, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    for name in ("a.png", "a.svg", "a.HTML"):
        write_plot(fragile, tmp_path / name)
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG" and min(image.size) > 200
    svg = (tmp_path / "a.svg").read_text()
    assert svg.startswith("<svg")
    assert all(f">{layer.layer}<" in svg for layer in fragile.layers)
    html = (tmp_path / "a.HTML").read_text()
    assert "conv2d_3" in html
    assert not re.search(r"<(script|link)[^>]+(src|href)=", html)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.HTML", "a.png", "a.svg"]


def test_every_bar_has_a_name_of_its_own() -> None:
    rows = [row(layer="x"), row(layer="s"), row(layer="s", kind="MUL"), row(layer="s", kind="MUL")]
    assert bar_labels(rows) == ["x", "s (CONV_2D)", "s (MUL)", "s (MUL) 2"]


def test_a_model_that_is_none() -> None:
    with pytest.raises(InputError, match=r"give a Keras model, .* or a path"):
        edgecnn.sensitivity(object(), calibrate="digits-train")

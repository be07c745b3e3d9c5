"""Calibrated ranges that the runtime's kernels can use: before hard-swish, and of dead layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.data.inputspec import preset
from edgecnn.quantize.ranges import observe
from edgecnn.quantize.tfconverter import integer_scheme
from edgecnn.quantize.usable import with_usable_ranges
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.writing import with_ranges

SPEC = preset("tf", 32, 32)


def calibrated(keras: Any, activation: str, bias: float) -> bytes:
    """Return a calibrated file: a convolution far below zero, its activation, and another one."""
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    start = keras.initializers.Constant(bias)
    kernel = keras.initializers.RandomNormal(stddev=2.0, seed=0)
    x = keras.layers.Conv2D(8, 3, 4, bias_initializer=start, kernel_initializer=kernel)(inputs)
    x = keras.layers.Activation(activation)(x)
    model = keras.Model(inputs, keras.layers.Conv2D(4, 7)(x))
    content = bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    images = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (8, 32, 32, 3), np.uint8)
    return with_ranges(content, observe(content, images, SPEC, lambda done, total: None).ranges)


def first_range(content: bytes) -> tuple[float, float]:
    graph = Graph(content)
    return graph.range(int(graph.operators[0].outputs[0]))


def test_what_hard_swish_makes_zero_has_no_levels(keras: Any) -> None:
    content = calibrated(keras, "hard_swish", -80.0)
    assert first_range(content)[0] < -80.0
    assert first_range(with_usable_ranges(content)) == (-3.0, 0.0)


def test_a_range_that_is_all_used_stays(keras: Any) -> None:
    content = calibrated(keras, "hard_swish", 80.0)
    assert with_usable_ranges(content) is content


@pytest.mark.parametrize(("activation", "place"), [("relu", 0), ("hard_swish", 1)])
def test_a_dead_layer_makes_a_file_that_the_runtime_takes(
    keras: Any, activation: str, place: int
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    content = calibrated(keras, activation, -200.0)
    graph = Graph(content)
    dead = graph.range(int(graph.operators[place].outputs[0]))
    assert dead == pytest.approx((0.0, 1e-4))
    made = integer_scheme("int8", "float32").quantize(content, ()).content
    Interpreter(model_content=made).allocate_tensors()

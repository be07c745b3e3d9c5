"""Calibrated ranges that the runtime's kernels can use: before hard-swish, and of dead layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.data.inputspec import preset
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.quantize.integers.schemes import to_int8
from edgecnn.quantize.rewriting.kernel_ranges import fit_ranges_to_kernels
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.serialization import read_graph, write_graph
from edgecnn.tflite.tensors_and_ops import Range

SPEC = preset("tf", 32, 32)


def calibrated(keras: Any, activation: str, bias: float) -> Graph:
    """Return a calibrated graph: a convolution far below zero, its activation, and another one."""
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    start = keras.initializers.Constant(bias)
    kernel = keras.initializers.RandomNormal(stddev=2.0, seed=0)
    x = keras.layers.Conv2D(8, 3, 4, bias_initializer=start, kernel_initializer=kernel)(inputs)
    x = keras.layers.Activation(activation)(x)
    model = keras.Model(inputs, keras.layers.Conv2D(4, 7)(x))
    graph = read_graph(bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()))
    images = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (8, 32, 32, 3), np.uint8)
    graph.set_ranges(observe_activations(graph, [images], SPEC, lambda done, total: None).ranges)
    return graph


def ranges(graph: Graph) -> list[Range | None]:
    return [op.result.range for op in graph.ops]


def test_what_hard_swish_makes_zero_has_no_levels(keras: Any) -> None:
    graph = calibrated(keras, "hard_swish", -80.0)
    before, *_ = ranges(graph)
    assert before is not None and before[0] < -80.0
    fit_ranges_to_kernels(graph)
    assert ranges(graph)[0] == (-3.0, 0.0)


def test_a_range_that_is_all_used_stays(keras: Any) -> None:
    graph = calibrated(keras, "hard_swish", 80.0)
    before = ranges(graph)
    fit_ranges_to_kernels(graph)
    assert ranges(graph) == before


@pytest.mark.parametrize(("activation", "place"), [("relu", 0), ("hard_swish", 1)])
def test_a_dead_layer_makes_a_file_that_the_runtime_takes(
    keras: Any, activation: str, place: int
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    graph = calibrated(keras, activation, -200.0)
    assert ranges(graph)[place] == pytest.approx((0.0, 1e-4))
    made = write_graph(to_int8(graph, "float32").graph)
    Interpreter(model_content=made).allocate_tensors()

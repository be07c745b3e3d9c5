"""Single ops in integers and weights in eight bits, run by the runtime beside their float graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.quantize.integers.kernels import INT8_ACTIVATIONS, INT16_ACTIVATIONS, has_kernel
from edgecnn.quantize.integers.quantizing import integer_graph
from edgecnn.quantize.integers.schemes import to_int8, to_int16x8
from edgecnn.quantize.integers.weights_only import dynamic_graph
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT32, INT8
from edgecnn.tflite.reading import parse_model
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.serialization import read_graph, write_graph

SHAPE = (1, 8, 8, 4)
SAMPLES = np.random.Generator(np.random.PCG64(0)).normal(0, 1, (16, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


def float_graph(tf: Any, call: Callable[[Any], Any], shape: tuple[int, ...] = SHAPE) -> Graph:
    return read_graph(
        convert_traced(tf.function(call).get_concrete_function(tf.TensorSpec(shape)).graph)
    )


def answers(graph: Graph, samples: Any = SAMPLES) -> Any:
    return run_over_images(write_graph(graph), [samples])[0].astype(np.float64)


def sqnr_db(wanted: Any, found: Any) -> float:
    return float(10 * np.log10((wanted**2).mean() / ((found - wanted) ** 2).mean()))


OPS: dict[str, Callable[[Any, Any], Any]] = {
    "ARG_MAX": lambda tf, x: tf.cast(tf.argmax(x[0, 0] * 50.0, -1, tf.int32), tf.float32) + 1.0,
    "BROADCAST_TO": lambda tf, x: tf.broadcast_to(tf.abs(x)[:, :1], SHAPE),
    "GATHER_ND": lambda tf, x: tf.gather_nd(tf.abs(x), [[0, 1], [0, 3]]),
    "GELU": lambda tf, x: tf.nn.gelu(x, approximate=True),
    "MINIMUM": lambda tf, x: tf.minimum(x, 1e12),
    "REVERSE_V2": lambda tf, x: tf.reverse(x, [1]),
    "SELECT": lambda tf, x: tf.where(x > 0, x, x * 0.5),
    "SUM": lambda tf, x: tf.reduce_sum(x, [1, 2]),
    "TILE": lambda tf, x: tf.tile(x, [1, 2, 1, 1]),
}
LEAST_DB = {"int8": 30.0, "int16": 65.0}


@pytest.mark.parametrize("kind", OPS)
@pytest.mark.parametrize("integers", [INT8_ACTIVATIONS, INT16_ACTIVATIONS], ids=["int8", "int16"])
def test_ops_in_integers_answer_as_in_floats(kind: str, integers: Any, tf: Any) -> None:
    graph = float_graph(tf, lambda x: OPS[kind](tf, x))
    assert kind in [op.kind for op in graph.ops]
    observed = observe_activations(graph, (SAMPLES[:, 0],), None, lambda done, total: None)
    calibrated = graph.copy()
    calibrated.set_ranges(observed.ranges)
    made = integer_graph(calibrated, integers, "float32")
    (op,) = (op for op in made.ops if op.kind == kind)
    is_in_integers = op.activation_inputs[-1].dtype == integers.activations.name
    assert is_in_integers == has_kernel(kind, integers.activations)
    least = 15.0 if kind == "ARG_MAX" else LEAST_DB[integers.activations.name]
    assert sqnr_db(answers(graph), answers(made)) > least


def test_values_that_go_from_floats_to_floats_stay_floats(tf: Any) -> None:
    def call(x: Any) -> Any:
        moved = tf.transpose(tf.reshape(x, (1, 64, 4)), (0, 2, 1))
        return tf.matmul(tf.transpose(tf.cumsum(moved, 2), (0, 2, 1)), tf.ones((4, 2)))

    graph = float_graph(tf, call)
    observed = observe_activations(graph, (SAMPLES[:, 0],), None, lambda done, total: None)
    graph.set_ranges(observed.ranges)
    made = integer_graph(graph, INT8_ACTIVATIONS, "float32")
    before = [
        op.result.dtype for op in made.ops[: [op.kind for op in made.ops].index("CUMSUM") + 1]
    ]
    assert set(before) == {"float32"}
    assert {op.result.dtype for op in made.ops if op.is_weighted} == {"int8"}


@pytest.mark.parametrize("make", [to_int8, to_int16x8])
def test_squares_are_products_in_integers(make: Any, tf: Any) -> None:
    graph = float_graph(tf, lambda x: tf.square(x))
    graph.set_ranges(
        observe_activations(graph, (SAMPLES[:, 0],), None, lambda done, total: None).ranges
    )
    made = make(graph, "float32").graph
    assert [op.kind for op in made.ops] == ["QUANTIZE", "MUL", "DEQUANTIZE"]
    assert sqnr_db(answers(graph), answers(made)) > 30


def test_kinds_without_integer_kernels() -> None:
    assert not has_kernel("CONV_3D", INT8)
    assert has_kernel("CONV_2D", INT8)
    assert has_kernel("CONV_3D", FLOAT32)


@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
def test_dense_layers_of_one_scale_are_as_exact_as_those_of_many(
    tf: Any, activation: str | None
) -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    sizes = np.geomspace(0.01, 1.0, 64)
    kernel = (generator.normal(0, 0.3, (48, 64)) * sizes).astype(np.float32)
    offset = (generator.normal(0, 0.3, 64) * sizes).astype(np.float32)

    def call(x: Any) -> Any:
        result = tf.matmul(x, kernel) + offset
        return result if activation is None else getattr(tf.nn, activation)(result)

    graph = float_graph(tf, call, (1, 48))
    samples = generator.normal(0, 1, (16, 1, 48)).astype(np.float32)
    concrete = tf.function(call).get_concrete_function(tf.TensorSpec((1, 48)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    theirs = run_over_images(converter.convert(), [samples])[0]
    made = dynamic_graph(graph)
    (dense,) = (op for op in made.ops if op.kind == "FULLY_CONNECTED")
    assert len(dense.weights.scales) == 1
    wanted = answers(graph, samples)
    rows = zip(
        *(each.reshape(-1, 64).T for each in (wanted, answers(made, samples), theirs)), strict=True
    )
    ours_db, theirs_db = np.array([(sqnr_db(w, a), sqnr_db(w, b)) for w, a, b in rows if w.any()]).T
    assert np.median(ours_db) > np.median(theirs_db) - 1


def test_weights_of_float_kernels_are_stored_in_eight_bits(tf: Any) -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    kernel = generator.normal(0, 0.2, (3, 3, 3, 4, 16)).astype(np.float32)
    graph = float_graph(tf, lambda x: tf.nn.conv3d(x, kernel, [1] * 5, "SAME"), (1, 4, 8, 8, 4))
    samples = generator.normal(0, 1, (4, 1, 4, 8, 8, 4)).astype(np.float32)
    made = dynamic_graph(graph)
    content = write_graph(made)
    assert len(content) < 0.35 * len(write_graph(graph))
    assert parse_model(content, "made").scheme == "dynamic"
    assert sqnr_db(answers(graph, samples), answers(made, samples)) > 30

"""Rewritten graphs have fewer or faster ops and give the Keras model's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.data.inputspec import preset
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.quantize.recovery.float_front import first_layers
from edgecnn.quantize.rewriting.fast_kernels import use_fast_kernels
from edgecnn.quantize.rewriting.hard_swish import decompose_all_hard_swishes
from edgecnn.quantize.rewriting.leading_ops import fold_input
from edgecnn.quantize.rewriting.streamlining import streamline
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.reading import parse_model, read_model
from edgecnn.tflite.serialization import read_graph, write_graph

SIZE = 20
Array = np.ndarray[Any, Any]


def pictures(count: int = 4) -> Array:
    return np.random.default_rng(3).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


def float_file(model: Any) -> bytes:
    tf = pytest.importorskip("tensorflow")
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def rewritten(content: bytes, rewrite: Callable[[Graph], None]) -> bytes:
    graph = read_graph(content)
    rewrite(graph)
    return write_graph(graph)


def streamlined(content: bytes) -> bytes:
    return rewritten(content, lambda graph: streamline(graph, takes_pixels=False))


def answers(content: bytes, images: Array) -> Array:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    found = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(found)


def counts(content: bytes) -> dict[str, int]:
    return parse_model(content, "rewritten").op_counts


@pytest.fixture
def built(keras: Any) -> Callable[[Callable[[Any], Any]], Any]:
    """Build a model of one image from what makes its answer of its input, with seeded weights."""

    def build(body: Callable[[Any], Any]) -> Any:
        keras.utils.set_random_seed(5)
        inputs = keras.Input(batch_shape=(1, SIZE, SIZE, 3))
        model = keras.Model(inputs, body(inputs))
        generator = np.random.default_rng(6)
        for layer in model.layers:
            if type(layer).__name__ == "BatchNormalization":
                layer.set_weights(
                    [w + generator.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()]
                )
        return model

    return build


def assert_same(model: Any, content: bytes, images: Array | None = None) -> None:
    images = preset("tf", SIZE, SIZE).normalize(pictures()) if images is None else images
    expected = np.concatenate([np.asarray(model(image[None])) for image in images])
    np.testing.assert_allclose(answers(content, images), expected, atol=1e-4)


def excited(keras: Any, x: Any, *, linear_end: bool = True) -> Any:
    layers = keras.layers
    x = layers.Conv2D(8, 3, activation="relu")(x)
    gate = layers.Conv2D(8, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply()([x, layers.Activation("hard_sigmoid")(gate)])
    return layers.Conv2D(4, 3, activation="relu")(x) if linear_end else layers.ReLU()(x)


def test_the_sixth_of_a_hard_sigmoid_goes_into_the_next_kernel(keras: Any, built: Any) -> None:
    model = built(lambda x: excited(keras, x))
    plain = float_file(model)
    content = streamlined(plain)
    assert (counts(plain)["MUL"], counts(content)["MUL"]) == (2, 1)
    assert len(content) <= len(plain)
    assert_same(model, content)


def test_the_sixth_stays_where_no_kernel_takes_it(keras: Any, built: Any) -> None:
    model = built(lambda x: excited(keras, x, linear_end=False))
    content = streamlined(float_file(model))
    assert counts(content)["MUL"] == 2
    assert_same(model, content)


def preactivated(keras: Any, x: Any, stride: int) -> Any:
    layers = keras.layers
    x = layers.Conv2D(6, 3, strides=stride, padding="same")(x)
    y = layers.ReLU()(layers.BatchNormalization()(x))
    return layers.Add()([x, layers.Conv2D(6, 3, padding="same")(y)])


def test_normalisation_before_a_convolution_is_one_op(keras: Any, built: Any) -> None:
    model = built(lambda x: preactivated(keras, x, stride=1))
    plain = float_file(model)
    assert (counts(plain)["MUL"], counts(plain)["ADD"]) == (1, 2)
    content = streamlined(plain)
    assert counts(content) == {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 1, "ADD": 1}
    assert_same(model, content)


def test_normalisation_of_a_small_map_is_left(keras: Any, built: Any) -> None:
    model = built(lambda x: preactivated(keras, x, stride=2))
    plain = float_file(model)
    assert counts(streamlined(plain)) == counts(plain)


@pytest.mark.parametrize(
    ("convolves_first", "size", "stride", "channels", "order"),
    [
        # A convolution of a quarter of the positions; pooling of a third of the channels.
        (True, 2, 2, 12, ["AVERAGE_POOL_2D", "CONV_2D"]),
        (False, 3, 1, 4, ["CONV_2D", "AVERAGE_POOL_2D"]),
        # The other order would be more work.
        (False, 2, 2, 4, ["AVERAGE_POOL_2D", "CONV_2D"]),
        (False, 3, 1, 24, ["AVERAGE_POOL_2D", "CONV_2D"]),
        (True, 3, 1, 4, ["CONV_2D", "AVERAGE_POOL_2D"]),
    ],
)
def test_averages_are_where_they_cost_least(
    convolves_first: bool, size: int, stride: int, channels: int, order: list[str],
    keras: Any, built: Any,
) -> None:  # fmt: skip
    def body(x: Any) -> Any:
        layers = keras.layers
        convolve = layers.Conv2D(channels, 1, bias_initializer="ones")
        pool = layers.AveragePooling2D(size, stride, "same")
        x = layers.Conv2D(12, 3, activation="relu")(x)
        return layers.ReLU()(pool(convolve(x)) if convolves_first else convolve(pool(x)))

    model = built(body)
    content = streamlined(float_file(model))
    assert [op.name for op in parse_model(content, "").operators][1:3] == order
    assert_same(model, content)


def test_averages_of_an_int8_file_are_convolutions(keras: Any, built: Any) -> None:
    def body(x: Any) -> Any:
        layers = keras.layers
        return layers.AveragePooling2D(3, 1, "same")(layers.AveragePooling2D(2)(x))

    model = built(body)
    content = rewritten(calibrated(model), use_fast_kernels)
    # A padded average is over fewer values at the margin.
    assert counts(content) == {"DEPTHWISE_CONV_2D": 1, "AVERAGE_POOL_2D": 1}
    assert_same(model, content)


def test_rectifiers_of_an_int8_file_are_products(keras: Any, built: Any) -> None:
    def body(x: Any) -> Any:
        layers = keras.layers
        x = layers.Conv2D(4, 3)(x)
        y = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same")(layers.ReLU()(x)))
        return layers.Add()([x, y])

    model = built(body)
    plain = calibrated(model)
    assert counts(plain)["RELU"] == 1
    content = rewritten(plain, use_fast_kernels)
    assert counts(content) == {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "MUL": 1, "ADD": 1}
    assert_same(model, content)


def normalising(keras: Any, x: Any, padding: str) -> Any:
    """As a file that takes pixels begins: BGR over a deviation, less what is left of the means."""
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    for target, deviation in enumerate((50.0, 60.0, 70.0)):
        kernel[0, 0, 2 - target, target] = 1 / deviation
    constant = keras.initializers.Constant
    mix = keras.layers.Conv2D(
        3, 1, kernel_initializer=constant(kernel), bias_initializer=constant([0.1, -0.2, 0.1])
    )
    if padding == "explicit":
        return keras.layers.Conv2D(5, 3, strides=2)(keras.layers.ZeroPadding2D(1)(mix(x)))
    return keras.layers.Conv2D(5, 3, padding=padding)(mix(x))


@pytest.mark.parametrize("padding", ["valid", "same", "explicit"])
def test_the_first_convolution_takes_pixels(padding: str, keras: Any, built: Any) -> None:
    model = built(lambda x: normalising(keras, x, padding))
    content = rewritten(float_file(model), fold_input)
    pads = {"PAD": 1} if padding == "explicit" else {}
    assert counts(content) == {"CONV_2D": 1, **pads}
    images = preset("torch", SIZE, SIZE).centered().normalize(pictures())
    expected = np.concatenate([np.asarray(model(image[None])) for image in images])
    inside = slice(None) if padding == "valid" else slice(1, -1)
    found = answers(content, images)
    np.testing.assert_allclose(found[:, inside, inside], expected[:, inside, inside], atol=1e-4)
    # In the margin a pixel of the input's zero stands in for the means: at most 0.2 deviations.
    weights = np.abs(model.layers[-1].get_weights()[0]).sum(axis=(0, 1, 2)).max()
    np.testing.assert_allclose(found, expected, atol=0.2 * weights)


def test_a_models_own_first_convolution_is_left(keras: Any, built: Any) -> None:
    model = built(lambda x: normalising(keras, x, "same"))
    content = streamlined(float_file(model))
    assert counts(content) == {"CONV_2D": 2}
    assert_same(model, content)


def calibrated(model: Any) -> bytes:
    graph, spec = read_graph(float_file(model)), preset("tf", SIZE, SIZE)
    graph.set_ranges(
        observe_activations(graph, [pictures()], spec, lambda done, total: None).ranges
    )
    return write_graph(graph)


def swished(keras: Any, x: Any, maps: int) -> Any:
    """Convolutions with hard-swish, each map smaller than the one before it; then a dense layer."""
    layers = keras.layers
    for _ in range(maps):
        x = layers.Activation("hard_silu")(layers.Conv2D(8, 3)(x))
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))


def test_hard_swish_is_an_addition_and_a_product(keras: Any, built: Any) -> None:
    model = built(lambda x: swished(keras, x, 2))
    content = rewritten(calibrated(model), decompose_all_hard_swishes)
    expected = {"CONV_2D": 2, "ADD": 2, "MUL": 2, "MEAN": 1, "FULLY_CONNECTED": 1}
    assert counts(content) == expected
    assert_same(model, content)


def test_the_largest_hard_swishes_go_first(keras: Any, built: Any) -> None:
    model = built(lambda x: swished(keras, x, 6))
    plain = calibrated(model)
    content = rewritten(plain, use_fast_kernels)
    # 14 ops before: one more is within a tenth.
    assert sum(counts(content).values()) == sum(counts(plain).values()) + 1
    left = [op for op in parse_model(content, "").operators if op.name == "HARD_SWISH"]
    assert max(op.outputs[0].shape[1] for op in left) == SIZE - 4
    assert len(left) == 5
    assert_same(model, content)


def test_a_hard_swish_that_multiplies_itself_keeps_its_sixth(keras: Any, built: Any) -> None:
    def body(x: Any) -> Any:
        layers = keras.layers
        x = layers.Activation("hard_silu")(layers.Conv2D(4, 3)(x))
        x = layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
        return layers.Conv2D(2, 1)(x)

    model = built(body)
    content = rewritten(calibrated(model), decompose_all_hard_swishes)
    assert counts(content) == {"CONV_2D": 2, "ADD": 1, "MUL": 3, "MEAN": 1}
    assert_same(model, content)


def test_the_same_model_gives_the_same_bytes(keras: Any, built: Any) -> None:
    plain = calibrated(built(lambda x: swished(keras, excited(keras, x), 6)))
    first, second = (rewritten(streamlined(plain), use_fast_kernels) for _ in "ab")
    assert first == second


@pytest.mark.parametrize(("size", "extra"), [(96, -1), (32, 0)])
def test_an_int8_file_takes_pixels_without_an_op_unless_it_is_small(
    size: int, extra: int, tmp_path: Path, run_tflite: Any
) -> None:
    """A float file keeps the op that normalises, so that the map's margin is as in training."""
    options: dict[str, Any] = {"size": size, "alpha": 0.25, "classes": 5}
    exact, quantised = edgecnn.convert(
        "resnet18", quantize="float32,int8", output=tmp_path, **options
    )
    assert quantised.operators["CONV_2D"] == exact.operators["CONV_2D"] + extra
    (entry,) = read_model(quantised.path).inputs
    assert (entry.dtype, entry.scale, entry.zero_point) == ("uint8", (1.0,), (114,))
    images = np.random.default_rng(8).integers(0, 256, (8, size, size, 3), np.uint8)
    expected = run_tflite(exact.path, preset("torch", size, size).centered().normalize(images))
    np.testing.assert_allclose(run_tflite(quantised.path, images), expected, atol=0.05)


def with_clip(graph: Graph) -> None:
    """Clip to [0, 1] instead of tanh, for which TensorFlow's converter writes no op."""
    (op,) = [op for op in graph.ops if op.kind == "TANH"]
    op.kind = "RELU_0_TO_1"


def clipped(keras: Any, x: Any, *, shift: float | None, biased: bool) -> Any:
    layers = keras.layers
    x = layers.Conv2D(8, 3, activation="relu")(x)
    gate = layers.Conv2D(8, 1, use_bias=biased)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    if not biased:
        gate = layers.Activation("sigmoid")(gate)
    if shift is not None:
        gate = layers.Rescaling(1 / 6, shift)(gate)
    x = layers.Multiply()([x, layers.Activation("tanh")(gate)])
    return layers.Conv2D(4, 3, activation="relu")(x)


@pytest.mark.parametrize(
    ("shift", "biased", "ops"), [(None, True, 1), (0.5, False, 2), (None, False, 2)]
)
def test_a_clip_is_relu6_and_its_sixth_goes_into_the_next_kernel(
    shift: float | None, biased: bool, ops: int, keras: Any, built: Any
) -> None:
    model = built(lambda x: clipped(keras, x, shift=shift, biased=biased))
    plain = rewritten(float_file(model), with_clip)
    content = streamlined(plain)
    assert counts(plain)["RELU_0_TO_1"] == 1
    made = counts(content)
    assert "RELU_0_TO_1" not in made
    assert made["MUL"] + made.get("ADD", 0) == ops
    images = preset("tf", SIZE, SIZE).normalize(pictures())
    np.testing.assert_allclose(answers(content, images), answers(plain, images), atol=1e-5)


def turned(keras: Any, x: Any, *, reads_rows: bool) -> Any:
    """Squeeze-and-excite with channels first, as importers of ONNX leave it."""
    layers, ops = keras.layers, keras.ops
    x = layers.Conv2D(6, 3)(x)
    first = ops.transpose(x, (0, 3, 1, 2))
    first = first * ops.sigmoid(first)
    if reads_rows:
        first = ops.softmax(first, axis=-1)
    mean = ops.mean(first, axis=(2, 3), keepdims=True)
    gate = layers.Conv2D(6, 1)(ops.reshape(mean, (-1, 1, 1, 6)))
    gated = first * ops.tanh(ops.reshape(gate, (-1, 6, 1, 1)))
    return layers.Conv2D(4, 3)(ops.transpose(gated, (0, 2, 3, 1)))


def test_a_part_with_channels_first_gets_them_last(keras: Any, built: Any) -> None:
    model = built(lambda x: turned(keras, x, reads_rows=False))
    plain = float_file(model)
    assert counts(plain)["TRANSPOSE"] == 2
    content = streamlined(plain)
    assert {"TRANSPOSE", "RESHAPE"}.isdisjoint(counts(content))
    assert_same(model, content)


def test_files_of_rounded_weights_have_their_channels_last(
    keras: Any, built: Any, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.tflite"
    plain.write_bytes(float_file(built(lambda x: turned(keras, x, reads_rows=False))))
    for made in edgecnn.convert(
        plain, quantize="float16,dynamic", preprocess="tf", output=tmp_path
    ):
        assert {"TRANSPOSE", "RESHAPE"}.isdisjoint(counts(made.path.read_bytes())), made.scheme


def test_a_part_that_needs_its_channels_first_is_left(keras: Any, built: Any) -> None:
    model = built(lambda x: turned(keras, x, reads_rows=True))
    content = streamlined(float_file(model))
    assert counts(content)["TRANSPOSE"] == 2
    assert_same(model, content)


def with_least_margin(graph: Graph) -> None:
    """Pad with the least float, as importers of ONNX pad a maximum pooling."""
    (op,) = [op for op in graph.ops if op.kind == "PADV2"]
    least = float(np.finfo(np.float32).min)
    graph.set_input(op, 2, graph.scalar_constant(least))


@pytest.mark.parametrize(("activation", "kind"), [("relu", "PAD"), (None, "PADV2")])
def test_a_maximum_pooling_is_padded_with_zeros_where_they_are_least(
    activation: str | None, kind: str, keras: Any, built: Any
) -> None:
    def body(x: Any) -> Any:
        x = keras.layers.Conv2D(6, 3, activation=activation)(x)
        x = keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-1.0)
        return keras.layers.Conv2D(4, 3)(keras.layers.MaxPooling2D(3, 2)(x))

    plain = rewritten(float_file(built(body)), with_least_margin)
    content = streamlined(plain)
    assert counts(content)[kind] == 1
    images = preset("tf", SIZE, SIZE).normalize(pictures())
    np.testing.assert_allclose(answers(content, images), answers(plain, images), atol=1e-5)


def with_zeros(graph: Graph) -> None:
    """Pad with zeros by ops of their own, as importers of ONNX do."""
    for op in [op for op in graph.ops if op.kind == "PADV2"]:
        margins = op.inputs[1]
        assert margins is not None
        graph.replace([op], [graph.new_op("PAD", [op.source, margins], op.result)])


@pytest.mark.parametrize(("margin", "pads"), [((0, 1), 0), ((1, 1), 2)])
def test_zeros_that_a_convolution_adds_by_itself_are_no_op(
    margin: tuple[int, int], pads: int, keras: Any, built: Any
) -> None:
    def body(x: Any) -> Any:
        for layer in (keras.layers.Conv2D(6, 3, 2), keras.layers.DepthwiseConv2D(3, 2)):
            x = layer(keras.ops.pad(x, ((0, 0), margin, margin, (0, 0)), constant_values=-1.0))
        return keras.layers.Conv2D(4, 1)(x)

    plain = rewritten(float_file(built(body)), with_zeros)
    assert counts(plain)["PAD"] == 2
    content = streamlined(plain)
    assert counts(content).get("PAD", 0) == pads
    assert len(first_layers(read_graph(content))) == 3
    images = preset("tf", SIZE, SIZE).normalize(pictures())
    np.testing.assert_allclose(answers(content, images), answers(plain, images), atol=1e-5)

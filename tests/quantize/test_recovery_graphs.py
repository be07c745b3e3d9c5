"""Accuracy recovery on real graphs: what it reads, changes and leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.data.inputspec import preset
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.tracing import traced_graph
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.quantize.integers.kernels import INT8_ACTIVATIONS
from edgecnn.quantize.integers.quantizing import integer_graph
from edgecnn.quantize.integers.schemes import QuantizedGraph, to_int8
from edgecnn.quantize.recovery.correction import correct_layers
from edgecnn.quantize.recovery.dead_channels import use_dead_channels
from edgecnn.quantize.recovery.float_softmax import ops_in_float
from edgecnn.quantize.recovery.steps import BIAS_CORRECTION, JOINT_ROUNDING
from edgecnn.quantize.recovery.window_rows import InputRows, grouped_weights, ungrouped_weights
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.runtime import run_ops, run_over_images
from edgecnn.tflite.scores import scores
from edgecnn.tflite.serialization import write_graph

SPEC = preset("tf", 32, 32)


def float_graph(model: Any) -> Graph:
    shape = tuple(model.inputs[0].shape)[1:]
    return traced_graph(model, [ModelTensor("image", (1, *shape))])(None)


def pixels(count: int = 24) -> Any:
    """Smooth random pictures."""
    coarse = np.random.Generator(np.random.PCG64(5)).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def plain_int8(graph: Graph, images: Any) -> QuantizedGraph:
    """Return an int8 graph and the float graph that it was made of."""
    calibrated = graph.copy()
    calibrated.set_ranges(
        observe_activations(graph, [images], SPEC, lambda done, total: None).ranges
    )
    return to_int8(calibrated, "uint8")


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.ops]


def layer(keras: Any, kind: str) -> Any:
    layers = keras.layers
    return {
        "same": lambda: layers.Conv2D(6, 3, strides=2, padding="same"),
        "valid": lambda: layers.Conv2D(6, 5, padding="valid"),
        "even": lambda: layers.Conv2D(6, 4, strides=3, padding="same"),
        "dilated": lambda: layers.Conv2D(6, 3, padding="same", dilation_rate=2),
        "pointwise": lambda: layers.Conv2D(6, 1),
        "grouped": lambda: layers.Conv2D(8, 3, padding="same", groups=4),
        "depthwise": lambda: layers.DepthwiseConv2D(3, strides=2, padding="same"),
        "multiplied": lambda: layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    ["same", "valid", "even", "dilated", "pointwise", "grouped", "depthwise", "multiplied"],
)
@pytest.mark.parametrize("maps", [1, 4])
def test_rows_times_weights_are_what_the_runtime_computes(keras: Any, kind: str, maps: int) -> None:
    """An image may become a batch within the network, as a dilated convolution makes one."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 1)(inputs)
    x = keras.ops.reshape(x, (-1, 32 // maps, 32, 4))
    graph = float_graph(keras.Model(inputs, layer(keras, kind)(x)))
    op = next(op for op in reversed(graph.ops) if op.is_weighted)
    shape = op.source.shape
    values = np.random.Generator(np.random.PCG64(6)).normal(size=(3, *shape)).astype(np.float32)
    (made,) = run_ops(graph, [op], op.outputs, {op.source: values})
    rows, weights = InputRows(op, images=3), grouped_weights(op)
    by_rows = np.einsum("gri,goi->rgo", rows.inputs(values), weights)
    assert op.bias is not None
    expected = by_rows.reshape(len(by_rows), -1) + op.bias.values
    np.testing.assert_allclose(rows.outputs(made), expected, atol=1e-4)
    np.testing.assert_array_equal(ungrouped_weights(op, weights), op.weights.values)


def test_layers_whose_batch_is_made_of_parts_of_an_image_are_corrected(keras: Any) -> None:
    keras.utils.set_random_seed(2)
    layers, inputs = keras.layers, keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(inputs)
    x = keras.ops.reshape(x, (-1, 8, 16, 8))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Dense(6)(keras.ops.reshape(x, (-1, 8)))
    x = keras.ops.mean(keras.ops.reshape(x, (-1, 256, 6)), axis=1)
    graph, images = float_graph(keras.Model(inputs, layers.Dense(5)(x))), pixels()
    made = plain_int8(graph, images)
    corrected, given = made.graph.copy(), SPEC.normalize(images)[:, None]
    layers_done = correct_layers(corrected, made.reference, [images[:, None]], [given])
    assert (layers_done.layers, layers_done.uncorrected) == (4, ())
    before, after = errors([made.graph, corrected], scores(graph, [given])[0], images[:, None])
    assert after < before


def test_a_dense_layers_rows(small_model: Any) -> None:
    graph = float_graph(small_model)
    op = next(op for op in graph.ops if op.kind == "FULLY_CONNECTED")
    values = np.random.Generator(np.random.PCG64(7)).normal(size=(9, 1, 16)).astype(np.float32)
    np.testing.assert_array_equal(InputRows(op, images=9).inputs(values)[0], values[:, 0])


def errors(graphs: list[Graph], wanted: Any, images: Any) -> list[float]:
    return [float(np.square(scores(graph, [images])[0] - wanted).mean()) for graph in graphs]


def test_correction_brings_the_scores_nearer_and_changes_only_constants(small_model: Any) -> None:
    graph = float_graph(small_model)
    images, others = pixels(48)[:24], pixels(48)[24:]
    made = plain_int8(graph, images)
    before, after = made.graph, made.graph.copy()
    corrected = correct_layers(
        after, made.reference, [images[:, None]], [SPEC.normalize(images)[:, None]]
    )
    assert corrected.uncorrected == ()
    assert kinds(before) == kinds(after)
    assert corrected.layers == sum(op.is_weighted for op in before.ops) == 4
    for one, other in zip(before.ops, after.ops, strict=True):
        for tensor, same in zip(one.outputs, other.outputs, strict=True):
            np.testing.assert_array_equal(tensor.scales, same.scales)
    wanted = scores(graph, [SPEC.normalize(others)[:, None]])[0]
    plain, recovered = errors([before, after], wanted, others[:, None])
    assert recovered < plain


def test_each_correction_can_be_left_out(small_model: Any) -> None:
    images = pixels(24)
    made = plain_int8(float_graph(small_model), images)
    inputs = [images[:, None]], [SPEC.normalize(images)[:, None]]
    found = {}
    for name, without in (
        ("rounding", {BIAS_CORRECTION}),
        ("biases", {JOINT_ROUNDING}),
        ("none", {BIAS_CORRECTION, JOINT_ROUNDING}),
    ):
        graph = made.graph.copy()
        correct_layers(graph, made.reference, *inputs, without=frozenset(without))
        found[name] = graph
    for name, weights_change, biases_change in (
        ("rounding", True, False), ("biases", False, True), ("none", False, False)
    ):  # fmt: skip
        ops = [
            (plain, now)
            for plain, now in zip(made.graph.ops, found[name].ops, strict=True)
            if plain.is_weighted
        ]
        changed = [not np.array_equal(a.weights.values, b.weights.values) for a, b in ops]
        moved = [
            not np.array_equal(a.bias.values, b.bias.values) for a, b in ops if a.bias and b.bias
        ]
        assert (any(changed), any(moved)) == (weights_change, biases_change)


def test_the_same_images_make_the_same_bytes(small_model: Any) -> None:
    images = pixels(12)
    made = plain_int8(float_graph(small_model), images)
    contents = []
    for _ in range(2):
        graph = made.graph.copy()
        correct_layers(graph, made.reference, [images[:, None]], [SPEC.normalize(images)[:, None]])
        contents.append(write_graph(graph))
    assert contents[0] == contents[1]


def test_files_that_do_not_belong_together_are_left_alone(keras: Any, small_model: Any) -> None:
    images = pixels(12)
    graph = plain_int8(float_graph(small_model), images).graph
    inputs = keras.Input((32, 32, 3), name="picture")
    x = keras.layers.Conv2D(3, 3, name="other")(inputs)
    stranger = float_graph(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)))
    before = scores(graph, [images[:, None]])[0]
    done = correct_layers(graph, stranger, [images[:, None]], [SPEC.normalize(images)[:, None]])
    assert done.layers == 0
    assert len(done.uncorrected) == 4
    np.testing.assert_array_equal(scores(graph, [images[:, None]])[0], before)


def namesake(keras: Any, seed: int, *, strides: int = 2, outputs: int = 5) -> Any:
    """A model whose layers always have the same names, whatever their weights and sizes."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=strides, padding="same", use_bias=False, name="first")(inputs)
    x = stem = layers.ReLU(6.0, name="stem")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Add(name="sum")([layers.Conv2D(16, 3, padding="same", name="last")(x), stem])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(outputs, activation="softmax", name="scores")(x)
    return keras.Model(inputs, x, name="namesake")


# With other strides the maps of the three convolutions are of another size.
@pytest.mark.parametrize(
    ("changes", "fitting"), [({}, 4), ({"strides": 1}, 1), ({"outputs": 7}, 3)]
)
def test_a_float_file_of_the_same_names_leaves_the_integer_file_whole(
    keras: Any, changes: dict[str, int], fitting: int
) -> None:
    images = pixels(12)
    before = plain_int8(float_graph(namesake(keras, 1)), images).graph
    after, stranger = before.copy(), float_graph(namesake(keras, 2, **changes))
    done = correct_layers(after, stranger, [images[:, None]], [SPEC.normalize(images)[:, None]])
    assert kinds(before) == kinds(after)
    for op, same in zip(before.ops, after.ops, strict=True):
        for tensor, now in zip(
            (*op.distinct_inputs, *op.outputs), (*same.distinct_inputs, *same.outputs), strict=True
        ):
            assert (tensor.dtype, tensor.shape) == (now.dtype, now.shape)
    assert (done.layers, len(done.uncorrected)) == (fitting, 4 - fitting)
    assert np.isfinite(scores(after, [images[:, None]])[0]).all()


@pytest.fixture(scope="module")
def uneven_model(keras: Any) -> Any:
    """A stem, a depthwise and a pointwise layer; two channels are always zero, others narrow."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    stem = layers.Conv2D(8, 3, strides=2, padding="same", name="stem")
    x = layers.ReLU(6.0)(stem(inputs))
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same", name="dw")(x))
    x = layers.ReLU(6.0)(layers.Conv2D(16, 1, name="pw")(x))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(x))
    kernel, bias = stem.get_weights()
    kernel *= np.array([1, 0.08, 0.3, 1, 0, 0, 0.1, 1])
    bias[4:6] = -1.0
    stem.set_weights([kernel, bias])
    return model


def calibrated(graph: Graph, images: Any) -> Graph:
    copy = graph.copy()
    copy.set_ranges(observe_activations(graph, [images], SPEC, lambda done, total: None).ranges)
    return copy


def test_dead_channels_carry_copies_and_the_answers_stay(uneven_model: Any) -> None:
    images = pixels(48)
    graph = calibrated(float_graph(uneven_model), images[:8])
    changed = graph.copy()
    assert use_dead_channels(changed, [SPEC.normalize(images[:4])[:, None]]) == 2
    others = SPEC.normalize(images[24:])[:, None]
    # Copies are shifted by half a step of 1/255, where ReLU lets them.
    np.testing.assert_allclose(scores(changed, [others])[0], scores(graph, [others])[0], atol=0.02)
    stem = next(op for op in changed.ops if op.kind == "CONV_2D")
    kernels = stem.weights.values.reshape(8, -1)
    assert all(
        any(np.array_equal(kernels[dead], kernels[c]) for c in (0, 1, 2, 3, 6, 7))
        for dead in (4, 5)
    )


def test_a_model_without_dead_channels_is_not_touched(small_model: Any) -> None:
    images = pixels(4)
    graph = calibrated(float_graph(small_model), images)
    before = write_graph(graph)
    assert use_dead_channels(graph, [SPEC.normalize(images)[:, None]]) == 0
    assert write_graph(graph) == before


def test_softmax_leaves_the_integers(small_model: Any) -> None:
    images = pixels(12)
    graph = plain_int8(float_graph(small_model), images)
    ends = ops_in_float(graph.reference, [OutputKind.CLASSES])
    softened = integer_graph(graph.reference, INT8_ACTIVATIONS, "uint8", ends)
    assert kinds(softened)[-2:] == ["DEQUANTIZE", "SOFTMAX"]
    assert len(softened.ops) == len(graph.graph.ops)
    (probabilities,) = run_over_images(write_graph(softened), [images[:, None]])
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0, atol=1e-5)
    expected = np.exp(scores(graph.graph, [images[:, None]])[0])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities[:, 0], expected, atol=1e-5)

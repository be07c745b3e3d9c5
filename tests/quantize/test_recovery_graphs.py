"""Accuracy recovery on real graphs: what it reads, changes and leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgecnn.data.inputspec import preset
from edgecnn.importing.loading import LoadedModel, freeze
from edgecnn.quantize.ranges import observe
from edgecnn.quantize.recovery.correction import correct
from edgecnn.quantize.recovery.equalization import equalize, equalized_tensors, tail_bounds
from edgecnn.quantize.recovery.head import with_float_softmax
from edgecnn.quantize.recovery.inputs import InputRows, grouped_weights, ungrouped_weights
from edgecnn.quantize.recovery.recover import scores
from edgecnn.quantize.recovery.spares import use_spare_channels
from edgecnn.quantize.tfconverter import from_graph, integer_scheme
from edgecnn.tflite.operators import OpenGraph, run_model, run_single
from edgecnn.tflite.writing import with_ranges

SPEC = preset("tf", 32, 32)


def float_file(model: Any) -> bytes:
    shape = tuple(model.inputs[0].shape)[1:]
    loaded = LoadedModel(lambda image: model(image), shape, tuple(model.outputs[0].shape)[1:])
    return from_graph(freeze(loaded, None), "float32")


def pixels(count: int = 24) -> Any:
    """Smooth random pictures."""
    coarse = np.random.Generator(np.random.PCG64(5)).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def plain_int8(content: bytes, images: Any) -> tuple[bytes, bytes]:
    """Return an int8 file and the float file that it was made of."""
    seen = observe(content, images, SPEC, lambda done, total: None)
    made = integer_scheme("int8", "uint8").quantize(with_ranges(content, seen.ranges), ())
    return made.content, made.reference


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
def test_rows_times_weights_are_what_the_runtime_computes(keras: Any, kind: str) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 1)(inputs)
    graph = OpenGraph(float_file(keras.Model(inputs, layer(keras, kind)(x))))
    op = next(op for op in reversed(graph.operators) if graph.is_weighted(op))
    (source,) = graph.moving_inputs(op)
    shape = graph.shape(source)
    values = np.random.Generator(np.random.PCG64(6)).normal(size=(3, *shape)).astype(np.float32)
    (made,) = run_single(graph, op, {source: values}, threads=1)
    rows = InputRows(graph, op, images=3)
    weights = grouped_weights(graph, op)
    by_rows = np.einsum("gri,goi->rgo", rows.inputs(values), weights)
    expected = by_rows.reshape(len(by_rows), -1) + graph.values(int(op.inputs[2]))
    np.testing.assert_allclose(rows.outputs(made), expected, atol=1e-4)
    restored = ungrouped_weights(graph, op, weights)
    np.testing.assert_array_equal(restored, graph.values(int(op.inputs[1])))


def test_a_dense_layers_rows(small_model: Any) -> None:
    graph = OpenGraph(float_file(small_model))
    op = next(op for op in graph.operators if graph.kind(op) == "FULLY_CONNECTED")
    values = np.random.Generator(np.random.PCG64(7)).normal(size=(9, 1, 16)).astype(np.float32)
    rows = InputRows(graph, op, images=9).inputs(values)
    np.testing.assert_array_equal(rows[0], values[:, 0])


def test_correction_brings_the_scores_nearer_and_changes_only_constants(small_model: Any) -> None:
    content = float_file(small_model)
    images, others = pixels(48)[:24], pixels(48)[24:]
    integer, reference = plain_int8(content, images)
    corrected = correct(
        integer, reference, images[:, None], SPEC.normalize(images)[:, None], threads=2
    )
    assert corrected.left == ()
    before, after = OpenGraph(integer), OpenGraph(corrected.content)
    assert [before.kind(op) for op in before.operators] == [
        after.kind(op) for op in after.operators
    ]
    weighted = [op for op in before.operators if before.is_weighted(op)]
    assert corrected.layers == len(weighted) == 4
    for one, other in zip(before.operators, after.operators, strict=True):
        for tensor, same in zip(one.outputs, other.outputs, strict=True):
            np.testing.assert_array_equal(before.scale(int(tensor)), after.scale(int(same)))
    wanted = scores(content, SPEC.normalize(others)[:, None])
    errors = [
        np.square(scores(file, others[:, None]) - wanted).mean()
        for file in (integer, corrected.content)
    ]
    assert errors[1] < errors[0]


def test_the_same_images_make_the_same_bytes(small_model: Any) -> None:
    images = pixels(12)
    integer, reference = plain_int8(float_file(small_model), images)
    made = [
        correct(integer, reference, images[:, None], SPEC.normalize(images)[:, None], 2).content
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_files_that_do_not_belong_together_are_left_alone(keras: Any, small_model: Any) -> None:
    images = pixels(12)
    integer, _ = plain_int8(float_file(small_model), images)
    inputs = keras.Input((32, 32, 3), name="picture")
    x = keras.layers.Conv2D(3, 3, name="other")(inputs)
    stranger = float_file(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)))
    done = correct(integer, stranger, images[:, None], SPEC.normalize(images)[:, None], 1)
    assert done.layers == 0
    assert len(done.left) == 4
    np.testing.assert_array_equal(
        scores(done.content, images[:, None]), scores(integer, images[:, None])
    )


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
    integer, _ = plain_int8(float_file(namesake(keras, 1)), images)
    stranger = float_file(namesake(keras, 2, **changes))
    done = correct(integer, stranger, images[:, None], SPEC.normalize(images)[:, None], 1)
    before, after = OpenGraph(integer), OpenGraph(done.content)
    assert [before.kind(op) for op in before.operators] == [
        after.kind(op) for op in after.operators
    ]
    for op, same in zip(before.operators, after.operators, strict=True):
        for tensor, now in zip(
            (*op.inputs, *op.outputs), (*same.inputs, *same.outputs), strict=True
        ):
            assert before.dtype(int(tensor)) == after.dtype(int(now))
            assert before.shape(int(tensor)) == after.shape(int(now))
    assert (done.layers, len(done.left)) == (fitting, 4 - fitting)
    assert np.isfinite(scores(done.content, images[:, None])).all()


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


Answers = Callable[[bytes], Any]


@pytest.fixture
def answers() -> Answers:
    images = SPEC.normalize(pixels(48)[24:])[:, None]
    return lambda content: scores(content, images)


def test_equalised_channels_are_as_wide_and_the_answers_the_same(
    uneven_model: Any, answers: Answers
) -> None:
    content, images = float_file(uneven_model), pixels(48)
    graph = OpenGraph(content)
    (tensor,) = equalized_tensors(graph)
    seen = observe(content, images, SPEC, lambda done, total: None, [tensor])
    bounds = tail_bounds({tensor: seen.peaks(tensor)})
    changed = equalize(content, bounds)
    np.testing.assert_allclose(answers(changed), answers(content), atol=1e-4)
    again = observe(changed, images, SPEC, lambda done, total: None, [tensor])
    before, after = (found.magnitudes(tensor) for found in (seen, again))
    alive = before > 0
    assert before[alive].min() < 0.15 * before.max()
    assert after[alive].min() > 0.4 * after.max()
    assert after.max() <= before.max() * 1.001
    assert (after[~alive] == 0).all()


def test_spare_channels_carry_copies_and_the_answers_stay(
    uneven_model: Any, answers: Answers
) -> None:
    content, images = float_file(uneven_model), pixels(48)[:8]
    seen = observe(content, images, SPEC, lambda done, total: None)
    changed, copies = use_spare_channels(
        content, seen.ranges, SPEC.normalize(images[:4])[:, None], threads=1
    )
    assert copies == 2
    # Copies are shifted by half a step of 1/255, where ReLU lets them.
    np.testing.assert_allclose(answers(changed), answers(content), atol=0.02)
    graph = OpenGraph(changed)
    stem = next(op for op in graph.operators if graph.kind(op) == "CONV_2D")
    kernels = graph.values(int(stem.inputs[1])).reshape(8, -1)
    assert all(
        any(np.array_equal(kernels[spare], kernels[c]) for c in (0, 1, 2, 3, 6, 7))
        for spare in (4, 5)
    )


def test_a_model_without_spare_channels_is_not_touched(small_model: Any) -> None:
    content, images = float_file(small_model), pixels(4)
    seen = observe(content, images, SPEC, lambda done, total: None)
    same, copies = use_spare_channels(content, seen.ranges, SPEC.normalize(images)[:, None], 1)
    assert copies == 0
    assert same == content


def test_softmax_moves_behind_the_integers(small_model: Any) -> None:
    images = pixels(12)
    integer, _ = plain_int8(float_file(small_model), images)
    moved = with_float_softmax(integer)
    graph = OpenGraph(moved)
    assert [graph.kind(op) for op in graph.operators][-2:] == ["DEQUANTIZE", "SOFTMAX"]
    assert len(graph.operators) == len(OpenGraph(integer).operators)
    (probabilities,) = run_model(moved, [images[:, None]], 1)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0, atol=1e-5)
    expected = np.exp(scores(integer, images[:, None]))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities[:, 0], expected, atol=1e-5)
    assert with_float_softmax(moved) == moved

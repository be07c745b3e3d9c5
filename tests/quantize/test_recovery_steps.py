"""Each step of accuracy recovery acts: a file without it is worse on a network that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.data.datasets import open_dataset, sample_indices
from edgecnn.data.inputspec import preset
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.tracing import traced_graph
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.quantize.integers.schemes import to_int8
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.recovery.pipeline import Quantizer, RecoveredGraph, Recovery, RecoveryData
from edgecnn.quantize.recovery.steps import STEPS, steps_left_out
from edgecnn.quantize.timing.latencies import EstimatedLatencies
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.serialization import write_graph
from edgecnn.tflite.target_cpu import target_cpu

SPEC = preset("tf", 32, 32)
FITTED, IMAGES = 32, 64
"""Images that recovery may use, and images in all."""
GENERATOR = np.random.Generator(np.random.PCG64(5))
COLOURS = GENERATOR.integers(0, 256, (IMAGES, 1, 1, 3), np.uint8).repeat(32, 1).repeat(32, 2)
"""Images of one colour, in which nothing averages the rounding of single values out."""
PICTURES = GENERATOR.integers(0, 256, (IMAGES, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)
"""Smooth random pictures."""
DULL = 118 + PICTURES // 12
DULL[:, :2, :2] = GENERATOR.integers(0, 256, (IMAGES, 2, 2, 3))
"""Pictures of nearly one grey with a few pixels of any colour."""


def recovered(model: Any, images: Any, *without: str, keeps_float: bool = False) -> RecoveredGraph:
    """Make the int8 graph of a Keras model, without some of the steps."""
    fit, held_out = images[:FITTED], images[FITTED:]
    graph = traced_graph(model, [ModelTensor("image", (1, *SPEC.shape))])(None)
    observed = observe_activations(
        graph, [fit], SPEC, lambda done, total: None, watched_tensors(graph)
    )
    quantizer = Quantizer(
        lambda calibrated, in_float: to_int8(calibrated, "uint8", in_float),
        keeps_float=keeps_float,
        fit_images=FITTED,
    )
    calibrated = graph.copy()
    calibrated.set_ranges(observed.ranges)
    recovery = Recovery(
        graph,
        observed,
        RecoveryData([fit], [held_out], None, SPEC),
        "fast",
        EstimatedLatencies(target_cpu("arm64")),
        lambda done, total: None,
        steps_left_out(without),
    )
    return recovery.recover(quantizer, quantizer.quantize(calibrated, ()))


def gain(model: Any, images: Any, step: str, *, keeps_float: bool = False) -> float:
    """Return the decibels by which the file of all steps is nearer than that without one."""
    whole = recovered(model, images, keeps_float=keeps_float)
    without = recovered(model, images, step, keeps_float=keeps_float)
    return whole.after.sqnr_db - without.after.sqnr_db


def scale(layer: Any, factors: Any) -> None:
    """Scale the output channels of a convolution; its input channels by a column of factors."""
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * factors, bias])


def with_head(keras: Any, inputs: Any, x: Any) -> Any:
    """Return a model of ten scores."""
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def test_a_narrow_front_in_float(keras: Any) -> None:
    keras.utils.set_random_seed(4)
    layers, factors = keras.layers, np.geomspace(1, 0.002, 8)
    inputs = keras.Input(SPEC.shape)
    stem = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")
    second = layers.Conv2D(16, 1, activation="relu6")
    x = second(stem(inputs))
    x = layers.Conv2D(64, 3, strides=2, activation="relu")(x)
    x = layers.Conv2D(256, 3, strides=2, activation="relu")(x)
    model = with_head(keras, inputs, x)
    # Channels of a five hundredth of the range have no level of their own.
    scale(stem, factors)
    scale(second, 1 / factors[:, None])
    assert gain(model, PICTURES, "float-front", keeps_float=True) > 10.0


def test_channels_that_an_addition_ties_are_brought_to_one_range(keras: Any) -> None:
    keras.utils.set_random_seed(4)
    layers, factors = keras.layers, np.geomspace(1, 0.01, 8)
    inputs = keras.Input(SPEC.shape)
    stem = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")
    inner = layers.Conv2D(12, 3, padding="same", activation="relu")
    outer = layers.Conv2D(8, 3, padding="same")
    head = layers.Conv2D(16, 3, strides=2, activation="relu")
    x = stem(inputs)
    model = with_head(keras, inputs, head(layers.ReLU()(layers.Add()([x, outer(inner(x))]))))
    for writer in (stem, outer):
        scale(writer, factors)
    for reader in (inner, head):
        scale(reader, 1 / factors[:, None])
    assert gain(model, PICTURES, "channel-groups") > 5.0


@pytest.mark.parametrize("step", ["joint-rounding", "bias-correction"])
def test_coarse_weights_are_corrected(keras: Any, step: str) -> None:
    keras.utils.set_random_seed(4)
    layers = keras.layers
    inputs = keras.Input(SPEC.shape)
    first = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu6")
    second = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")
    model = with_head(keras, inputs, second(first(inputs)))
    # The largest weights are for a channel through which hardly anything comes.
    scale(first, np.array([1e-3] + [1.0] * 15))
    scale(second, np.array([20.0] + [1.0] * 15)[:, None])
    assert gain(model, PICTURES, step) > 2.0


def test_dead_channels_carry_what_has_few_levels(keras: Any) -> None:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inputs = keras.Input(SPEC.shape)
    stem = layers.Conv2D(8, 3, strides=2, activation="relu6")
    head = layers.Conv2D(16, 1, activation="relu6")
    model = with_head(keras, inputs, head(stem(inputs)))
    # One channel widens the range and counts for nothing; three count, and four are dead.
    kernel, bias = stem.get_weights()
    factors = np.array([1.0] + [0.05] * 7)
    bias = np.where(np.arange(8) < 4, 2.0 * factors, -20.0)
    stem.set_weights([kernel * factors, bias])
    scale(head, np.array([0.0] + [20.0] * 3 + [1.0] * 4)[:, None])
    assert gain(model, COLOURS, "dead-channels") > 2.0


@pytest.fixture(scope="module")
def tailed(keras: Any) -> Any:
    """A result without ReLU with a long tail, and a softmax of many classes."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    inputs = keras.Input(SPEC.shape)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(8, 1, name="linear")(x)
    x = layers.Conv2D(32, 3, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(600, activation="softmax")(x))


def test_the_range_of_a_long_tail_is_narrower(tailed: Any) -> None:
    whole, without = recovered(tailed, DULL), recovered(tailed, DULL, "clipping")
    steps = [
        next(op.result.scales[0] for op in made.graph.ops if "linear" in op.result.name)
        for made in (whole, without)
    ]
    assert steps[0] < 0.9 * steps[1]
    assert whole.after.sqnr_db > without.after.sqnr_db + 0.2


def test_many_classes_do_not_share_a_few_probabilities(tailed: Any) -> None:
    counts = []
    for without in ((), ("float-softmax",)):
        content = write_graph(recovered(tailed, PICTURES, *without).graph)
        (answers,) = run_over_images(content, [PICTURES[FITTED:, None]])
        counts.append([len(np.unique(answer)) for answer in answers])
    assert min(counts[0]) > 10 * max(counts[1])


def test_an_outlier_image_widens_no_range(keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    layers = keras.layers
    inputs = x = keras.Input(SPEC.shape)
    for _ in range(4):
        x = layers.Conv2D(16, 3, padding="same", activation="relu", use_bias=False)(x)
    model = with_head(keras, inputs, x)
    data = tmp_path / "pictures.npz"
    dim = PICTURES[:24] // 6
    np.savez(data, x=dim)
    # The first images give the ranges, the last ones prove the file.
    dim[sample_indices(open_dataset(str(data)), 24)[0]] *= 6
    np.savez(data, x=dim)
    reached = {}
    for without in ([], ["outlier-images"]):
        (made,) = edgecnn.convert(
            model, preprocess="unit", calibrate=data, samples=24, without=without, output=tmp_path
        )
        assert made.proof is not None
        reached[bool(without)] = made.proof.after.sqnr_db
    assert reached[False] > reached[True] + 2.0


def test_each_step_has_a_test_here() -> None:
    here = Path(__file__).read_text("utf-8")
    assert [name for name in STEPS if f'"{name}"' not in here] == []

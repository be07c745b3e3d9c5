"""Channels that residual additions tie: scaled together, and the answers stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.data.inputspec import preset
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.tracing import traced_graph
from edgecnn.quantize.calibration.ranges import ObservedActivations, observe_activations
from edgecnn.quantize.recovery.channel_groups import (
    channel_groups,
    equalize_groups,
    watched_tensors,
)
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.scores import scores

SPEC = preset("tf", 32, 32)


def pixels(count: int = 16) -> Any:
    return np.random.Generator(np.random.PCG64(3)).integers(0, 256, (count, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def residual(keras: Any) -> Graph:
    """A stem, a residual block and a head; the stem's channels differ a hundredfold."""
    keras.utils.set_random_seed(4)
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    stem = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem")
    x = stem(inputs)
    y = layers.Conv2D(12, 3, padding="same", activation="relu", name="inner")(x)
    y = layers.Conv2D(8, 3, padding="same", name="outer")(y)
    x = layers.ReLU()(layers.Add(name="sum")([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(x))
    kernel, bias = stem.get_weights()
    stem.set_weights([kernel * np.geomspace(1, 0.01, 8), bias])
    return float_graph(model)


def float_graph(model: Any) -> Graph:
    return traced_graph(model, [ModelTensor("image", (1, 32, 32, 3))])(None)


def observed(graph: Graph) -> ObservedActivations:
    return observe_activations(
        graph, [pixels()], SPEC, lambda done, total: None, watched_tensors(graph)
    )


def test_an_addition_ties_what_it_adds(residual: Graph) -> None:
    groups = sorted(channel_groups(residual), key=lambda group: len(group.tensors))
    assert [len(group.writers) for group in groups] == [1, 2]
    assert [len(group.readers) for group in groups] == [1, 2]
    # Stem, outer convolution, their sum and its mean.
    assert len(groups[1].tensors) == 4


def test_answers_stay_and_channels_fill_the_range(residual: Graph) -> None:
    before, changed = observed(residual), residual.copy()
    promised = equalize_groups(changed, before)
    images = SPEC.normalize(pixels())[:, None]
    np.testing.assert_allclose(
        scores(changed, [images])[0], scores(residual, [images])[0], rtol=1e-4, atol=1e-5
    )
    after = observed(changed)
    for group in channel_groups(residual):
        tensors = [tensor.index for tensor in group.tensors]
        for tensor in tensors:
            wide = after.magnitudes(tensor)
            assert wide.max() == pytest.approx(before.magnitudes(tensor).max(), rel=1e-3)
            assert np.all(wide >= 0.99 * before.magnitudes(tensor))
        filled = np.max([after.magnitudes(t) / after.magnitudes(t).max() for t in tensors], 0)
        assert np.all((filled > 0.99) | (filled == 0))
        for tensor in tensors:
            np.testing.assert_allclose(promised.ranges[tensor], after.ranges[tensor], rtol=1e-3)
            low, high = promised.ranges[tensor]
            assert np.all(promised.samples[tensor] >= low - 1e-4 * (high - low))
            assert np.all(promised.samples[tensor] <= high + 1e-4 * (high - low))


@pytest.mark.parametrize("activation", ["relu6", "hard_swish", "sigmoid"])
def test_what_notices_a_factor_is_left_alone(keras: Any, activation: str) -> None:
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, padding="same", activation=activation)(inputs)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
    model = keras.Model(inputs, x)
    assert channel_groups(float_graph(model)) == []

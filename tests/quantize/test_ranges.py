"""Calibrated ranges are the activations' true extremes, by Keras' own account."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.data.inputspec import preset
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.tflite.serialization import read_graph


def test_ranges_of_a_residual_branch_are_its_own(keras: Any, small_model: Any) -> None:
    tf = pytest.importorskip("tensorflow")
    generator = np.random.Generator(np.random.PCG64(2))
    images = generator.integers(0, 256, (6, 32, 32, 3), np.uint8)
    spec = preset("tf", 32, 32)
    converter = tf.lite.TFLiteConverter.from_keras_model(small_model)
    # The converter's dynamic batch becomes 1 on allocation.
    graph = read_graph(bytes(converter.convert()))
    ranges = observe_activations(graph, [images], spec, lambda done, total: None).ranges
    assert ranges[graph.input.index] == (-1.0, 1.0)
    added = {op.kind: op.result.shape for op in graph.ops}
    assert added["ADD"][1:] == (16, 16, 16)
    branches = keras.Model(
        small_model.inputs,
        [layer.output for layer in small_model.layers if layer.name.startswith(("conv2d", "add"))],
    )
    expected = {
        (float(value.min()), float(value.max()))
        for value in branches.predict(images / 127.5 - 1.0, verbose=0)[1:]
    }
    found = np.array(sorted(ranges.values()))
    for low, high in expected:
        assert np.isclose(found, (low, high), atol=1e-4).all(axis=1).any(), (low, high)

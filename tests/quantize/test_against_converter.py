"""Files hold the same layers in the same precisions as TFLiteConverter's own of the same model."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from edgecnn.model_metadata.writing import with_packed_files
from edgecnn.tflite.reading import TfliteModel, parse_model, read_model, weights_of


def layers(model: TfliteModel) -> Counter[tuple[str, str, int]]:
    """Count ops by name, precision, and number of scales of their weights."""
    found: Counter[tuple[str, str, int]] = Counter()
    for op, precision in model.weighted_operators():
        weights = weights_of(op)
        assert weights is not None
        found[op.name, precision, len(weights.scale)] += 1
    return found


@pytest.mark.parametrize("scheme", ["float32", "float16", "dynamic"])
def test_layers_and_size_are_the_plain_converters(
    scheme: str, small_model: Any, small_results: dict[str, Any]
) -> None:
    tf = pytest.importorskip("tensorflow")
    converter = tf.lite.TFLiteConverter.from_keras_model(small_model)
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    content, path = converter.convert(), small_results[scheme].path
    theirs, ours = parse_model(content, "plain"), read_model(path)
    assert layers(ours) == layers(theirs)
    # Without what is packed behind it, the rest of the difference is metadata: a kilobyte or two.
    assert ours.metadata["min_runtime_version"] == theirs.metadata["min_runtime_version"]
    assert abs(len(with_packed_files(path.read_bytes(), {})) - len(content)) < 2048

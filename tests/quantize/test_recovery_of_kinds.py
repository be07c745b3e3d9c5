"""Recovery of models of several inputs and outputs, and what leaves the integers at their ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import ConversionError, InputError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.graphs.final_activation import append_activation
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.tracing import traced_graph
from edgecnn.quantize.calibration.ranges import observe_activations
from edgecnn.quantize.integers.schemes import to_int8
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.recovery.pipeline import Quantizer, RecoveredGraph, Recovery, RecoveryData
from edgecnn.quantize.timing.latencies import EstimatedLatencies
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.output_kinds import OutputKind, judge_outputs
from edgecnn.tflite.output_outline import outline_of_graph
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.scores import scores, scores_tensors
from edgecnn.tflite.serialization import write_graph
from edgecnn.tflite.target_cpu import target_cpu

tf = LazyModule("tensorflow", extra="convert")

GENERATOR = np.random.Generator(np.random.PCG64(8))
COUNT, FITTED = 48, 32
PICTURES = GENERATOR.uniform(0.0, 1.0, (COUNT, 4, 4, 3)).repeat(4, 1).repeat(4, 2).astype("float32")


def graph_of(model: Any) -> Graph:
    inputs = [ModelTensor(x.name, (1, *x.shape[1:]), x.dtype) for x in model.inputs]
    call = model if len(inputs) == 1 else lambda *given: model(list(given))
    return traced_graph(call, inputs)(None)


def recovered(
    graph: Graph, samples: list[Any], *kinds: str, softens: bool = True
) -> RecoveredGraph:
    """Make the int8 graph of a float graph whose samples go in as they are."""
    names = [tensor.name for tensor in graph.outputs]
    tasks = {name: OutputKind(kind) for name, kind in zip(names, kinds, strict=True)}
    fit, held_out = (
        [each[part] for each in samples] for part in (slice(FITTED), slice(FITTED, None))
    )
    observed = observe_activations(
        graph, fit, None, lambda done, total: None, watched_tensors(graph)
    )
    quantizer = Quantizer(
        lambda calibrated, in_float: to_int8(calibrated, "float32", in_float),
        keeps_float=True,
        fit_images=FITTED,
        softens=softens,
    )
    calibrated = graph.copy()
    calibrated.set_ranges(observed.ranges)
    recovery = Recovery(
        graph,
        observed,
        RecoveryData(
            fit, held_out, None, None, judge_outputs(outline_of_graph(graph, names), tasks)
        ),
        "fast",
        EstimatedLatencies(target_cpu("arm64")),
        lambda done, total: None,
    )
    return recovery.recover(quantizer, quantizer.quantize(calibrated, ()))


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.ops]


def test_two_inputs_and_two_outputs_are_corrected_and_compared(keras: Any) -> None:
    layers = keras.layers
    keras.utils.set_random_seed(4)
    words, facts = keras.Input((6,), dtype="int32", name="words"), keras.Input((5,), name="facts")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(20, 8)(words))
    x = layers.Concatenate()([layers.Dense(8)(x), facts])
    for _ in range(3):
        x = layers.Dense(48, "relu")(x)
    answers = [layers.Dense(4, activation="softmax")(x), layers.Dense(2)(x)]
    graph = graph_of(keras.Model([words, facts], answers))
    by_type = {
        "int32": GENERATOR.integers(0, 20, (COUNT, 6), np.int32),
        "float32": GENERATOR.uniform(-1.0, 1.0, (COUNT, 5)).astype(np.float32),
    }
    samples = [by_type[tensor.dtype] for tensor in graph.inputs]
    ends = ["classes" if each.shape[-1] == 4 else "numbers" for each in graph.outputs]
    made = recovered(graph, samples, *ends)
    assert {tensor.dtype for tensor in made.graph.inputs} == {"int32", "float32"}
    assert made.layers == 6 and made.uncorrected == ()
    assert [each.kind.value for each in made.after.outputs] == ends
    assert made.after.images == COUNT - FITTED
    assert made.after.divergence < made.before.divergence
    assert all(output.sqnr_db > 20 for output in made.after.outputs)
    assert "SOFTMAX" in kinds(made.graph)
    results = run_over_images(write_graph(made.graph), [each[:, None] for each in samples])
    place = ends.index("classes")
    np.testing.assert_allclose(results[place].sum(axis=-1), 1.0, atol=1e-5)


@pytest.fixture(scope="module")
def detector(keras: Any) -> Graph:
    """A graph whose boxes, in pixels, and whose scores are joined in one output."""
    layers = keras.layers
    keras.utils.set_random_seed(5)
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(12, 3, strides=4, padding="same", activation="relu")(inputs)
    boxes = layers.Reshape((16, 4))(layers.Conv2D(4, 1)(x))
    scores = layers.Reshape((16, 3))(layers.Conv2D(3, 1)(x))
    joined = layers.Concatenate()([
        layers.Rescaling(100.0, 200.0)(boxes), layers.Activation("sigmoid")(scores)
    ])  # fmt: skip
    return graph_of(keras.Model(inputs, joined))


def test_boxes_and_scores_do_not_share_a_scale(detector: Graph) -> None:
    made = recovered(detector, [PICTURES], "detections")
    assert kinds(made.graph)[-1] == "CONCATENATION"
    assert made.graph.ops[-1].source.is_float
    # Boxes of hundreds of pixels leave scores of 0 to 1 no level of their own.
    (plain,), (output,) = made.before.outputs, made.after.outputs
    assert plain.parts_db[1] < 10
    assert min(output.parts_db) > 20
    assert (
        min(recovered(detector, [PICTURES], "detections", softens=False).after.outputs[0].parts_db)
        < 10
    )


def test_boxes_that_the_graph_decodes_are_decoded_in_float(keras: Any) -> None:
    """As in YOLO's exports: sides are the exponentials of what the last layer gives."""
    layers = keras.layers
    keras.utils.set_random_seed(5)
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(12, 3, strides=4, padding="same", activation="relu")(inputs)
    sides = keras.ops.exp(8.0 * layers.Reshape((16, 4))(layers.Conv2D(4, 1)(x)))
    scores = layers.Reshape((16, 3))(layers.Conv2D(3, 1)(x))
    joined = layers.Concatenate()([sides, layers.Activation("sigmoid")(scores)])
    made = recovered(graph_of(keras.Model(inputs, joined)), [PICTURES], "detections")
    (decoding,) = [op for op in made.graph.ops if op.kind == "EXP"]
    assert decoding.source.is_float
    plain, output = made.before.outputs[0], made.after.outputs[0]
    assert output.parts_db[0] > plain.parts_db[0]


def test_parts_are_told_apart_where_candidates_stand_last(keras: Any, detector: Graph) -> None:
    """The layout of YOLO's exports: four sides of boxes and the scores, for each candidate."""
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(12, 3, strides=4, padding="same", activation="relu")(inputs)
    boxes, found = (
        layers.Permute((2, 1))(layers.Reshape((16, count))(layers.Conv2D(count, 1)(x)))
        for count in (4, 3)
    )
    joined = layers.Concatenate(axis=1)([boxes, layers.Activation("sigmoid")(found)])
    (output,) = OutputComparison.of(graph_of(keras.Model(inputs, joined))).outputs
    assert (output.widths, output.is_turned) == ((4, 3), True)
    (plain,) = OutputComparison.of(detector).outputs
    assert (plain.widths, plain.is_turned) == ((4, 3), False)


def test_sigmoids_leave_the_integers(keras: Any) -> None:
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(inputs))
    graph = graph_of(keras.Model(inputs, layers.Dense(3, activation="sigmoid")(x)))
    made = recovered(graph, [PICTURES], "labels")
    assert kinds(made.graph)[-2:] == ["DEQUANTIZE", "LOGISTIC"]


def test_maps_of_best_classes_are_compared_by_the_scores_before(keras: Any) -> None:
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, layers.Conv2D(4, 3, padding="same")(inputs))
    image = ModelTensor("image", (1, 16, 16, 3))
    graph = traced_graph(lambda x: tf.argmax(model(x), axis=-1), [image])(None)
    (tensor,) = scores_tensors(graph, [OutputKind.MAP])
    assert tensor.shape == (1, 16, 16, 4)
    made = recovered(graph, [PICTURES], "map")
    assert made.after.agreement is not None and made.after.agreement > 0.9
    assert "SOFTMAX" not in kinds(made.graph)


def test_losses_without_kinds_are_those_of_classes(detector: Graph) -> None:
    assert OutputComparison.of(detector).kinds == (OutputKind.CLASSES,)


@pytest.fixture(scope="module")
def logits(keras: Any) -> Graph:
    layers = keras.layers
    keras.utils.set_random_seed(6)
    inputs = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(inputs))
    return graph_of(keras.Model(inputs, layers.Dense(3)(x)))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_an_activation_is_put_behind_logits(logits: Graph, activation: str) -> None:
    graph = logits.copy()
    append_activation(graph, activation)
    images = PICTURES[:3, None]
    (found,) = run_over_images(write_graph(graph), [images])
    before = scores(logits, [images])[0]
    expected = 1 / (1 + np.exp(-before))
    if activation == "softmax":
        expected = np.exp(before) / np.exp(before).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-5)
    with pytest.raises(InputError, match=f"ends in {activation} already"):
        append_activation(graph, "softmax")


def test_a_file_of_logits_becomes_one_of_labels(logits: Graph, tmp_path: Path) -> None:
    source = tmp_path / "logits.tflite"
    source.write_bytes(write_graph(logits))
    pictures = tmp_path / "pictures.npz"
    np.savez(pictures, images=(255 * PICTURES).astype(np.uint8))
    given = {"preprocess": "unit", "calibrate": pictures, "samples": 10, "output": tmp_path}
    (made,) = edgecnn.convert(source, activation="sigmoid", **given)
    assert made.proof is not None
    assert [each.kind for each in made.proof.after.outputs] == [OutputKind.LABELS]
    assert "LOGISTIC" in made.operators
    assert (read_model(made.path).edgecnn or {})["outputs"][0]["kind"] == "labels"
    with pytest.raises(ConversionError, match=r'what the output .* is .*task="classes"'):
        edgecnn.convert(source, max_drop=1.0, **given)
    (measured,) = edgecnn.convert(source, max_drop=50.0, task="numbers", **given)
    assert measured.budget is not None
    assert measured.budget["measure"] == "variance"
    with pytest.raises(InputError, match="choose softmax or sigmoid"):
        edgecnn.convert(source, activation="tanh", **given)

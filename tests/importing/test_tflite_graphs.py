"""Graphs of other makers' files: several subgraphs, open shapes, larger batches, float16."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.importing.graphs.batches import batch_of, with_batch_of_one
from edgecnn.importing.graphs.shapes import settle_shapes
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import read_graph, write_graph

SHAPE_OPS = {"SHAPE", "STRIDED_SLICE", "PACK"}


def answers(content: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Return what the first subgraph answers; an open input gets the shape of what goes in."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    details = interpreter.get_input_details()
    for detail, value in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for detail, value in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def noise(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


def settled(path: Path, *shapes: tuple[int, ...]) -> Graph:
    graph = read_graph(path.read_bytes())
    known = shapes or tuple(tensor.shape for tensor in graph.inputs)
    settle_shapes(graph, dict(zip(graph.inputs, known, strict=True)))
    return graph


@pytest.mark.parametrize("name", ["loop", "branch", "variable", "signatures"])
def test_a_file_of_several_graphs_is_written_as_it_was_read(
    name: str, tflite_models: dict[str, Path]
) -> None:
    content = tflite_models[name].read_bytes()
    written = write_graph(read_graph(content))
    image = noise(1, 8, 8, 1)
    assert np.array_equal(answers(written, [image])[0], answers(content, [image])[0])
    # Graphs that share their weights have them once.
    assert len(written) <= len(content)


def test_signatures_keep_their_graphs(tflite_models: dict[str, Path]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    content = tflite_models["signatures"].read_bytes()
    for number in (0, 1):
        written = write_graph(read_graph(content, number))
        before, after = Interpreter(model_content=content), Interpreter(model_content=written)
        assert after.get_signature_list() == before.get_signature_list()
        for name, shape in (("one", (1, 8, 8, 1)), ("two", (1, 64))):
            first, second = (each.get_signature_runner(name) for each in (before, after))
            expected, found = first(x=noise(*shape)), second(x=noise(*shape))
            assert all(np.array_equal(found[key], expected[key]) for key in expected)
        # The graph that was read is the file's first, the one that a plain call runs.
        assert after.get_input_details()[0]["name"] == ("one_x:0", "two_x:0")[number]


@pytest.mark.parametrize("size", [(64, 48), (33, 47)])
def test_open_shapes_become_known(tflite_models: dict[str, Path], size: tuple[int, int]) -> None:
    graph = settled(tflite_models["open"], (1, *size, 3))
    assert not SHAPE_OPS & {op.kind for op in graph.ops}
    assert graph.ops[0].result.shape == (1, (size[0] + 1) // 2, (size[1] + 1) // 2, 8)
    image = noise(1, *size, 3)
    (expected,) = answers(tflite_models["open"].read_bytes(), [image])
    file = LoadedFile(write_graph(graph))
    file.run([image])
    assert file.inputs[0].shape == image.shape
    assert file.output(0) == pytest.approx(expected, abs=1e-5)


def test_a_batch_becomes_one_where_examples_do_not_depend_on_each_other(
    tflite_models: dict[str, Path],
) -> None:
    graph = settled(tflite_models["several"])
    single = with_batch_of_one(graph)
    assert batch_of(graph) == 4
    assert single is not None
    images = noise(4, 8, 8, 1)
    (together,) = answers(tflite_models["several"].read_bytes(), [images])
    alone = [answers(write_graph(single), [image[None]])[0][0] for image in images]
    assert np.stack(alone) == pytest.approx(together, abs=1e-5)
    assert with_batch_of_one(settled(tflite_models["mixing"])) is None


@pytest.mark.parametrize("name", ["face_short", "face_sparse"])
def test_weights_in_halves_and_sparse_ones_become_plain(shared_data: Path, name: str) -> None:
    path = shared_data / "strangers" / f"{name}.tflite"
    graph = settled(path)
    assert not {"DEQUANTIZE", "DENSIFY"} & {op.kind for op in graph.ops}
    image = noise(*graph.input.shape)
    found, expected = answers(write_graph(graph), [image]), answers(path.read_bytes(), [image])
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-3 * float(np.abs(other).max()))


def test_random_numbers_stay_random(keras: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    function = tf.function(
        lambda x: x + tf.random.normal((1, 16)), input_signature=[tf.TensorSpec((1, 16))]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    path = tmp_path / "random.tflite"
    path.write_bytes(bytes(converter.convert()))
    assert "RANDOM_STANDARD_NORMAL" in {op.kind for op in settled(path).ops}

"""Dilated convolutions of three ops made one: the same answers, whatever the size and padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.importing.graphs.shapes import settle_shapes
from edgecnn.quantize.rewriting.dilations import join_dilations
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import read_graph, write_graph


def answer(graph: Graph, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    file = LoadedFile(write_graph(graph))
    file.run([image])
    return np.array(file.output(0))


@pytest.mark.parametrize("size", [(64, 48), (33, 47)])
def test_dilated_convolutions_become_one_op(
    tflite_models: dict[str, Path], size: tuple[int, int]
) -> None:
    graph = read_graph(tflite_models["open"].read_bytes())
    settle_shapes(graph, {graph.input: (1, *size, 3)})
    joined = graph.copy()
    join_dilations(joined)
    before = [op.kind for op in graph.ops]
    assert before.count("SPACE_TO_BATCH_ND") == 2
    assert [op.kind for op in joined.ops] == [
        *("CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED")
    ]
    image = np.random.default_rng(0).normal(0, 1, graph.input.shape).astype(np.float32)
    assert answer(joined, image) == pytest.approx(answer(graph, image), abs=1e-5)

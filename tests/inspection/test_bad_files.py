"""Files that are cut, lie or attack: one error each, or an answer, within bounded memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError

from .graphs import edited, repeated

MEMORY_BYTES = 200 << 20
HUGE = 2 << 30


def test_truncated_at_every_thousandth_byte(shared_data: Path, tmp_path: Path) -> None:
    name = "mobilenet_v1_0.25_224_quant_metadata.tflite"
    whole = (shared_data / "peers" / name).read_bytes()
    path = tmp_path / "cut.tflite"
    for length in range(0, len(whole), 1000):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            edgecnn.inspect(path)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: repeated(tensors=50_000), id="tensors"),
        pytest.param(lambda: repeated(operators=50_000), id="ops"),
        pytest.param(lambda: repeated(tensors=30_000, scales=100_000), id="scales"),
        pytest.param(lambda: repeated(tensors=30_000, name_bytes=500_000), id="names"),
        pytest.param(lambda: repeated(operators=30_000, reads=5_000), id="connections"),
    ],
)
def test_small_files_that_claim_much(content: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content())
    with pytest.raises(InputError, match="truncated or corrupt"):
        edgecnn.inspect(path)


def test_a_large_graph_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(repeated(tensors=5_000, operators=5_000))
    assert edgecnn.inspect(path).operators == {"ADD": {"float32": 5_000}}


def set_scale(value: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[1].quantization.scale = [value]

    return change


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -1.0])
def test_scales_that_are_no_numbers(scale: float, colour_model: Any, tmp_path: Path) -> None:
    path = edited(colour_model(tmp_path / "model.tflite", dtype="uint8"), set_scale(scale))
    found = edgecnn.inspect(path)
    assert "broken_scales" in [oddity.kind for oddity in found.oddities]
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("points", [None, [], [3, 4]])
def test_other_numbers_of_zero_points_than_of_scales(
    points: list[int] | None, colour_model: Any, tmp_path: Path
) -> None:
    """No runtime takes such a file."""

    def change(model: Any) -> None:
        model.subgraphs[0].tensors[1].quantization.zeroPoint = points

    path = edited(colour_model(tmp_path / "model.tflite", dtype="uint8"), change)
    with pytest.raises(InputError, match="truncated or corrupt"):
        edgecnn.inspect(path)


def reads_itself(model: Any) -> None:
    for op in model.subgraphs[0].operators:
        op.inputs = np.array([op.outputs[0], *op.inputs[1:]], np.int32)


def read_each_other(model: Any) -> None:
    first, second = model.subgraphs[0].operators
    first.inputs = np.array(second.outputs, np.int32)


@pytest.mark.parametrize("change", [reads_itself, read_each_other])
def test_cycles(change: Callable[[Any], None], colour_model: Any, tmp_path: Path) -> None:
    found = edgecnn.inspect(edited(colour_model(tmp_path / "model.tflite"), change))
    assert "unmade_tensors" in [oddity.kind for oddity in found.oddities]


def endless_text(model: Any) -> None:
    model.description = "x" * (2 << 20)


def huge_shapes(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.shape = [2**31 - 1] * 8


def negative_shapes(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = [1, -4, 4, 3]


def missing_tensor(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs = [1000]


def no_ends(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = [], []
    for op in graph.operators:
        op.inputs, op.outputs = [], []


def no_subgraph(model: Any) -> None:
    model.subgraphs = []


@pytest.mark.parametrize("change", [huge_shapes, no_ends])
def test_absurd_but_readable(
    change: Callable[[Any], None], colour_model: Any, tmp_path: Path
) -> None:
    found = edgecnn.inspect(edited(colour_model(tmp_path / "model.tflite"), change))
    json.dumps(found.to_dict(), allow_nan=False)
    assert not found.is_drop_in


@pytest.mark.parametrize("change", [negative_shapes, missing_tensor, no_subgraph, endless_text])
def test_contradictory(change: Callable[[Any], None], colour_model: Any, tmp_path: Path) -> None:
    path = edited(colour_model(tmp_path / "model.tflite"), change)
    with pytest.raises(InputError, match="truncated or corrupt"):
        edgecnn.inspect(path)


def sparse(path: Path, head: bytes) -> Path:
    path.write_bytes(head)
    os.truncate(path, HUGE)
    return path


@pytest.mark.parametrize(
    ("head", "says"),
    [
        pytest.param(b"", "is not a .tflite file", id="no header"),
        pytest.param(b"\x20\0\0\0TFL3", "is truncated or corrupt", id="with header"),
        pytest.param(b"\0\0\0\0TFL3", "is truncated or corrupt", id="root at 0"),
    ],
)
def test_two_gigabytes_of_zeros(
    head: bytes, says: str, measure_edgecnn: Any, tmp_path: Path
) -> None:
    path = sparse(tmp_path / "zeros.tflite", head)
    done = measure_edgecnn("inspect", path)
    (line,) = done.errors
    assert done.returncode == 2
    assert line.startswith("edgecnn: ") and says in line
    assert done.peak_bytes < MEMORY_BYTES

"""The estimate of activations' memory, against the runtime's own plan and against arithmetic."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from edgecnn.tflite.memory import activation_bytes, tensor_bytes, widened_bytes
from edgecnn.tflite.reading import TfliteModel, read_model
from edgecnn.tflite.structure import Operator
from tests.inspection.graphs import tensor


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v1_0.25_224_float.tflite",
        "mobilenet_v1_0.25_224_quant_metadata.tflite",
        "mobilenet_v2_1.0_224_quant.tflite",
        "tf2_mobilenet_v2_1.0_224_ptq.tflite",
    ],
)
def test_the_runtime_places_tensors_in_as_much(shared_data: Path, name: str) -> None:
    path = shared_data / "peers" / name
    model = read_model(path)
    assert activation_bytes(model) == arena_of_the_runtime(path, model)


def arena_of_the_runtime(path: Path, model: TfliteModel) -> int:
    """Span of the addresses of all activations; the reference kernels have no memory besides."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    made = {out.index for op in model.operators for out in op.outputs}
    arrays = [interpreter.tensor(i)() for i in made | {t.index for t in model.inputs}]
    starts = [array.__array_interface__["data"][0] for array in arrays]
    ends = [start + array.nbytes for start, array in zip(starts, arrays, strict=True)]
    return int(max(ends) - min(starts))


def test_three_tensors_by_hand(colour_model: Any, tmp_path: Path) -> None:
    model = read_model(colour_model(tmp_path / "model.tflite"))
    # The image has 4x4x3 floats, 192 bytes, and stays. Behind it the three means, 12 bytes at 192;
    # while they are read the three scores are made: they begin at 256, the next multiple of 64.
    assert activation_bytes(model) == 256 + 12


def test_a_chain_needs_two_tensors_at_a_time() -> None:
    # 64 floats each; the first stays, and of the others two live at once.
    chain = [tensor(i, str(i), (1, 4, 4, 4), "float32") for i in range(6)]
    steps = itertools.pairwise(chain)
    operators = tuple(Operator("RELU", (read,), (made,)) for read, made in steps)
    model = TfliteModel(operators, (chain[0],), (chain[-1],), {}, 1)
    assert activation_bytes(model) == 3 * 256


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float32", 60), ("int8", 15), ("int4", 8), ("string", 0)]
)
def test_bytes_of_a_tensor(dtype: str, expected: int) -> None:
    assert tensor_bytes(tensor(0, "t", (3, 5), dtype)) == expected


def test_float16_weights_are_widened() -> None:
    kept = tensor(0, "kernel half", (8, 4), "float16", constant_bytes=64)
    kernel = tensor(1, "kernel", (8, 4), "float32")
    widen = Operator("DEQUANTIZE", (kept,), (kernel,))
    model = TfliteModel((widen,), (), (), {}, 1)
    assert widened_bytes(model) == 8 * 4 * 4
    assert activation_bytes(model) == 0


def test_a_graph_that_is_too_large_is_not_planned() -> None:
    tensors = [tensor(i, str(i)) for i in range(5000)]
    operators = tuple(Operator("RELU", (tensors[0],), (made,)) for made in tensors[1:])
    assert activation_bytes(TfliteModel(operators, (tensors[0],), (), {}, 1)) is None

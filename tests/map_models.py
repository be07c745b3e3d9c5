"""``.tflite`` files whose output says what its input is, written without TensorFlow.

The only op is one that keeps shapes, so that each answer follows from the input by arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_passing_model(
    path: Path, shape: Sequence[int], *, kind: str | None = None, inputs: int = 1
) -> Path:
    """Write a file whose outputs are its inputs, through RELU: values from 0 on stay as they are.

    Args:
        path: Where to write it.
        shape: Shape of each input and output, with the batch.
        kind: What the file says that its outputs are; None says nothing.
        inputs: Number of inputs, ``in0`` and so on, and of outputs, ``out0`` and so on.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators = [], []
    graph.inputs, graph.outputs = list(range(inputs)), list(range(inputs, 2 * inputs))
    for name in (*(f"in{n}" for n in range(inputs)), *(f"out{n}" for n in range(inputs))):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    for number in range(inputs):
        operator = schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs, operator.outputs = [number], [inputs + number]
        graph.operators.append(operator)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    code.version = 1
    model.operatorCodes = [code]
    empty, said = schema.BufferT(), schema.BufferT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [empty]
    if kind is not None:
        entries = [{"name": f"out{number}", "kind": kind} for number in range(inputs)]
        said.data = list(json.dumps({"outputs": entries}).encode())
        entry: Any = schema.MetadataT()
        entry.name, entry.buffer = "edgecnn", 1
        model.buffers.append(said)
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path

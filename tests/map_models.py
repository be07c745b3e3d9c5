"""``.tflite`` files whose output says what its input is, written without TensorFlow.

The only op is one that keeps shapes, so that each answer follows from the input by arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_passing_model(
    path: Path,
    shape: Sequence[int],
    *,
    kind: str | Sequence[str] | None = None,
    inputs: int = 1,
    outputs: int | None = None,
) -> Path:
    """Write a file whose outputs are its inputs, through RELU: values from 0 on stay as they are.

    Args:
        path: Where to write it.
        shape: Shape of each input and output, with the batch.
        kind: What the file says that its outputs, or each of them, are; None says nothing.
        inputs: Number of inputs, ``in0`` and so on.
        outputs: Number of outputs, ``out0`` and so on, of which the inputs give one after the
            other; None for as many as there are inputs.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators = [], []
    count = inputs if outputs is None else outputs
    graph.inputs, graph.outputs = list(range(inputs)), list(range(inputs, inputs + count))
    for name in (*(f"in{n}" for n in range(inputs)), *(f"out{n}" for n in range(count))):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    for number in range(count):
        operator = schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs, operator.outputs = [number % inputs], [inputs + number]
        graph.operators.append(operator)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    code.version = 1
    model.operatorCodes = [code]
    empty, said = schema.BufferT(), schema.BufferT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [empty]
    if kind is not None:
        kinds = [kind] * count if isinstance(kind, str) else kind
        entries = [{"name": f"out{number}", "kind": each} for number, each in enumerate(kinds)]
        said.data = list(json.dumps({"outputs": entries}).encode())
        entry: Any = schema.MetadataT()
        entry.name, entry.buffer = "edgecnn", 1
        model.buffers.append(said)
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path

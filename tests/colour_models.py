"""``.tflite`` files whose answers follow from their definition, written without TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def write_colour_model(
    path: Path,
    *,
    outputs: int = 3,
    first_class: int = 0,
    dtype: str = "float32",
    metadata: dict[str, object] | None = None,
) -> Path:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors = [
        _tensor(schema, "image", [1, 4, 4, 3], dtype),
        _tensor(schema, "mean", [1, 1, 1, 3], dtype),
    ]
    graph.operators = [_operator(schema, 0, [0], 1, _pool_4x4(schema))]
    graph.inputs, graph.outputs = [0], [1]
    model.version, model.subgraphs, model.buffers = 3, [graph], [_buffer(schema, b"")]
    model.operatorCodes = [_code(schema, schema.BuiltinOperator.AVERAGE_POOL_2D, 2)]
    if dtype == "float32":
        _add_dense(schema, model, outputs, first_class)
    if metadata is not None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = "edgecnn", len(model.buffers)
        model.buffers.append(_buffer(schema, json.dumps(metadata).encode()))
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _add_dense(schema: Any, model: Any, outputs: int, first_class: int) -> None:
    classes = slice(first_class, first_class + 3)
    weights = np.zeros((outputs, 3), np.float32)
    weights[classes] = np.eye(3)
    bias = np.full(outputs, -1000, np.float32)
    bias[classes] = 0
    model.buffers += [_buffer(schema, weights.tobytes()), _buffer(schema, bias.tobytes())]
    graph = model.subgraphs[0]
    graph.tensors += [
        _tensor(schema, "weights", [outputs, 3], "float32", 1),
        _tensor(schema, "bias", [outputs], "float32", 2),
        _tensor(schema, "scores", [1, outputs], "float32"),
    ]
    graph.operators.append(_operator(schema, 1, [1, 2, 3], 4, schema.FullyConnectedOptionsT()))
    graph.outputs = [4]
    model.operatorCodes.append(_code(schema, schema.BuiltinOperator.FULLY_CONNECTED, 1))


def _tensor(schema: Any, name: str, shape: list[int], dtype: str, buffer: int = 0) -> Any:
    made = schema.TensorT()
    made.name, made.shape, made.buffer = name, shape, buffer
    made.type = getattr(schema.TensorType, dtype.upper())
    if dtype != "float32":
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = [1.0]
        made.quantization.zeroPoint = [0]
    return made


def _operator(schema: Any, code: int, inputs: list[int], output: int, options: Any) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = code, inputs, [output]
    name = type(options).__name__.removesuffix("T")
    made.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    made.builtinOptions = options
    return made


def _pool_4x4(schema: Any) -> Any:
    made = schema.Pool2DOptionsT()
    made.padding = schema.Padding.VALID
    made.strideW = made.strideH = made.filterWidth = made.filterHeight = 4
    return made


def _code(schema: Any, builtin: int, version: int) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = made.deprecatedBuiltinCode = builtin
    made.version = version
    return made


def _buffer(schema: Any, content: bytes) -> Any:
    made = schema.BufferT()
    made.data = np.frombuffer(content, np.uint8) if content else None
    return made

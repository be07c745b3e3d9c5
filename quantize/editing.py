"""Changing a ``.tflite`` file's bytes: outputs, activation ranges, metadata.

Works on the public schema's object form; the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def _unpack(content: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def _pack(model: Any, size_hint: int) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(size_hint + 65536)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def expose_all_tensors(content: bytes) -> tuple[bytes, list[int]]:
    """Return a copy of a model in which every op's result is an output, and their indices."""
    model = _unpack(content)
    graph = model.subgraphs[0]
    indices = [int(index) for op in graph.operators for index in op.outputs]
    graph.outputs = np.array(indices, np.int32)
    return _pack(model, len(content)), indices


def with_ranges(content: bytes, ranges: Mapping[int, tuple[float, float]]) -> bytes:
    """Return a copy of a float model whose tensors carry calibrated ranges.

    Args:
        content: A float32 ``.tflite`` file's bytes.
        ranges: Tensor index -> (least, greatest) value.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = _unpack(content)
    for index, (low, high) in ranges.items():
        quantization = schema.QuantizationParametersT()
        quantization.min, quantization.max = [low], [high]
        model.subgraphs[0].tensors[index].quantization = quantization
    return _pack(model, len(content))


def with_metadata(content: bytes, name: str, value: bytes) -> bytes:
    """Return a copy of a model with a metadata buffer set (replaced if it is there already)."""
    from ai_edge_litert import schema_py_generated as schema

    model = _unpack(content)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(value, np.uint8)
    for entry in model.metadata or []:
        if entry.name in (name, name.encode()):
            model.buffers[entry.buffer] = buffer
            return _pack(model, len(content) + len(value))
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return _pack(model, len(content) + len(value))

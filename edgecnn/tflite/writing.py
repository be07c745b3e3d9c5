"""The bytes of a ``.tflite`` file, and its metadata buffers.

Works on the public schema's object form; the same input gives the same bytes. Equal parts are
written once.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.tflite.mapping import TFLITE_IDENTIFIER

BUFFER_ALIGNMENT = 16
"""Bytes; what the schema demands of the values of constant tensors."""


def unpack(content: bytes | mmap.mmap) -> Any:
    """Return a model in the schema's object form, with all its weights in it."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    for buffer in model.buffers:
        # Some writers put weights behind the flatbuffer; an offset of 0 or 1 stands for none.
        if buffer.offset > 1:
            data = content[buffer.offset : buffer.offset + buffer.size]
            buffer.data, buffer.offset, buffer.size = np.frombuffer(data, np.uint8), 0, 0
    return model


def pack(model: Any, size_hint: int) -> bytes:
    """Return the bytes of a model in object form; ``size_hint`` is about how many they are."""
    builder = _compact_builder(size_hint + 65536)
    builder.Finish(model.Pack(builder), TFLITE_IDENTIFIER)
    return bytes(builder.Output())


def _compact_builder(size: int) -> Any:
    """Return a builder that writes equal vectors once, and tensors' values where they belong.

    Each channel of a quantised weight has a zero point of eight bytes, which is 0: about a
    twentieth of a mobile network's file. The format lets tables share a vector. It also wants the
    values of tensors aligned, which the plain builder does not do.
    """
    import flatbuffers

    class CompactBuilder(flatbuffers.Builder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(size)
            self._written: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: np.ndarray[Any, Any]) -> int:
            key = (x.dtype.str, hashlib.sha256(x.tobytes()).digest())
            if key not in self._written:
                if x.dtype == np.uint8:
                    self.Prep(BUFFER_ALIGNMENT, x.nbytes)
                self._written[key] = int(super().CreateNumpyVector(x))
            return self._written[key]

    return CompactBuilder()


def with_buffers(content: bytes | mmap.mmap, buffers: Mapping[str, bytes | None]) -> bytes:
    """Return a copy of a model with named metadata buffers set; what was packed behind it is gone.

    Args:
        content: A ``.tflite`` file as bytes or an mmap.
        buffers: Name -> content, or None to take the buffer out; those not named stay.
    """
    model = unpack(content)
    for name, value in buffers.items():
        if value is None:
            _take_out(model, name)
        else:
            _put_in(model, name, np.frombuffer(value, np.uint8))
    # Much may lie behind a model that is none of it.
    held = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    return pack(model, min(held, len(content)))


def _put_in(model: Any, name: str, data: np.ndarray[Any, Any]) -> None:
    from ai_edge_litert import schema_py_generated as schema

    entry = next(iter(_entries(model, name)), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, -1
        model.metadata = [*(model.metadata or []), entry]
    if entry.buffer < 0 or _users(model, entry.buffer) > 1:
        entry.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
    model.buffers[entry.buffer].data = data


def _take_out(model: Any, name: str) -> None:
    for entry in _entries(model, name):
        model.metadata.remove(entry)
        if not _users(model, entry.buffer):
            model.buffers[entry.buffer].data = None
            if entry.buffer == len(model.buffers) - 1:
                model.buffers.pop()


def _entries(model: Any, name: str) -> list[Any]:
    return [entry for entry in model.metadata or [] if entry.name in (name, name.encode())]


def _users(model: Any, buffer: int) -> int:
    """Count what has a buffer's content; buffer 0 is everybody's and empty."""
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    return sum(owner.buffer == buffer for owner in (*tensors, *model.metadata))

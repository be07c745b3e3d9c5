"""The bytes of a ``.tflite`` file, and its metadata buffers.

Models are in the public schema's object form. The same model gives the same bytes, and equal parts
are written once.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.tflite.mapping import TFLITE_IDENTIFIER

OFFSET_BYTES = 4
"""Bytes of an offset in a flatbuffer."""
BUFFER_ALIGNMENT = 16
"""Multiple of bytes at which the schema wants the values of constant tensors to begin."""


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
    """Return the bytes of a model in object form; ``size_hint`` is their number, about."""
    builder = _compact_builder(size_hint + 65536)
    builder.Finish(model.Pack(builder), TFLITE_IDENTIFIER)
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _compact_builder(size: int) -> Any:
    """Return a builder that writes equal vectors once, and aligns the values of tensors.

    Each channel of a quantised weight has a zero point of eight bytes, which is 0: about a
    twentieth of a mobile network's file. The format lets tables share a vector. It also wants the
    values of tensors aligned, which the plain builder does not do.
    """
    import flatbuffers

    class CompactBuilder(flatbuffers.Builder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(size)
            self.minalign: int = 1
            self._written: dict[Any, list[tuple[np.ndarray[Any, Any], int]]] = {}

        def CreateNumpyVector(self, x: np.ndarray[Any, Any]) -> int:
            # Hardly any two vectors begin alike, so whole ones are seldom compared.
            alike = self._written.setdefault((x.dtype.str, x.size, x[:16].tobytes()), [])
            for vector, place in alike:
                if np.array_equal(vector.view(np.uint8), x.view(np.uint8)):
                    return place
            is_bytes = x.dtype == np.uint8
            place = self._bytes_vector(x) if is_bytes else int(super().CreateNumpyVector(x))
            alike.append((x, place))
            return place

        # What follows does what the plain builder does, which checks each number before the
        # numbers are packed, where they are checked again: most of the time of small files.

        def Prep(self, size: int, additionalBytes: int) -> None:
            head = self.head
            padding = (head - len(self.Bytes) - additionalBytes) & (size - 1)
            if head < padding + size + additionalBytes:
                super().Prep(size, additionalBytes)  # The buffer has to grow.
                return
            self.minalign = max(self.minalign, size)
            self.Pad(padding)

        def Place(self, x: Any, flags: Any) -> None:
            self.head -= flags.bytewidth
            flags.packer_type.pack_into(self.Bytes, self.head, x)

        def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:
            if x != d:
                self.Prepend(flags, x)
                self.Slot(o)

        def PrependUOffsetTRelative(self, off: int) -> None:
            self.Prep(OFFSET_BYTES, 0)
            self.PlaceUOffsetT(len(self.Bytes) - self.head - off + OFFSET_BYTES)

        def PlaceUOffsetT(self, x: int) -> None:
            self.head -= OFFSET_BYTES
            self.Bytes[self.head : self.head + OFFSET_BYTES] = x.to_bytes(OFFSET_BYTES, "little")

        def Slot(self, slotnum: int) -> None:
            self.current_vtable[slotnum] = len(self.Bytes) - self.head

        def _bytes_vector(self, x: np.ndarray[Any, Any]) -> int:
            # The plain builder copies all bytes twice before it writes them.
            self.Prep(BUFFER_ALIGNMENT, x.nbytes)
            self.StartVector(1, x.size, 1)
            self.head -= x.size
            self.Bytes[self.head : self.head + x.size] = np.ascontiguousarray(x).data
            return int(self.EndVector())

    return CompactBuilder()


def with_metadata_buffers(content: bytes | mmap.mmap, buffers: Mapping[str, bytes | None]) -> bytes:
    """Return a copy of a file with named metadata buffers set, without files packed behind it.

    Args:
        content: A ``.tflite`` file as bytes or an mmap.
        buffers: Name of a buffer -> its content, or None to take the buffer out; others stay.
    """
    model = unpack(content)
    for name, value in buffers.items():
        if value is None:
            _take_out(model, name)
        else:
            _put_in(model, name, np.frombuffer(value, np.uint8))
    # Packed files behind a model may be larger than the model itself.
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
    """Count the tensors and metadata entries that have a buffer; all may have buffer 0."""
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    return sum(owner.buffer == buffer for owner in (*tensors, *model.metadata))

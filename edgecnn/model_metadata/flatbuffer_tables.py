"""Reading and writing flatbuffers by the tables of ``schema.py``, as plain dictionaries.

The reader is for files that nobody vouches for: every offset is checked, and what it makes of a
file is bounded however often parts of it are shared.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from edgecnn.model_metadata.schema import SCALARS, TABLES, UNIONS

MAX_ITEMS = 200_000
"""Most tables, numbers and kilobytes of text that are read: some 100 times what files have."""

Tree = dict[str, Any]
"""Field -> value: text, number, bytes, tuple or another Tree; (table, Tree) for a union."""


class Reader:
    """Reads one flatbuffer; ValueError where it leads outside of itself, or never ends.

    Args:
        content: The flatbuffer as bytes or as an mmap; only what is asked for is read.

    Example:
        >>> reader = Reader(metadata)
        >>> reader.decode("ModelMetadata", reader.root())["name"]
        'MobileNet'
    """

    def __init__(self, content: Any) -> None:
        self._content = content
        self._left = MAX_ITEMS

    def number(self, letter: str, position: int) -> Any:
        """Return the number at a position; ``letter`` is its type in ``struct``."""
        # A negative position would count from the end.
        if position < 0:
            raise ValueError("an offset leads outside of the file")
        try:
            return struct.unpack_from(f"<{letter}", self._content, position)[0]
        except struct.error:
            raise ValueError("an offset leads outside of the file") from None

    def follow(self, position: int) -> int:
        """Return where the offset at a position leads."""
        return position + int(self.number("I", position))

    def root(self) -> int:
        """Return the position of the root table."""
        return self.follow(0)

    def field(self, table: int, slot: int) -> int | None:
        """Return the position of a table's field; None where the table lacks it."""
        vtable = table - int(self.number("i", table))
        if 4 + 2 * slot >= self.number("H", vtable):
            return None
        offset = int(self.number("H", vtable + 4 + 2 * slot))
        return table + offset if offset else None

    def vector(self, position: int) -> tuple[int, int]:
        """Return the position of a vector's first element, and the number of elements."""
        start = self.follow(position)
        return start + 4, int(self.number("I", start))

    def data(self, position: int) -> bytes:
        """Return the bytes of a ``[ubyte]`` or a string."""
        start, length = self.vector(position)
        if start + length > len(self._content):
            raise ValueError("a vector leads outside of the file")
        self._spend(1 + length // 1024)
        return bytes(self._content[start : start + length])

    def text(self, position: int) -> str:
        """Return a string, with U+FFFD for what is no UTF-8."""
        return self.data(position).decode("utf-8", errors="replace")

    def decode(self, name: str, table: int) -> Tree:
        """Return the fields that a table has.

        Args:
            name: The table's type, of ``TABLES``.
            table: Position of the table.
        """
        self._spend(1)
        tree: Tree = {}
        slot = 0
        for field, kind in TABLES[name]:
            value = self._value(kind, table, slot)
            if value is not None:
                tree[field] = value
            slot += _slots(kind)
        return tree

    def _value(self, kind: str, table: int, slot: int) -> Any:
        if kind.startswith("union "):
            return self._union(UNIONS[kind.removeprefix("union ")], table, slot)
        position = self.field(table, slot)
        if position is None:
            return None
        if kind in SCALARS:
            return self.number(SCALARS[kind], position)
        if kind == "string":
            return self.text(position)
        if kind == "[ubyte]":
            return self.data(position)
        if kind.startswith("["):
            return self._elements(kind[1:-1], *self.vector(position))
        return self.decode(kind, self.follow(position))

    def _union(self, members: tuple[str, ...], table: int, slot: int) -> tuple[str, Tree] | None:
        chosen, position = self.field(table, slot), self.field(table, slot + 1)
        number = 0 if chosen is None else int(self.number("B", chosen))
        # 0 is none of them; one past the end is of a later version of the schema.
        if position is None or not 1 <= number <= len(members):
            return None
        name = members[number - 1]
        return name, self.decode(name, self.follow(position))

    def _elements(self, kind: str, start: int, length: int) -> tuple[Any, ...]:
        self._spend(length)
        places = range(start, start + 4 * length, 4)
        if kind in SCALARS:
            return tuple(self.number(SCALARS[kind], place) for place in places)
        if kind == "string":
            return tuple(self.text(place) for place in places)
        return tuple(self.decode(kind, self.follow(place)) for place in places)

    def _spend(self, items: int) -> None:
        self._left -= items
        if self._left < 0:
            raise ValueError("it has more entries than any real file")


def encode(name: str, tree: Mapping[str, Any], identifier: bytes) -> bytes:
    """Return the flatbuffer of a tree; the same tree gives the same bytes.

    Args:
        name: The root table's type, of ``TABLES``.
        tree: Fields of the root table, as :meth:`Reader.decode` returns them.
        identifier: Four bytes that name the format.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_write_table(builder, name, tree), identifier)
    return bytes(builder.Output())


def _write_table(builder: Any, name: str, tree: Mapping[str, Any]) -> int:
    """Write what the table refers to, then the table, as the format demands."""
    written: list[tuple[int, str, Any]] = []
    slot = 0
    for field, kind in TABLES[name]:
        value = tree.get(field)
        if value is not None:
            written += _write_value(builder, slot, kind, value)
        slot += _slots(kind)
    builder.StartObject(slot)
    for place, kind, value in written:
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(place, value, 0)
        else:
            getattr(builder, f"Prepend{_BUILDER_NAMES[kind]}Slot")(place, value, 0)
    return int(builder.EndObject())


_BUILDER_NAMES = {
    "byte": "Int8",
    "ubyte": "Uint8",
    "int": "Int32",
    "uint": "Uint32",
    "float": "Float32",
}


def _write_value(builder: Any, slot: int, kind: str, value: Any) -> list[tuple[int, str, Any]]:
    if kind.startswith("union "):
        name, tree = value
        number = UNIONS[kind.removeprefix("union ")].index(name) + 1
        return [(slot, "ubyte", number), (slot + 1, "offset", _write_table(builder, name, tree))]
    if kind in SCALARS:
        return [(slot, kind, value)]
    return [(slot, "offset", _write_reference(builder, kind, value))]


def _write_reference(builder: Any, kind: str, value: Any) -> int:
    if kind == "string":
        # The name of a file may hold bytes that are no UTF-8.
        return int(builder.CreateString(value, "utf-8", "replace"))
    if kind == "[ubyte]":
        return int(builder.CreateByteVector(value))
    if not kind.startswith("["):
        return _write_table(builder, kind, value)
    element = kind[1:-1]
    if element in SCALARS:
        prepend = getattr(builder, f"Prepend{_BUILDER_NAMES[element]}")
        elements = value
    else:
        prepend = builder.PrependUOffsetTRelative
        elements = [_write_reference(builder, element, each) for each in value]
    builder.StartVector(4, len(elements), 4)
    for each in reversed(elements):
        prepend(each)
    return int(builder.EndVector())


def _slots(kind: str) -> int:
    return 2 if kind.startswith("union ") else 1

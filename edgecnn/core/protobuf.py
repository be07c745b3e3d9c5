"""The wire format of protocol buffers, read without their schema's package.

A message is a list of fields, each a number and a value: a whole number, or bytes that may be a
text, packed numbers or another message. Nothing is copied before a caller asks for it, so a message
of gigabytes can be looked into. What a length claims is compared with what is there.

The encoding is described at https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_BYTES = {FIXED64: 8, FIXED32: 4}

MAX_VARINT_BYTES = 10
"""Bytes of the longest whole number, which has 64 bits, seven in each byte."""

Value = int | memoryview
"""A whole number; or bytes, also those of a number of fixed length."""


class ProtobufError(ValueError):
    """Bytes are no message: a value is longer than what holds it, or of an unknown kind."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message.

    Args:
        message: Bytes of the message.

    Raises:
        ProtobufError: The bytes are no message.

    Example:
        >>> list(fields(memoryview(b"\\x08\\x96\\x01")))
        [(1, 150)]
    """
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        kind, length = key & 7, 0
        if kind == VARINT:
            number, place = _varint(message, place)
            yield key >> 3, number
            continue
        if kind == BYTES:
            length, place = _varint(message, place)
        elif kind in FIXED_BYTES:
            length = FIXED_BYTES[kind]
        else:
            raise ProtobufError(f"a field of kind {kind}")
        if length > end - place:
            raise ProtobufError(f"a field of {length} bytes where {end - place} are left")
        yield key >> 3, message[place : place + length]
        place += length


def nested(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the messages, texts and other bytes in the fields of one number."""
    for found, value in fields(message):
        if found == number and isinstance(value, memoryview):
            yield value


def text(message: memoryview, number: int) -> str:
    """Return the text in the last field of a number; an empty one where there is none."""
    found = b""
    for value in nested(message, number):
        found = bytes(value)
    return found.decode(errors="replace")


def whole_number(message: memoryview, number: int) -> int | None:
    """Return the whole number in the last field of a number, with its sign; None without one."""
    found = None
    for at, value in fields(message):
        if at == number and isinstance(value, int):
            found = _signed(value)
    return found


def whole_numbers(message: memoryview, number: int) -> list[int]:
    """Return the whole numbers in the fields of a number, which may be packed into one field."""
    found: list[int] = []
    for at, value in fields(message):
        if at != number:
            continue
        if isinstance(value, int):
            found.append(_signed(value))
            continue
        place = 0
        while place < len(value):
            each, place = _varint(value, place)
            found.append(_signed(each))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a whole number, and where what follows it begins."""
    number = 0
    for count in range(min(MAX_VARINT_BYTES, len(message) - place)):
        byte = message[place + count]
        number |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return number & ((1 << 64) - 1), place + count + 1
    raise ProtobufError("a whole number without an end")

"""Damage to ``.tflite`` files and their metadata that leaves the flatbuffer in order."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import numpy as np

from edgecnn.tflite.writing import pack, unpack

from .byte_mutators import mutated_bytes
from .numbers import FLOATS, INTEGERS, TEXTS

MOST_VALUES = 8
"""Of a long vector only the first values are changed."""


def mutated_tflite(content: bytes, random: Random) -> bytes:
    """Return a file with damaged bytes, other offsets, or wrong values in its tables."""
    kind = random.randrange(4)
    if kind == 0:
        return mutated_bytes(content, random)
    return mutated_words(content, random) if kind == 1 else _with_wrong_values(content, random)


def mutated_words(content: bytes, random: Random) -> bytes:
    """Return a flatbuffer with other offsets, lengths or sizes: its 32-bit and 16-bit words."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        size, letter = random.choice(((4, "I"), (4, "I"), (2, "H")))
        at = random.randrange(max(1, len(data) - size)) // size * size
        if at + size > len(data):
            continue
        (old,) = struct.unpack_from(f"<{letter}", data, at)
        other = random.randrange(max(1, len(data) - 4)) // 4 * 4
        new = random.choice((*INTEGERS, old + 4, old - 4, old * 2, old + 1, other - at, other))
        struct.pack_into(f"<{letter}", data, at, new % (1 << (8 * size)))
    return bytes(data)


def _with_wrong_values(content: bytes, random: Random) -> bytes:
    model = unpack(content)
    for _ in range(random.choice((1, 1, 2, 3))):
        owner, name = random.choice(_fields(model))
        setattr(owner, name, _changed(getattr(owner, name), model, random))
    try:
        return pack(model, len(content))
    except Exception:  # the schema's own writer refuses most values of a wrong type
        return mutated_words(content, random)


def _fields(table: Any) -> list[tuple[Any, str]]:
    """List the fields of a table and of all tables in it."""
    found = []
    for name, value in vars(table).items():
        found.append((table, name))
        for each in value[:MOST_VALUES] if isinstance(value, list) else [value]:
            if hasattr(each, "Pack"):
                found += _fields(each)
    return found


def _changed(value: Any, model: Any, random: Random) -> Any:
    if hasattr(value, "Pack"):
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((value + 1, value - 1, *INTEGERS))
    if isinstance(value, float):
        return random.choice(FLOATS)
    if isinstance(value, bytes | str):
        return random.choice(TEXTS).encode(errors="surrogatepass")
    if isinstance(value, list | np.ndarray) and len(value):
        return _changed_vector(value, random)
    return random.choice((np.array([0, -1, 2**31 - 1], np.int32), [], None))


def _changed_vector(value: Any, random: Random) -> Any:
    kind, place = random.randrange(5), random.randrange(min(len(value), MOST_VALUES))
    if kind == 0:
        return value[:0]
    if kind == 1:
        return value[:-1]
    if isinstance(value, np.ndarray):
        changed = value.copy()
        numbers = FLOATS if changed.dtype.kind == "f" else INTEGERS
        chosen = random.choice(numbers)
        with np.errstate(all="ignore"):
            if changed.dtype.kind == "f":
                changed[place] = chosen
            else:
                bits = 8 * changed.dtype.itemsize
                changed[place] = np.array(chosen % (1 << bits), f"u{bits // 8}").view(changed.dtype)
        return changed if kind < 4 else np.concatenate([changed, changed])
    if kind == 2:
        return [*value, value[place]]
    if kind == 3 and isinstance(value[place], int | float):
        numbers = INTEGERS if isinstance(value[place], int) else FLOATS
        return [*value[:place], random.choice(numbers), *value[place + 1 :]]
    other = random.randrange(len(value))
    swapped = list(value)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    return swapped

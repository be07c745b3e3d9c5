"""Damage to bytes that knows nothing of their format."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from .numbers import FLOATS, INTEGERS

END_BYTES = 512
"""Headers stand within so many bytes of the start or the end of most files."""
LONGEST_PART = 256


def mutated_bytes(content: bytes, random: Random) -> bytes:
    """Return the content with one to eight kinds of damage."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
        random.choice(DAMAGES)(data, random)
    return bytes(data)


def place_in(data: bytearray, random: Random) -> int:
    """Return a place, as often near an end as anywhere else."""
    if not data:
        return 0
    near = min(END_BYTES, len(data))
    places = (
        random.randrange(near), len(data) - 1 - random.randrange(near), random.randrange(len(data))
    )  # fmt: skip
    return random.choice(places)


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[place_in(data, random)] ^= 1 << random.randrange(8)


def _set(data: bytearray, random: Random) -> None:
    if data:
        data[place_in(data, random)] = random.choice((0, 1, 4, 0x0A, 0x22, 0x7F, 0x80, 0xFF))


def _cut(data: bytearray, random: Random) -> None:
    del data[place_in(data, random) :]


def _take_out(data: bytearray, random: Random) -> None:
    start = place_in(data, random)
    del data[start : start + random.randint(1, LONGEST_PART)]


def _insert(data: bytearray, random: Random) -> None:
    start = place_in(data, random)
    data[start:start] = random.randbytes(random.randint(1, 16))


def _repeat(data: bytearray, random: Random) -> None:
    start = place_in(data, random)
    part = data[start : start + random.randint(1, LONGEST_PART)]
    at = random.choice((start, place_in(data, random)))
    data[at:at] = part * random.choice((1, 1, 2, 50))


def _copy_over(data: bytearray, random: Random) -> None:
    start, at = place_in(data, random), place_in(data, random)
    part = data[start : start + random.choice((2, 4, 8, 64))]
    data[at : at + len(part)] = part


def _number(data: bytearray, random: Random) -> None:
    """Put a number at the end of its type in the place of another one."""
    form = random.choice(("<H", "<I", "<Q", "<I", ">H", ">I", "<f", "<d"))
    size = struct.calcsize(form)
    at = place_in(data, random)
    at -= at % random.choice((1, size))
    if form[1] in "fd":
        value = random.choice(FLOATS)
        part = struct.pack(form, value if form[1] == "d" or abs(value) < 1e38 else float("inf"))
    else:
        part = struct.pack(form, random.choice(INTEGERS) % (1 << (8 * size)))
    data[at : at + size] = part


DAMAGES: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip, _flip, _set, _set, _cut, _take_out, _insert, _repeat, _copy_over, _number, _number,
    _number,
)  # fmt: skip

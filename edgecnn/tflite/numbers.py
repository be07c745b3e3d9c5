"""Types of numbers that weights and activations are computed with, and their levels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Numbers:
    """A type of numbers.

    Args:
        name: Name of the type in the format: ``"float32"``, ``"int8"``.
        bits: Bits of one number.
        is_integer: Whether the numbers are integers, which have a scale.
    """

    name: str
    bits: int
    is_integer: bool

    @property
    def steps(self) -> int:
        """Steps from the least integer to the greatest: 255 of eight bits."""
        return (1 << self.bits) - 1

    @property
    def least(self) -> int:
        """The least of signed integers: -128 of eight bits."""
        return -(1 << (self.bits - 1))

    @property
    def largest(self) -> int:
        """The greatest of symmetric integers, whose zero point is 0: 127 of eight bits."""
        return (1 << (self.bits - 1)) - 1


FLOAT32 = Numbers("float32", 32, is_integer=False)
FLOAT16 = Numbers("float16", 16, is_integer=False)
INT8 = Numbers("int8", 8, is_integer=True)
INT16 = Numbers("int16", 16, is_integer=True)

NUMBERS = {
    numbers.name: numbers
    for numbers in (
        FLOAT32,
        FLOAT16,
        INT8,
        INT16,
        *(Numbers(f"int{bits}", bits, is_integer=True) for bits in (2, 4, 32, 64)),
        *(Numbers(f"uint{bits}", bits, is_integer=True) for bits in (4, 8, 16, 32, 64)),
        Numbers("bfloat16", 16, is_integer=False),
        Numbers("float64", 64, is_integer=False),
        Numbers("complex64", 64, is_integer=False),
        Numbers("complex128", 128, is_integer=False),
        Numbers("bool", 8, is_integer=False),
    )
}
"""Element type -> its numbers; strings and resources have no size of their own."""

STRINGS = "string"
"""Element type of text."""

_NO_NUMBERS = Numbers("none", 0, is_integer=False)


def numbers_of(dtype: str) -> Numbers:
    """Return the numbers of an element type; numbers of no bits for strings and resources.

    Example:
        >>> numbers_of("uint8").bits
        8
    """
    return NUMBERS.get(dtype, _NO_NUMBERS)

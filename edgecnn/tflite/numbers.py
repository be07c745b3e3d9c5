"""Types of numbers that weights and activations are computed with, and their levels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Numbers:
    """A type of numbers.

    Args:
        name: As the format has it: ``"float32"``, ``"int8"``.
        bits: Bits of one number.
        is_integer: Whether numbers are whole, and have a scale.
    """

    name: str
    bits: int
    is_integer: bool

    @property
    def steps(self) -> int:
        """Steps from the least integer to the greatest: 255 of eight bits."""
        return (1 << self.bits) - 1

    @property
    def largest(self) -> int:
        """The greatest of symmetric integers, whose zero is 0: 127 of eight bits."""
        return (1 << (self.bits - 1)) - 1


FLOAT32 = Numbers("float32", 32, is_integer=False)
FLOAT16 = Numbers("float16", 16, is_integer=False)
INT8 = Numbers("int8", 8, is_integer=True)
INT16 = Numbers("int16", 16, is_integer=True)

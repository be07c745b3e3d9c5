"""What limits an op: the device's arithmetic, the memory, the op's kernel, or the cost of a call.

The roofline model of Williams, Waterman and Patterson (2009),
https://doi.org/10.1145/1498765.1498785: an op takes at least as long as its multiply-adds take at
the device's best rate, and at least as long as its bytes take at the memory's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.profiling.profiled_ops import IN_FLOAT32, IN_INT8, ProfiledOp

COMPUTE, MEMORY, KERNEL, OVERHEAD = "compute", "memory", "kernel", "overhead"

NEAR_ROOF = 1 / 3
"""Share of the roofline's rate from which on an op is limited by the roofline."""

OVERHEAD_CALLS = 10
"""Empty calls in whose time an op's own time is mostly the runtime's overhead."""

CLEAR_GAIN = 1.3
"""Ratio of the rates of int8 and float32 convolutions from which on int8 is recommended."""


@dataclass(frozen=True)
class CopyRate:
    """How fast a device copies memory.

    Args:
        bytes: Bytes that are read and written, both counted.
        gbytes_per_s: 10^9 bytes a second, both those read and those written counted.
    """

    bytes: int
    gbytes_per_s: float


@dataclass(frozen=True)
class DeviceLimits:
    """The best rates that a device showed in the rounds of a profile.

    Args:
        float32_gmacs_per_s: 10^9 multiply-adds a second of a dense float32 convolution.
        int8_gmacs_per_s: 10^9 multiply-adds a second of a dense int8 convolution.
        copies: Rates of copies of several sizes, the smallest first.
        call_ms: Milliseconds of a call of the runtime that does nothing.
        int8_gain: Rate of the int8 convolution over that of the float32 one, the least of all
            rounds: what every round showed is no chance.
    """

    float32_gmacs_per_s: float
    int8_gmacs_per_s: float
    copies: tuple[CopyRate, ...]
    call_ms: float
    int8_gain: float

    def macs_ms(self, op: ProfiledOp) -> float:
        """Return the least time of an op's multiply-adds, in ms."""
        rates = {IN_FLOAT32: self.float32_gmacs_per_s, IN_INT8: self.int8_gmacs_per_s}
        return op.macs / rates[op.precision] / 1e6

    def bytes_ms(self, op: ProfiledOp) -> float:
        """Return the least time to move an op's bytes from the caches or the memory, in ms."""
        return op.bytes / self.gbytes_per_s(max(op.bytes, op.idle_bytes)) / 1e6

    def gbytes_per_s(self, size: int) -> float:
        """Return the rate of moving a number of bytes, in 10^9 bytes a second.

        Between two measured sizes, the time of a byte is interpolated over the logarithm of the
        size: a part of the bytes is found in a cache.
        """
        first, *_, last = self.copies
        if size <= first.bytes or size >= last.bytes:
            return (first if size <= first.bytes else last).gbytes_per_s
        below = max((c for c in self.copies if c.bytes <= size), key=lambda c: c.bytes)
        above = min((c for c in self.copies if c.bytes > size), key=lambda c: c.bytes)
        part = math.log(size / below.bytes) / math.log(above.bytes / below.bytes)
        return 1 / ((1 - part) / below.gbytes_per_s + part / above.gbytes_per_s)

    def roof_ms(self, op: ProfiledOp) -> float:
        """Return the least time that an op can take, in ms."""
        return max(self.macs_ms(op), self.bytes_ms(op))

    def bound(self, op: ProfiledOp, time_ms: float) -> str:
        """Return what limits an op: compute, memory, kernel or overhead.

        Args:
            op: An op with its multiply-adds and bytes.
            time_ms: Measured time of the op in ms.

        Example:
            >>> limits.bound(ProfiledOp(kind="CONV_2D", macs=10_000_000, ...), 0.2)
            'compute'
        """
        if self.roof_ms(op) >= NEAR_ROOF * time_ms:
            return COMPUTE if self.macs_ms(op) >= self.bytes_ms(op) else MEMORY
        return OVERHEAD if time_ms < OVERHEAD_CALLS * self.call_ms else KERNEL


def advice(bound: str, ops: Sequence[ProfiledOp], time_ms: float, limits: DeviceLimits) -> str:
    """Return a line that says what limits a kind of op, and what would help.

    Args:
        bound: What limits most of the time of these ops.
        ops: All ops of the kind.
        time_ms: Time of all these ops together, in ms.
        limits: The best that the device did.
    """
    if bound == COMPUTE:
        gain = limits.int8_gain
        if all(op.precision == IN_FLOAT32 for op in ops) and gain >= CLEAR_GAIN:
            return f"compute-bound: int8 convolutions do {gain:.1f} times the MACs a second here"
        return (
            "compute-bound: a smaller input or fewer channels; more threads, where cores are idle"
        )
    if bound == MEMORY:
        weights = sum(op.weight_bytes for op in ops)
        if 2 * weights > sum(op.bytes for op in ops):
            return "memory-bound by its weights: fewer of them, or in fewer bits"
        return "memory-bound: smaller maps or fewer bits a value; faster arithmetic won't help"
    if bound == OVERHEAD:
        each = f"{1000 * time_ms / len(ops):.3g} us"
        return f"overhead-bound: {each} an op, mostly what each costs, however small: have fewer"
    if any(op.macs for op in ops):
        percent = 100 * sum(map(limits.macs_ms, ops)) / time_ms
        return (
            f"kernel-bound: {percent:.0f} % of a dense convolution's rate: this op, shape or type "
            "has no better kernel in this runtime"
        )
    return "kernel-bound: slower than a copy of its values: do without it, or fuse it"

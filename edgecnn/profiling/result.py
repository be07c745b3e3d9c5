"""What a profile says: each op's time, and that of each kind of op."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.files import json_values
from edgecnn.profiling.roofline import DeviceLimits

PROFILE_SCHEMA_VERSION = 1
"""Version of a profile's JSON; it grows when a field changes its meaning or goes."""


@dataclass(frozen=True)
class OpTime:
    """The time of one op, and what limits it.

    Args:
        place: Its number among the ops of the file, from 0.
        name: Name of its layer.
        kind: Its kind: ``"CONV_2D"``.
        output_shape: Shape of its first result.
        macs: Multiply-adds of one inference.
        bytes: Bytes of values and weights that it reads and writes, each counted once.
        time_ms: Median time of one run; None where it cannot run alone, or the CPU is emulated.
        share_percent: Share of the sum of all ops' times.
        gmacs_per_s: 10^9 multiply-adds a second; None where it has none.
        gbytes_per_s: 10^9 bytes a second.
        roof_percent: Least time that its MACs and bytes take here, in percent of its own time.
        bound: What limits it: ``"compute"``, ``"memory"``, ``"kernel"`` or ``"overhead"``.
        joined_with: Number of an op that the runtime may join with this one: both are timed
            together, and the time that the other one takes alone is taken off.
        error: Why it cannot run alone.
    """

    place: int
    name: str
    kind: str
    output_shape: tuple[int, ...]
    macs: int
    bytes: int
    time_ms: float | None
    share_percent: float | None
    gmacs_per_s: float | None
    gbytes_per_s: float | None
    roof_percent: float | None
    bound: str | None
    joined_with: int | None
    error: str | None


@dataclass(frozen=True)
class KindTime:
    """The time of all ops of a kind.

    Args:
        kind: The kind: ``"CONV_2D"``.
        count: How many ops there are.
        timed: How many of them could be timed.
        macs: Multiply-adds of all of them.
        bytes: Bytes that all of them read and write.
        time_ms: Sum of the times of those that were timed.
        share_percent: Their share of the sum of all ops' times.
        gmacs_per_s: 10^9 multiply-adds a second of those that were timed.
        gbytes_per_s: 10^9 bytes a second of those that were timed.
        roof_percent: Least time that their MACs and bytes take here, in percent of their own time.
        bound: What limits most of their time.
        advice: What that means, and what would help.
    """

    kind: str
    count: int
    timed: int
    macs: int
    bytes: int
    time_ms: float | None = None
    share_percent: float | None = None
    gmacs_per_s: float | None = None
    gbytes_per_s: float | None = None
    roof_percent: float | None = None
    bound: str | None = None
    advice: str | None = None


@dataclass(frozen=True)
class Profile:
    """Where the latency of a file goes on a device.

    Args:
        schema_version: ``PROFILE_SCHEMA_VERSION``.
        edgecnn_version: Version of edgecnn that measured it.
        measured_at: When the measurement was begun, ISO 8601 in UTC.
        model: The file, as the user named it.
        model_sha256: SHA-256 of the file.
        scheme: Quantisation scheme of the file.
        device: What the user calls the device.
        cpu: Name of the processor.
        board: Name of a single-board computer; None of another machine.
        architecture: What the system calls its machine.
        emulated: Whether the CPU is an emulator's; then nothing is timed.
        runtime: Distribution of the TFLite runtime.
        runtime_version: Version of the runtime.
        threads: Threads of the runtime.
        latency_p50_ms: Median latency of the whole model; None where the CPU is emulated.
        running_p50_ms: Median time of the whole model as the ops' times are: on one thread without
            the time that other programs had the CPU.
        ops_ms: Sum of the ops' times.
        limits: The best that the device did.
        kinds: The kinds of ops, the slowest first.
        ops: Each op that runs in every inference, in the file's order.
        notes: What to know before the figures are used.
        seconds: Time that the profile took.
    """

    schema_version: int
    edgecnn_version: str
    measured_at: str
    model: str
    model_sha256: str
    scheme: str
    device: str
    cpu: str
    board: str | None
    architecture: str
    emulated: bool
    runtime: str
    runtime_version: str
    threads: int
    latency_p50_ms: float | None
    running_p50_ms: float | None
    ops_ms: float | None
    limits: DeviceLimits | None
    kinds: tuple[KindTime, ...]
    ops: tuple[OpTime, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def macs(self) -> int:
        """Multiply-adds of one inference, as ``edgecnn summary`` counts them."""
        return sum(op.macs for op in self.ops)

    @property
    def slowest(self) -> tuple[OpTime, ...]:
        """The ops by their time, the longest first; those that were not timed last."""
        return tuple(sorted(self.ops, key=lambda op: -(op.time_ms or 0.0)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain: dict[str, Any] = json_values({**dataclasses.asdict(self), "macs": self.macs})
        return plain

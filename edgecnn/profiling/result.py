"""What a profile says: each op's time, and that of each kind of op."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.files import json_values
from edgecnn.profiling.roofline import Limits

SCHEMA_VERSION = 1
"""Of the JSON; it grows when a field changes its meaning or goes."""


@dataclass(frozen=True)
class OpTime:
    """One op.

    Args:
        place: Among the ops of the file, from 0.
        name: Of the layer.
        kind: As ``"CONV_2D"``.
        output_shape: Of its first result.
        macs: Multiply-adds.
        bytes: Values and weights that it reads and writes, each counted once.
        time_ms: Median of one run; None where it cannot run alone, or where the CPU is emulated.
        share_percent: Of the sum of all ops.
        gmacs_per_s: 10^9 multiply-adds a second; None where it has none.
        gbytes_per_s: 10^9 bytes a second.
        roof_percent: Of what the device could do at best with these MACs and bytes.
        bound: ``"compute"``, ``"memory"``, ``"kernel"`` or ``"overhead"``.
        joined_with: Place of an op that the runtime may make one of with this one; they are timed
            together, and what the other takes alone is taken off.
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
    """All ops of a kind.

    Args:
        kind: As ``"CONV_2D"``.
        count: How many ops.
        timed: How many of them could be timed.
        macs: Of all of them, as are the bytes.
        bytes: As of one op.
        time_ms: Sum of those that were timed.
        share_percent: Of the sum of all ops.
        gmacs_per_s: Of all of them together.
        gbytes_per_s: The same.
        roof_percent: The same.
        bound: What limits most of their time.
        advice: What that means, and what would help.
    """

    kind: str
    count: int
    timed: int
    macs: int
    bytes: int
    time_ms: float | None
    share_percent: float | None
    gmacs_per_s: float | None
    gbytes_per_s: float | None
    roof_percent: float | None
    bound: str | None
    advice: str | None


@dataclass(frozen=True)
class Profile:
    """Where the latency of a file goes on a device.

    Args:
        schema_version: Of this form.
        edgecnn_version: That measured it.
        measured_at: When it was begun, ISO 8601 in UTC.
        model: The file, as it was given.
        model_sha256: Of the file.
        scheme: Quantisation.
        device: Its name.
        cpu: Name of the processor.
        board: Of a single-board computer; else None.
        architecture: What the system calls its machine.
        emulated: Whether the CPU is an emulator's; its times are left out then.
        runtime: Distribution.
        runtime_version: Its version.
        threads: Of the runtime.
        latency_p50_ms: Of the whole model, in the same rounds; None where it is emulated.
        running_p50_ms: The same as the ops' times are: on one thread, without the time that others
            had the CPU.
        ops_ms: Sum of the ops' times.
        limits: What the device did at best.
        kinds: The slowest first.
        ops: In the file's order, each that runs in every inference.
        notes: What to know before these figures are used.
        seconds: How long it took.
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
    limits: Limits | None
    kinds: tuple[KindTime, ...]
    ops: tuple[OpTime, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def macs(self) -> int:
        """Of one inference, as ``edgecnn summary`` counts them."""
        return sum(op.macs for op in self.ops)

    @property
    def slowest(self) -> tuple[OpTime, ...]:
        """The ops by their time, the longest first; those that were not timed last."""
        return tuple(sorted(self.ops, key=lambda op: -(op.time_ms or 0.0)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain: dict[str, Any] = json_values({**dataclasses.asdict(self), "macs": self.macs})
        return plain

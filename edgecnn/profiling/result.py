"""The result of a profile: the time of each op and of each kind of op."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.json_writing import json_values
from edgecnn.profiling.profiled_ops import RunningOp
from edgecnn.profiling.roofline import DeviceLimits

PROFILE_SCHEMA_VERSION = 1
"""Version of a profile's JSON; it grows when a field changes its meaning or is removed."""


@dataclass(frozen=True)
class OpTime(RunningOp):
    """The time of one op, and what limits it.

    Args:
        bytes: Bytes of values and weights that the op reads and writes, each counted once.
        time_ms: Median time of one run in ms; None where the op cannot run alone, or the CPU is
            emulated.
        share_percent: Share of the sum of all ops' times.
        gmacs_per_s: 10^9 multiply-adds a second; None of an op without multiply-adds.
        gbytes_per_s: 10^9 bytes a second.
        roof_percent: Least time that the op's MACs and bytes take on the device, in percent of the
            op's time.
        bound: What limits the op: ``"compute"``, ``"memory"``, ``"kernel"`` or ``"overhead"``.
        joined_with: Number of an op that the runtime may join with this one: both are timed
            together, and the time of the other op alone is taken off.
        error: Why the op cannot run alone; None where it can.
    """

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
        kind: Name of the kind: ``"CONV_2D"``.
        count: Number of ops of the kind.
        timed: Number of these ops that could be timed.
        macs: Multiply-adds of all ops of the kind.
        bytes: Bytes that all ops of the kind read and write.
        time_ms: Sum of the times of the timed ops, in ms.
        share_percent: Share of the timed ops in the sum of all ops' times.
        gmacs_per_s: 10^9 multiply-adds a second of the timed ops.
        gbytes_per_s: 10^9 bytes a second of the timed ops.
        roof_percent: Least time that the timed ops' MACs and bytes take on the device, in percent
            of their time.
        bound: What limits most of the timed ops' time, as in :class:`OpTime`.
        advice: What that limit means, and what would help.
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
        schema_version: ``PROFILE_SCHEMA_VERSION``.
        edgecnn_version: Version of edgecnn that measured it.
        measured_at: When the measurement was begun, ISO 8601 in UTC.
        model: Path of the file, as the user named it.
        model_sha256: SHA-256 of the file.
        scheme: Quantisation scheme of the file.
        signature: Signature that was called; None where the file leaves no choice.
        input_shapes: Shapes that inputs of open shape were given: ``"1x224x224x3"``; None where the
            file says them, or leaves the batch alone open.
        has_open_batch: Whether the file leaves the batch open, and it was 1.
        device: What the user calls the device.
        cpu: Name of the processor.
        board: Name of a single-board computer; None for any other machine.
        architecture: What the system calls its machine.
        emulated: Whether the CPU is an emulator's; then nothing is timed.
        runtime: Distribution of the TFLite runtime.
        runtime_version: Version of the runtime.
        threads: Threads of the runtime.
        latency_p50_ms: Median latency of the whole model; None where the CPU is emulated.
        running_p50_ms: Median time of the whole model, measured as the ops' times are: on one
            thread without the time in which other programs had the CPU.
        ops_ms: Sum of the ops' times, in ms.
        limits: The best rates of the device in the same rounds.
        kinds: The kinds of ops, the slowest first.
        ops: Each op that runs in every inference, in the file's order.
        notes: Notes on how far the figures can be trusted.
        seconds: Time that the profile took.
    """

    schema_version: int
    edgecnn_version: str
    measured_at: str
    model: str
    model_sha256: str
    scheme: str
    signature: str | None
    input_shapes: str | None
    has_open_batch: bool
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

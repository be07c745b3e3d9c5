"""The figures of a profile for each op and each kind of op, from the times of the rounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields

from edgecnn.profiling.profiled_ops import IN_FLOAT32, IN_INT8, ProfiledOp, RunningOp
from edgecnn.profiling.references import CONVOLUTIONS, COPIED_BYTES, MACS
from edgecnn.profiling.result import KindTime, OpTime
from edgecnn.profiling.roofline import CopyRate, DeviceLimits, advice
from edgecnn.profiling.rounds import PlacedFile, RoundTimes

WHOLE, CALL = "the whole model", "an empty call"

TOLERANCE_PERCENT = 10.0
"""Percent by which sums and rounds may differ before a note says so."""


@dataclass
class Parts:
    """The parts of a model: files of single ops, or of an op and the op whose kernel may absorb it.

    Args:
        keys: Number of an op in the file -> key of the op's part.
        partners: Number of an op -> number of the other op in its part; the time of the other op
            alone is taken off.
        files: The parts by their keys; ops that are alike share a part.
    """

    keys: dict[int, Hashable] = field(default_factory=dict)
    partners: dict[int, int] = field(default_factory=dict)
    files: dict[Hashable, PlacedFile] = field(default_factory=dict)

    def ms(self, place: int, times: RoundTimes) -> float | None:
        """Return the time of an op in ms; None if it is not known.

        Args:
            place: Number of the op in the file.
            times: Times of the parts.
        """
        time_ms = times.ms(self.keys.get(place))
        if time_ms is None or place not in self.partners:
            return time_ms
        other = times.ms(self.keys[self.partners[place]])
        return None if other is None else max(0.0, time_ms - other)


def limits_of(times: RoundTimes) -> DeviceLimits | None:
    """Return the best rates of a device; None where a reference could not be timed."""
    call = times.ms(CALL)
    rates = {
        (precision, *form): _rate(MACS, times.ms((precision, *form)))
        for precision in (IN_FLOAT32, IN_INT8)
        for form in CONVOLUTIONS
    }
    float32, int8 = (
        max((key for key in rates if key[0] == precision), key=lambda key: rates[key])
        for precision in (IN_FLOAT32, IN_INT8)
    )
    copies = tuple(CopyRate(size, _rate(size, times.ms(size))) for size in COPIED_BYTES)
    known = [rates[float32], rates[int8], *(copy.gbytes_per_s for copy in copies)]
    if call is None or not all(known):
        return None
    rounds = zip(times.rounds_ms[float32], times.rounds_ms[int8], strict=False)
    gain = min((one / other for one, other in rounds if other), default=0.0)
    return DeviceLimits(rates[float32], rates[int8], copies, call, gain)


def _rate(amount: int, time_ms: float | None) -> float:
    """Return a rate in 10^9 a second; 0 if the time is not known."""
    return amount / time_ms / 1e6 if time_ms else 0.0


def op_times(
    ops: Sequence[ProfiledOp], parts: Parts, times: RoundTimes, limits: DeviceLimits | None
) -> tuple[OpTime, ...]:
    """Return the time of each op, and what limits the op.

    Args:
        ops: The ops that run.
        parts: The parts that were timed.
        times: Times of the parts.
        limits: The best that the device did; None where it is not known.
    """
    spent = {op.place: parts.ms(op.place, times) for op in ops}
    total = sum(time for time in spent.values() if time is not None)
    return tuple(_op_time(op, spent[op.place], total, parts, times, limits) for op in ops)


def _op_time(
    op: ProfiledOp,
    time_ms: float | None,
    total: float,
    parts: Parts,
    times: RoundTimes,
    limits: DeviceLimits | None,
) -> OpTime:
    key = parts.keys.get(op.place)
    return OpTime(
        **{field.name: getattr(op, field.name) for field in fields(RunningOp)},
        bytes=op.bytes,
        time_ms=time_ms,
        share_percent=100 * time_ms / total if time_ms is not None else None,
        gmacs_per_s=_rate(op.macs, time_ms) or None,
        gbytes_per_s=_rate(op.bytes, time_ms) or None,
        roof_percent=100 * limits.roof_ms(op) / time_ms if limits and time_ms else None,
        bound=limits.bound(op, time_ms) if limits and time_ms else None,
        joined_with=parts.partners.get(op.place),
        error=str(times.errors[key]) if key in times.errors else None,
    )


def kind_times(
    ops: Sequence[ProfiledOp], measured: Sequence[OpTime], limits: DeviceLimits | None
) -> tuple[KindTime, ...]:
    """Return the time of each kind of op, the slowest kind first.

    Args:
        ops: The ops that run.
        measured: Times of these ops, in the same order.
        limits: The best that the device did; None where it is not known.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for number, op in enumerate(ops):
        places[op.kind].append(number)
    kinds = [
        _kind_time([ops[n] for n in numbers], [measured[n] for n in numbers], limits)
        for numbers in places.values()
    ]
    return tuple(sorted(kinds, key=lambda kind: -(kind.time_ms or 0.0)))


def _kind_time(
    ops: list[ProfiledOp], measured: list[OpTime], limits: DeviceLimits | None
) -> KindTime:
    times = [time for time in measured if time.time_ms is not None]
    timed_ops = [op for op, time in zip(ops, measured, strict=True) if time.time_ms is not None]
    time_ms = sum(time.time_ms or 0.0 for time in times) if times else None
    bound = _main_bound(times)
    roof_ms = sum(map(limits.roof_ms, timed_ops)) if limits else 0.0
    return KindTime(
        kind=ops[0].kind,
        count=len(ops),
        timed=len(times),
        macs=sum(op.macs for op in ops),
        bytes=sum(op.bytes for op in ops),
        time_ms=time_ms,
        share_percent=sum(time.share_percent or 0.0 for time in times) if times else None,
        gmacs_per_s=_rate(sum(op.macs for op in timed_ops), time_ms) or None,
        gbytes_per_s=_rate(sum(op.bytes for op in timed_ops), time_ms) or None,
        roof_percent=100 * roof_ms / time_ms if roof_ms and time_ms else None,
        bound=bound,
        advice=advice(bound, timed_ops, time_ms, limits) if bound and time_ms and limits else None,
    )


def _main_bound(timed: list[OpTime]) -> str | None:
    """Return what limits most of the time of some ops; None where no limit is known."""
    spent: dict[str, float] = defaultdict(float)
    for time in timed:
        if time.bound is not None:
            spent[time.bound] += time.time_ms or 0.0
    return max(spent, key=lambda bound: spent[bound], default=None)


def notes(
    times: RoundTimes, ops: Sequence[OpTime], ops_ms: float | None, *, emulated: bool
) -> tuple[str, ...]:
    """Return notes on how far the figures of a profile can be trusted.

    Args:
        times: Times of the parts and of the whole model.
        ops: Times of the ops.
        ops_ms: Sum of these times in ms; None where no op was timed.
        emulated: Whether the device's CPU is emulated.
    """
    if emulated:
        return ("the CPU is emulated: what its ops take says nothing of a board, so none is timed",)
    texts = []
    untimed, whole = sum(op.time_ms is None for op in ops), times.ms(WHOLE)
    if untimed:
        texts.append(f"{untimed} op(s) cannot run alone, and are not in the sum")
    if whole and ops_ms and _differ(ops_ms, whole):
        texts.append(
            f"the ops' times add up to {100 * ops_ms / whole:.0f} % of the whole model's: "
            "take the shares for approximate"
        )
    rounds, latency = times.rounds_ms.get(WHOLE, []), times.latency_ms(WHOLE)
    if rounds and _differ(max(rounds), min(rounds)):
        texts.append(
            f"the whole model took {min(rounds):.3g} to {max(rounds):.3g} ms from round to round: "
            "something else ran, or the clock changed; measure again"
        )
    if whole and latency and _differ(latency, whole):
        texts.append(
            f"other programs had the CPU meanwhile: with that the whole model took {latency:.3g} ms"
        )
    return tuple(texts)


def _differ(one: float, other: float) -> bool:
    return abs(one / other - 1) > TOLERANCE_PERCENT / 100

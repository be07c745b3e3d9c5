"""What a profile says of each op and each kind of op, from the times of the rounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from edgecnn.profiling.profiled_ops import IN_FLOAT32, IN_INT8, ProfiledOp
from edgecnn.profiling.references import CONVOLUTIONS, COPIED_BYTES, MACS
from edgecnn.profiling.result import KindTime, OpTime
from edgecnn.profiling.roofline import CopyRate, DeviceLimits, advice
from edgecnn.profiling.rounds import PlacedFile, RoundTimes

WHOLE, CALL = "the whole model", "an empty call"

TOLERANCE_PERCENT = 10.0
"""Sums and rounds that differ by more than this are told in a note."""


@dataclass
class Parts:
    """The parts of a model: files of single ops, or of an op with the one that may do its work too.

    Args:
        keys: Number of an op in the file -> key of its part.
        partners: Number of an op -> number of the other op in its part, whose own time is taken
            off.
        files: The parts by their keys; ops that are alike share one.
    """

    keys: dict[int, Hashable] = field(default_factory=dict)
    partners: dict[int, int] = field(default_factory=dict)
    files: dict[Hashable, PlacedFile] = field(default_factory=dict)

    def ms(self, place: int, times: RoundTimes) -> float | None:
        """Return an op's time; None if it is not known."""
        time_ms = times.ms(self.keys.get(place))
        if time_ms is None or place not in self.partners:
            return time_ms
        other = times.ms(self.keys[self.partners[place]])
        return None if other is None else max(0.0, time_ms - other)


def limits_of(times: RoundTimes) -> DeviceLimits | None:
    """Return the best that the device did; None where a reference could not be timed."""
    call = times.ms(CALL)
    best = {
        precision: max(_rate(MACS, times.ms((precision, *form))) for form in CONVOLUTIONS)
        for precision in (IN_FLOAT32, IN_INT8)
    }
    copies = tuple(CopyRate(size, _rate(size, times.ms(size))) for size in COPIED_BYTES)
    if call is None or not all([*best.values(), *(copy.gbytes_per_s for copy in copies)]):
        return None
    return DeviceLimits(best[IN_FLOAT32], best[IN_INT8], copies, call)


def _rate(amount: int, time_ms: float | None) -> float:
    """Return how many 10^9 of an amount were done in a second; 0 if the time is not known."""
    return amount / time_ms / 1e6 if time_ms else 0.0


def op_times(
    ops: Sequence[ProfiledOp], parts: Parts, times: RoundTimes, limits: DeviceLimits | None
) -> tuple[OpTime, ...]:
    """Return each op with its time and what limits it."""
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
        place=op.place,
        name=op.name,
        kind=op.kind,
        output_shape=op.output_shape,
        macs=op.macs,
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
    """Return each kind of op with the time of all its ops, the slowest kind first."""
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
    both = [(op, one) for op, one in zip(ops, measured, strict=True) if one.time_ms is not None]
    kind = KindTime(
        kind=ops[0].kind,
        count=len(ops),
        timed=len(both),
        macs=sum(op.macs for op in ops),
        bytes=sum(op.bytes for op in ops),
    )
    if not both:
        return kind
    known, timed = [op for op, _ in both], [one for _, one in both]
    time_ms = sum(one.time_ms or 0.0 for one in timed)
    kind = replace(
        kind,
        time_ms=time_ms,
        share_percent=sum(one.share_percent or 0.0 for one in timed),
        gmacs_per_s=_rate(sum(op.macs for op in known), time_ms) or None,
        gbytes_per_s=_rate(sum(op.bytes for op in known), time_ms) or None,
    )
    return _with_roofline(kind, known, _main_bound(timed), limits)


def _with_roofline(
    kind: KindTime, ops: list[ProfiledOp], bound: str | None, limits: DeviceLimits | None
) -> KindTime:
    """Return a kind of op with what limits it, as far as that is known."""
    if limits is None or not kind.time_ms:
        return replace(kind, bound=bound)
    roof_ms = sum(map(limits.roof_ms, ops))
    return replace(
        kind,
        roof_percent=100 * roof_ms / kind.time_ms if roof_ms else None,
        bound=bound,
        advice=advice(bound, ops, kind.time_ms, limits) if bound else None,
    )


def _main_bound(timed: list[OpTime]) -> str | None:
    """Return what limits most of the time of some ops; None where nothing is known to."""
    spent: dict[str, float] = defaultdict(float)
    for one in timed:
        if one.bound is not None:
            spent[one.bound] += one.time_ms or 0.0
    return max(spent, key=lambda bound: spent[bound], default=None)


def notes(
    times: RoundTimes, ops: Sequence[OpTime], ops_ms: float | None, *, emulated: bool
) -> tuple[str, ...]:
    """Return what to know before the figures are used."""
    if emulated:
        return ("the CPU is emulated: what its ops take says nothing of a board, so none is timed",)
    found = []
    alone, whole = sum(op.time_ms is None for op in ops), times.ms(WHOLE)
    if alone:
        found.append(f"{alone} op(s) cannot run alone, and are not in the sum")
    if whole and ops_ms and _differ(ops_ms, whole):
        found.append(
            f"the ops' times add up to {100 * ops_ms / whole:.0f} % of the whole model's: "
            "take the shares for approximate"
        )
    rounds, latency = times.rounds_ms.get(WHOLE, []), times.latency_ms(WHOLE)
    if rounds and _differ(max(rounds), min(rounds)):
        found.append(
            f"the whole model took {min(rounds):.3g} to {max(rounds):.3g} ms from round to round: "
            "something else ran, or the clock changed; measure again"
        )
    if whole and latency and _differ(latency, whole):
        found.append(
            f"other programs had the CPU meanwhile: with that the whole model took {latency:.3g} ms"
        )
    return tuple(found)


def _differ(one: float, other: float) -> bool:
    return abs(one / other - 1) > TOLERANCE_PERCENT / 100

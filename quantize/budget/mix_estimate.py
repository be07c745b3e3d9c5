"""Noise and cost of a mix of int8 and float32 ops, estimated from those of each op alone.

Errors of different ops have little to do with each other, so their powers add. An op's result is
rounded as long as an int8 op makes it or reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgecnn.quantize.budget.op_costs import MODEL_INPUT, OpCost
from edgecnn.tflite.target_cpu import TargetCpu

Mix = frozenset[int]
"""Places of the ops that stay in float32."""

LEAST_SLOWDOWN = 0.05
"""An all-float32 file is taken to be at least 5 % slower than int8, so that among mixes of equal
noise that with the fewest float32 ops still wins where float32 is as fast."""
OUTPUT = -2
"""Stands for the reader of the answer, which is float32."""


@dataclass(frozen=True)
class Scale:
    """What costs are measured by.

    Args:
        int8_bytes: Size of the int8 file.
        slowdown: Latency of the float32 file over the int8 file's.
        cpu: What ops cost; where ``slowdown`` was measured, only their shares follow from it.
        takes_pixels: Whether the int8 file takes uint8 pixels.
    """

    int8_bytes: int
    slowdown: float
    cpu: TargetCpu
    takes_pixels: bool

    def conversion_ms(self, values: int) -> float:
        """Return the time of turning some values from float32 to int8 or back, about."""
        return sum(cost.milliseconds(0, values) for cost in (self.cpu.int8, self.cpu.float32)) / 2


@dataclass(frozen=True)
class _Term:
    """Noise that is gone when all of some ops are in float32."""

    places: Mix
    noise: float


@dataclass(frozen=True)
class _Edge:
    """A tensor between ops; it is converted if some of them are in float32 and others are not."""

    maker: int
    readers: tuple[int, ...]
    cost: float


class Estimate:
    """Noise and cost of mixes.

    Args:
        ops: Of the file, in its order.
        scale: What costs are measured by.
        base: Places of those that the int8 file has in float32 already.

    Example:
        >>> estimate.noise(frozenset()) > estimate.noise(frozenset({0, 1}))
        True
    """

    def __init__(self, ops: Sequence[OpCost], scale: Scale, base: Mix = frozenset()) -> None:
        self.ops, self.base = ops, base
        int8_ms = [scale.cpu.int8.milliseconds(op.macs, op.elements) for op in ops]
        total = sum(int8_ms) or 1.0
        slower = _slowdowns(ops, scale, int8_ms)
        self._own = [
            op.more_bytes / scale.int8_bytes + more for op, more in zip(ops, slower, strict=True)
        ]
        self._terms = list(_terms(ops))
        costs = [scale.conversion_ms(op.elements) / total for op in ops]
        self._edges = list(_edges(ops, costs, takes_pixels=scale.takes_pixels))
        self._terms_of = _by_place(len(ops), [term.places for term in self._terms])
        ends = [(edge.maker, *edge.readers) for edge in self._edges]
        self._edges_of = _by_place(len(ops), ends)

    def noise(self, mix: Mix) -> float:
        """Return the noise over the signal in the scores."""
        return sum(term.noise for term in self._terms if not term.places <= mix)

    def cost(self, mix: Mix) -> float:
        """Return the bytes and the time that a mix takes more than no float32, as int8's parts."""
        return self.price(frozenset(), mix)

    def gain(self, mix: Mix, more: Mix) -> float:
        """Return the noise that goes when more ops join a mix."""
        touched = {number for place in more for number in self._terms_of[place]}
        terms, joined = [self._terms[number] for number in touched], mix | more
        return sum(t.noise for t in terms if t.places <= joined and not t.places <= mix)

    def price(self, mix: Mix, more: Mix) -> float:
        """Return the cost that comes when more ops join a mix; less than 0 if conversions go."""
        edges = [self._edges[n] for n in {n for place in more for n in self._edges_of[place]}]
        joined = mix | more
        converted = sum(_conversion(edge, joined) - _conversion(edge, mix) for edge in edges)
        return sum(self._own[place] for place in more - mix) + converted

    def moves(self, mix: Mix) -> Iterator[Mix]:
        """Yield the least sets of ops that can join a mix to take noise away."""
        yield from {term.places - mix for term in self._terms} - {frozenset()}


def _slowdowns(ops: Sequence[OpCost], scale: Scale, int8_ms: Sequence[float]) -> list[float]:
    """Return the time that each op takes more in float32, as a part of the whole int8 file's.

    Together they are what the float32 file takes more, and each has its share by the table of the
    CPU; where float32 is no slower by that table, its share of the float32 file's time.
    """
    wanted = max(scale.slowdown - 1.0, LEAST_SLOWDOWN)
    float_ms = [scale.cpu.float32.milliseconds(op.macs, op.elements) for op in ops]
    more = [max(slow - fast, 0.0) for slow, fast in zip(float_ms, int8_ms, strict=True)]
    shares = more if sum(more) > 0.0 else float_ms
    total = sum(shares) or 1.0
    return [wanted * share / total for share in shares]


def _terms(ops: Sequence[OpCost]) -> Iterator[_Term]:
    for place, op in enumerate(ops):
        yield _Term(frozenset({place}), op.weights_noise)
        if op.result_noise:
            yield _Term(frozenset({place, *_reached(ops, place)}), op.result_noise)


def _reached(ops: Sequence[OpCost], place: int) -> set[int]:
    """Return the ops that read a result, also by way of ops that pass it on."""
    found: set[int] = set()
    waiting = list(ops[place].readers)
    while waiting:
        reader = waiting.pop()
        if reader not in found:
            found.add(reader)
            waiting += () if ops[reader].is_layer else ops[reader].readers
    return found


def _edges(ops: Sequence[OpCost], costs: Sequence[float], *, takes_pixels: bool) -> Iterator[_Edge]:
    for place, op in enumerate(ops):
        yield _Edge(place, op.readers or (OUTPUT,), costs[place])
    # Pixels are turned into whatever the first ops take, in any mix.
    first = tuple(place for place, op in enumerate(ops) if MODEL_INPUT in op.sources)
    if first and not takes_pixels:
        yield _Edge(MODEL_INPUT, first, costs[first[0]])


def _conversion(edge: _Edge, mix: Mix) -> float:
    in_float = {end in mix or end < 0 for end in (edge.maker, *edge.readers)}
    return edge.cost if len(in_float) > 1 else 0.0


def _by_place(count: int, sets: Sequence[Iterable[int]]) -> list[list[int]]:
    """Return for each place the numbers of the sets that it is in."""
    found: list[list[int]] = [[] for _ in range(count)]
    for number, places in enumerate(sets):
        for place in set(places):
            if place >= 0:
                found[place].append(number)
    return found

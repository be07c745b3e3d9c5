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
"""Part by which a float32 file is taken to be slower than int8 at least, so that of mixes of equal
noise the one with the fewest float32 ops wins even where float32 is as fast."""
OUTPUT = -2
"""Stands for the place of the reader of the model's answer, which is float32."""


@dataclass(frozen=True)
class CostScale:
    """The scale by which costs of mixes are estimated.

    Args:
        int8_bytes: Size of the int8 file.
        slowdown: Latency of the float32 file over the int8 file's.
        cpu: The cost table of ops; where ``slowdown`` was measured, the table gives only the ops'
            shares of it.
        takes_pixels: Whether the int8 file takes uint8 pixels.
    """

    int8_bytes: int
    slowdown: float
    cpu: TargetCpu
    takes_pixels: bool

    def conversion_ms(self, values: int) -> float:
        """Return about the time of turning some values from float32 to int8 or back."""
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
        ops: Costs of the ops, in the order of the graph.
        scale: The scale by which costs are estimated.
        base: Places of the ops that the int8 file has in float32 already.

    Example:
        >>> estimate.noise(frozenset()) > estimate.noise(frozenset({0, 1}))
        True
    """

    def __init__(self, ops: Sequence[OpCost], scale: CostScale, base: Mix = frozenset()) -> None:
        self.ops, self.base = ops, base
        int8_ms = [scale.cpu.int8.milliseconds(op.macs, op.elements) for op in ops]
        total = sum(int8_ms) or 1.0
        slower = _slowdowns(ops, scale, int8_ms)
        self._own = [
            op.extra_bytes / scale.int8_bytes + more for op, more in zip(ops, slower, strict=True)
        ]
        self._terms = list(_terms(ops))
        costs = [scale.conversion_ms(op.elements) / total for op in ops]
        self._edges = list(_edges(ops, costs, takes_pixels=scale.takes_pixels))
        self._terms_of = _by_place(len(ops), [term.places for term in self._terms])
        ends = [(edge.maker, *edge.readers) for edge in self._edges]
        self._edges_of = _by_place(len(ops), ends)

    def noise(self, mix: Mix) -> float:
        """Return a mix's noise over the signal in the scores."""
        return sum(term.noise for term in self._terms if not term.places <= mix)

    def cost(self, mix: Mix) -> float:
        """Return the bytes and the time that a mix takes in addition, as parts of int8's."""
        return self.price(frozenset(), mix)

    def gain(self, mix: Mix, more: Mix) -> float:
        """Return the noise that is gone when more ops join a mix."""
        touched = {number for place in more for number in self._terms_of[place]}
        terms, joined = [self._terms[number] for number in touched], mix | more
        return sum(t.noise for t in terms if t.places <= joined and not t.places <= mix)

    def price(self, mix: Mix, more: Mix) -> float:
        """Return the cost of more ops joining a mix; less than 0 if conversions go."""
        edges = [self._edges[n] for n in {n for place in more for n in self._edges_of[place]}]
        joined = mix | more
        converted = sum(_conversion(edge, joined) - _conversion(edge, mix) for edge in edges)
        return sum(self._own[place] for place in more - mix) + converted

    def moves(self, mix: Mix) -> Iterator[Mix]:
        """Yield the least sets of ops that can join a mix to take noise away."""
        yield from {term.places - mix for term in self._terms} - {frozenset()}


def _slowdowns(ops: Sequence[OpCost], scale: CostScale, int8_ms: Sequence[float]) -> list[float]:
    """Return the additional time of each op in float32, as a part of the whole int8 file's time.

    The sum is the additional time of the float32 file. The cost table of the CPU gives each op's
    share of it; where float32 is no slower by that table, an op's share is that of its time in
    float32.
    """
    whole = max(scale.slowdown - 1.0, LEAST_SLOWDOWN)
    float_ms = [scale.cpu.float32.milliseconds(op.macs, op.elements) for op in ops]
    more = [max(slow - fast, 0.0) for slow, fast in zip(float_ms, int8_ms, strict=True)]
    shares = more if sum(more) > 0.0 else float_ms
    total = sum(shares) or 1.0
    return [whole * share / total for share in shares]


def _terms(ops: Sequence[OpCost]) -> Iterator[_Term]:
    for place, op in enumerate(ops):
        yield _Term(frozenset({place}), op.weights_noise)
        if op.result_noise:
            yield _Term(frozenset({place, *_reached(ops, place)}), op.result_noise)


def _reached(ops: Sequence[OpCost], place: int) -> set[int]:
    """Return the ops that read a result, also by way of ops that pass it on."""
    reached: set[int] = set()
    waiting = list(ops[place].readers)
    while waiting:
        reader = waiting.pop()
        if reader not in reached:
            reached.add(reader)
            waiting += () if ops[reader].is_layer else ops[reader].readers
    return reached


def _edges(ops: Sequence[OpCost], costs: Sequence[float], *, takes_pixels: bool) -> Iterator[_Edge]:
    for place, op in enumerate(ops):
        yield _Edge(place, op.readers or (OUTPUT,), costs[place])
    # A file that takes pixels converts them for its first ops in any mix.
    first = tuple(place for place, op in enumerate(ops) if MODEL_INPUT in op.sources)
    if first and not takes_pixels:
        yield _Edge(MODEL_INPUT, first, costs[first[0]])


def _conversion(edge: _Edge, mix: Mix) -> float:
    in_float = {end in mix or end < 0 for end in (edge.maker, *edge.readers)}
    return edge.cost if len(in_float) > 1 else 0.0


def _by_place(count: int, sets: Sequence[Iterable[int]]) -> list[list[int]]:
    """Return for each place the numbers of the sets that it is in."""
    numbers: list[list[int]] = [[] for _ in range(count)]
    for number, places in enumerate(sets):
        for place in set(places):
            if place >= 0:
                numbers[place].append(number)
    return numbers

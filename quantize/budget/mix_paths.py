"""Ways from int8 to float32: lists of mixes, each with less noise and more cost than the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgecnn.quantize.budget.mix_estimate import Estimate, Mix

LEAST_PRICE = 1e-12
"""Least price that a gain of noise is divided by."""


def prefixes(estimate: Estimate) -> list[Mix]:
    """Return the mixes whose first ops are in float32."""
    count = len(estimate.ops)
    path = [estimate.base.union(range(end)) for end in range(1, count)]
    return pareto_front(estimate, path)


def suffixes(estimate: Estimate) -> list[Mix]:
    """Return the mixes whose last ops are in float32."""
    count = len(estimate.ops)
    path = [estimate.base.union(range(start, count)) for start in range(1, count)]
    return pareto_front(estimate, path)


def cheapest_first(estimate: Estimate) -> list[Mix]:
    """Return the mixes of a greedy path: each adds the ops that take most noise for their cost.

    An island of float32 ops costs two conversions, and an op between two islands takes conversions
    away.
    """
    return _grow(estimate, lambda mix, move: max(estimate.price(mix, move), LEAST_PRICE))


def loudest_first(estimate: Estimate) -> list[Mix]:
    """Return the mixes of a greedy path: each adds the ops that take most noise at any cost.

    A large layer that alone makes more noise than a budget allows comes too late on other paths.
    """
    return _grow(estimate, lambda mix, move: 1.0)


def _grow(estimate: Estimate, price: Callable[[Mix, Mix], float]) -> list[Mix]:
    mix, path = estimate.base, list[Mix]()
    while True:
        moves = [(move, estimate.gain(mix, move)) for move in estimate.moves(mix)]
        moves = [(move, gain) for move, gain in moves if gain > 0.0]
        if not moves:
            return pareto_front(estimate, path)
        worth = [(gain / price(mix, move), -min(move), move) for move, gain in moves]
        mix = _with_free_ops(estimate, mix | max(worth)[2])
        path.append(mix)


def _with_free_ops(estimate: Estimate, mix: Mix) -> Mix:
    """Add the ops that cost nothing, as they stand between ops in float32."""
    near = {
        other
        for place in mix
        for other in (*estimate.ops[place].sources, *estimate.ops[place].readers)
        if other >= 0 and other not in mix
    }
    for place in sorted(near):
        if estimate.price(mix, frozenset({place})) <= 0.0:
            return _with_free_ops(estimate, mix | {place})
    return mix


def smaller_mixes(estimate: Estimate, mix: Mix) -> list[Mix]:
    """Return the mixes that come of taking out the least useful parts; the last is ``mix``."""
    path, left = [mix], mix
    while len(left) > 1:
        best = min(_parts(estimate, left), key=lambda part: _worth(estimate, left, part))
        left = left - best
        path.append(left)
    return [smaller for smaller in reversed(path) if smaller]


def _parts(estimate: Estimate, mix: Mix) -> list[Mix]:
    """Return the parts that can be taken out of a mix at once: each op, and each island."""
    islands: list[set[int]] = []
    for place in sorted(mix):
        near = [island for island in islands if island & set(estimate.ops[place].sources)]
        islands = [island for island in islands if island not in near]
        islands.append({place}.union(*near))
    whole = [frozenset(island) for island in islands]
    return [*whole, *(frozenset({place}) for place in mix)]


def _worth(estimate: Estimate, mix: Mix, part: Mix) -> tuple[bool, float]:
    """Return the noise that a part takes away for its cost; a part that costs nothing stays."""
    left = mix - part
    price = estimate.price(left, part)
    return price <= 0.0, estimate.gain(left, part) / max(price, LEAST_PRICE)


def pareto_front(estimate: Estimate, path: Sequence[Mix]) -> list[Mix]:
    """Return the mixes of a path that no other beats in both noise and cost, sorted by cost."""
    mixes = sorted((estimate.cost(mix), estimate.noise(mix), sorted(mix)) for mix in path)
    front: list[Mix] = []
    least = float("inf")
    for _, noise, places in mixes:
        if noise < least:
            least = noise
            front.append(frozenset(places))
    return front

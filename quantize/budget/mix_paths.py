"""Ways from int8 to float32: lists of mixes, each with less noise and more cost than the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgecnn.quantize.budget.mix_estimate import Estimate, Mix

TINY = 1e-12


def prefixes(estimate: Estimate) -> list[Mix]:
    """Return the mixes whose first ops are in float32."""
    count = len(estimate.ops)
    path = [estimate.base.union(range(end)) for end in range(1, count)]
    return worth_it(estimate, path)


def suffixes(estimate: Estimate) -> list[Mix]:
    """Return the mixes whose last ops are in float32."""
    count = len(estimate.ops)
    path = [estimate.base.union(range(start, count)) for start in range(1, count)]
    return worth_it(estimate, path)


def cheapest_first(estimate: Estimate) -> list[Mix]:
    """Return the mixes that come of adding what takes the most noise for its cost, again and again.

    An island costs two conversions, and an op between two islands takes conversions away.
    """
    return _grown(estimate, lambda mix, move: max(estimate.price(mix, move), TINY))


def loudest_first(estimate: Estimate) -> list[Mix]:
    """Return the mixes that come of adding what takes the most noise, whatever it costs.

    Where a large layer alone makes more noise than a budget allows, it comes too late otherwise.
    """
    return _grown(estimate, lambda mix, move: 1.0)


def _grown(estimate: Estimate, price: Callable[[Mix, Mix], float]) -> list[Mix]:
    mix, path = estimate.base, list[Mix]()
    while True:
        moves = [(move, estimate.gain(mix, move)) for move in estimate.moves(mix)]
        moves = [(move, gain) for move, gain in moves if gain > 0.0]
        if not moves:
            return worth_it(estimate, path)
        worth = [(gain / price(mix, move), -min(move), move) for move, gain in moves]
        mix = _closed(estimate, mix | max(worth)[2])
        path.append(mix)


def _closed(estimate: Estimate, mix: Mix) -> Mix:
    """Add the ops that cost nothing, as they stand between others in float32."""
    near = {
        other
        for place in mix
        for other in (*estimate.ops[place].sources, *estimate.ops[place].readers)
        if other >= 0 and other not in mix
    }
    for place in sorted(near):
        if estimate.price(mix, frozenset({place})) <= 0.0:
            return _closed(estimate, mix | {place})
    return mix


def fewer(estimate: Estimate, mix: Mix) -> list[Mix]:
    """Return the mixes that come of taking out what is worth least; the last is ``mix``."""
    path, left = [mix], mix
    while len(left) > 1:
        best = min(_parts(estimate, left), key=lambda part: _worth(estimate, left, part))
        left = left - best
        path.append(left)
    return [found for found in reversed(path) if found]


def _parts(estimate: Estimate, mix: Mix) -> list[Mix]:
    """Return what can be taken out of a mix at once: an op, or an island."""
    islands: list[set[int]] = []
    for place in sorted(mix):
        near = [island for island in islands if island & set(estimate.ops[place].sources)]
        islands = [island for island in islands if island not in near]
        islands.append({place}.union(*near))
    whole = [frozenset(island) for island in islands]
    return [*whole, *(frozenset({place}) for place in mix)]


def _worth(estimate: Estimate, mix: Mix, part: Mix) -> tuple[bool, float]:
    """Return the noise that a part keeps away for its cost; one that costs nothing stays."""
    left = mix - part
    price = estimate.price(left, part)
    return price <= 0.0, estimate.gain(left, part) / max(price, TINY)


def worth_it(estimate: Estimate, path: Sequence[Mix]) -> list[Mix]:
    """Return the mixes of a path than which no other has both less noise and less cost, by cost."""
    figures = sorted((estimate.cost(mix), estimate.noise(mix), sorted(mix)) for mix in path)
    found: list[Mix] = []
    least = float("inf")
    for _, noise, places in figures:
        if noise < least:
            least = noise
            found.append(frozenset(places))
    return found

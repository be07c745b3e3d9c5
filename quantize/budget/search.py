"""The search for the cheapest mix: each try is a real file, corrected and proven as any other.

Estimates give the order of the tries. The choice is by the drop on the held-out images, the bytes,
and the latency beside the int8 and the float32 file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgecnn.quantize.budget.mix_estimate import Estimate, Mix
from edgecnn.quantize.budget.mix_paths import (
    cheapest_first,
    loudest_first,
    prefixes,
    smaller_mixes,
    suffixes,
)
from edgecnn.quantize.recovery.kind_words import KIND_WORDS
from edgecnn.quantize.recovery.pipeline import MAKING_FAILS, RecoveredGraph
from edgecnn.quantize.recovery.proof import Fidelity, OutputFidelity
from edgecnn.quantize.timing.latencies import Latencies
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.graph import Graph

MOST_TRIES = 20
KEPT_FOR_FEWER = 5
"""Tries that are reserved for taking ops out of the best mix."""
ESTIMATE_SLACK = 1.25
"""Factor by which estimated costs may be wrong: a mix that should cost more than so many times the
best one's is not tried."""
FINALISTS = 3
"""Number of the cheapest mixes that are compared once more at the end."""
FASTER_THAN_FLOAT32 = 0.98
"""Greatest part of float32's latency with which a mix counts as faster."""
DROP_TOLERANCE = 1e-9
"""Points by which two ways to compute the same percentage may differ."""


TOP1 = "top-1"
"""What is counted where labels are known."""


def drop_of(fidelity: Fidelity) -> float:
    """Return what a file loses, in the unit of :func:`unit_of`.

    The drop is of top-1 against the float file where labels are known, else that of the output
    that loses most.

    Args:
        fidelity: Fidelity of a file.

    Example:
        >>> drop_of(Fidelity(100, 0.9, 20.0, 0.01, top1_percent=54.5, float_top1_percent=56.0))
        1.5
    """
    if fidelity.top1_percent is not None and fidelity.float_top1_percent is not None:
        return fidelity.float_top1_percent - fidelity.top1_percent
    worst = _worst(fidelity)
    return KIND_WORDS[worst.kind].loss(worst)


def unit_of(fidelity: Fidelity) -> str:
    """Return what a drop is counted in: ``"top-1"``, or the unit of the kind of the worst output.

    Args:
        fidelity: Fidelity of a file.
    """
    return TOP1 if fidelity.top1_percent is not None else KIND_WORDS[_worst(fidelity).kind].unit


def _worst(fidelity: Fidelity) -> OutputFidelity:
    return max(fidelity.outputs, key=lambda output: KIND_WORDS[output.kind].loss(output))


@dataclass(frozen=True)
class MixTry:
    """A mix, the file that it makes, and what the file costs.

    Args:
        mix: Places of the ops in float32.
        recovered: The mix's graph and its fidelity.
        content: The file's bytes.
        over_int8: The file's latency over the int8 file's.
        over_float32: The file's latency over the float32 file's.
        cost: The file's bytes times its latency, both over the int8 file's.
    """

    mix: Mix
    recovered: RecoveredGraph
    content: bytes
    over_int8: LatencyRatio
    over_float32: LatencyRatio
    cost: float


@dataclass(frozen=True)
class MixMaker:
    """The two files that mixes lie between, and how to make a mix.

    Args:
        int8: The file with all layers in int8.
        float32: The file with all layers in float32.
        make: Makes a mix, with the results of the given names in float32.
        write: Returns the bytes of a graph's file as it is published.
        latencies: Where the latencies of files come from.
    """

    int8: bytes
    float32: bytes
    make: Callable[[Sequence[str]], RecoveredGraph]
    write: Callable[[Graph], bytes]
    latencies: Latencies


class Search:
    """Searches the cheapest mix within a budget.

    Args:
        maker: Makes the mixes, and has the two files that they lie between.
        estimate: Estimates the mixes' noise and cost.
        most_drop: The budget in points.
        on_try: Called with the number of each try, from 1 on.

    Example:
        >>> best = Search(maker, estimate, 0.5, print).run()
        >>> best is None or drop_of(best.recovered.after) <= 0.5
        True
    """

    def __init__(
        self, maker: MixMaker, estimate: Estimate, most_drop: float, on_try: Callable[[int], None]
    ) -> None:
        self._maker, self._estimate = maker, estimate
        self._most_drop, self._on_try = most_drop, on_try
        self.tries = 0
        self._meets_by_mix: dict[Mix, bool] = {}
        self._finalists: list[MixTry] = []
        self._nearest: MixTry | None = None

    def run(self) -> MixTry | None:
        """Try mixes until the cheapest is found or the tries are used up.

        Returns:
            The cheapest mix; None where no mix that is smaller and faster than float32 meets the
            budget.
        """
        for path in (cheapest_first, prefixes, suffixes, loudest_first):
            self._bisect(self._promising(path(self._estimate)), MOST_TRIES - KEPT_FOR_FEWER)
        if self._finalists:
            self._bisect(smaller_mixes(self._estimate, self._finalists[0].mix), MOST_TRIES)
        # A device measured the finalists at different times, so they are measured in one race.
        raced = self._raced([(best.mix, best.recovered, best.content) for best in self._finalists])
        return min(raced, key=lambda tried: tried.cost, default=None)

    def nearest(self) -> MixTry | None:
        """Return the mix that lost least; None where none was smaller and faster than float32."""
        return self._nearest

    def _promising(self, path: list[Mix]) -> list[Mix]:
        """Return the mixes of a path that may be smaller than float32 and cheaper than the best."""
        ops, room = self._estimate.ops, len(self._maker.float32) - len(self._maker.int8)
        most = float("inf")
        if self._finalists:
            most = ESTIMATE_SLACK * self._estimate.cost(self._finalists[0].mix)
        return [
            mix
            for mix in path
            if sum(ops[place].extra_bytes for place in mix) < room
            and self._estimate.cost(mix) <= most
        ]

    def _bisect(self, path: list[Mix], most_tries: int) -> None:
        """Find the first mix of a path that meets the budget; later ones are taken to meet it."""
        fails, meets = -1, len(path)
        # As long as no mix meets the budget, a path's last one is tried first: many paths may not
        # lead within the budget at all.
        place = meets // 2 if self._finalists else meets - 1
        while meets - fails > 1:
            if path[place] not in self._meets_by_mix and self.tries >= most_tries:
                return
            if self._meets(path[place]):
                meets = place
            else:
                fails = place
            place = (fails + meets) // 2

    def _meets(self, mix: Mix) -> bool:
        if mix not in self._meets_by_mix:
            self.tries += 1
            self._on_try(self.tries)
            graph = self._made(mix)
            meets = graph is not None and drop_of(graph.after) <= self._most_drop + DROP_TOLERANCE
            self._meets_by_mix[mix] = meets
            if graph is not None:
                content = self._maker.write(graph.graph)
                if len(content) < len(self._maker.float32):
                    self._keep(mix, graph, content, meets=meets)
        return self._meets_by_mix[mix]

    def _made(self, mix: Mix) -> RecoveredGraph | None:
        names = [self._estimate.ops[place].name for place in sorted(mix)]
        try:
            graph = self._maker.make(names)
        except MAKING_FAILS:
            return None
        # A layer under another name would stay in float32 without being told of.
        return graph if layers_in_float(graph.graph) <= set(names) else None

    def _keep(self, mix: Mix, graph: RecoveredGraph, content: bytes, *, meets: bool) -> None:
        """Remember a file that is among the cheapest, or the nearest of those out of the budget."""
        if meets:
            raced = [*self._finalists, *self._raced([(mix, graph, content)])]
            self._finalists = sorted(raced, key=lambda tried: tried.cost)[:FINALISTS]
        elif self._nearest is None or drop_of(graph.after) < drop_of(self._nearest.recovered.after):
            self._nearest = next(iter(self._raced([(mix, graph, content)])), self._nearest)

    def _raced(self, mixes: Sequence[tuple[Mix, RecoveredGraph, bytes]]) -> list[MixTry]:
        """Get the latencies of mixes and return those that are surely faster than float32."""
        if not mixes:
            return []
        int8, float32 = len(mixes), len(mixes) + 1
        contents = [content for _, _, content in mixes]
        race = self._maker.latencies.race([*contents, self._maker.int8, self._maker.float32])
        tried = []
        for place, (mix, graph, content) in enumerate(mixes):
            over_int8, over_float32 = race.ratio(place, int8), race.ratio(place, float32)
            cost = len(content) / len(self._maker.int8) * over_int8.value
            if over_float32.high <= FASTER_THAN_FLOAT32:
                tried.append(MixTry(mix, graph, content, over_int8, over_float32, cost))
        return tried


def layers_in_float(graph: Graph) -> set[str]:
    """Return the names of the results of a graph's weighted ops whose weights are float32."""
    return {op.result.name for op in graph.ops if op.is_weighted and op.weights.is_float}

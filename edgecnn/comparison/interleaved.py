"""Comparing two files that one bench timed interleaved: turn by turn, so that drift cancels.

A machine that others share is up to a fifth slower for seconds at a time. Between two benches this
cannot be told from a slower model; within one bench, both files are slowed down in the same turns.
:mod:`edgecnn.records.signed_ranks` gives the median of the turns' ratios, which a few disturbed
turns do not move.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from edgecnn.accuracy.shares import normal_quantile
from edgecnn.comparison.pairing import Pair
from edgecnn.records.bootstrap import Floats, statistic
from edgecnn.records.interval import DECISION_CONFIDENCE, Interval
from edgecnn.records.record import Record
from edgecnn.records.signed_ranks import signed_rank_interval

PLACEMENT = 0.005
"""Assumed relative standard deviation of the latency by the place of a process' memory, which does
not change from turn to turn."""


def interleaved_interval(pair: Pair, percent: float | None) -> Interval | None:
    """Return the change of the latency from a comparison turn by turn.

    Args:
        pair: The files that are compared.
        percent: Percentile that is compared; None compares means.

    Returns:
        The change and its interval; None where the two sides were not timed interleaved, or with
        too few turns or too few calls in a turn.
    """
    together = _matched(pair)
    if together is None:
        return None
    ratios = [_ratios(base, new, percent) for base, new in together]
    bounds = signed_rank_interval(np.concatenate(ratios))
    if bounds is None:
        return None
    placement = normal_quantile(DECISION_CONFIDENCE) * PLACEMENT * math.sqrt(2 / len(together))
    low, middle, high = bounds
    ends = (
        middle - math.hypot(middle - low, placement),
        middle + math.hypot(high - middle, placement),
    )
    return Interval(math.expm1(middle), math.expm1(ends[0]), math.expm1(ends[1]))


def are_interleaved(pair: Pair) -> bool:
    """Return whether the two sides took turns, so that heat and other programs met both alike."""
    return _matched(pair) is not None


def _matched(pair: Pair) -> list[tuple[Record, Record]] | None:
    """Return the base and new record of each bench; None where a bench has only one of them."""
    bases, news = (
        {record.turn_group: record for record in side if _has_turns(record)}
        for side in (pair.base, pair.new)
    )
    if bases.keys() != news.keys() or (len(bases), len(news)) != (len(pair.base), len(pair.new)):
        return None
    return [(bases[group], news[group]) for group in bases] or None


def _has_turns(record: Record) -> bool:
    runs = record.turn_runs or (0,)
    whole = min(runs) > 0 and sum(runs) == len(record.latency_samples_ms)
    return record.turn_group is not None and whole


def _ratios(base: Record, new: Record, percent: float | None) -> Floats:
    """Return the logarithm of new over base of each turn, or of several turns if they are short."""
    calls = 1 if percent is None else math.ceil(100 / (100 - percent))
    # A model that became slower than the other makes all of its calls before the last turns.
    runs = list(zip(base.turn_runs or (), new.turn_runs or (), strict=False))
    at_once = math.ceil(calls / min(map(min, runs)))
    sides = []
    for record, own_runs in zip((base, new), zip(*runs, strict=True), strict=True):
        ends = [0, *np.cumsum(own_runs)][::at_once]
        samples = np.asarray(record.latency_samples_ms, np.float64)
        stretches = [samples[begin:end] for begin, end in itertools.pairwise(ends)]
        sides.append(np.log([statistic(stretch[None], percent)[0] for stretch in stretches]))
    return np.asarray(sides[1] - sides[0], np.float64)

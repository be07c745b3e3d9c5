"""The change of each figure between two files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from edgecnn.comparison.interleaved import are_interleaved, interleaved_interval
from edgecnn.comparison.intervals import (
    difference_of_bounds,
    difference_of_medians,
    paired_draws_interval,
    paired_points_interval,
    points_interval,
    ratio_interval,
    single_interval,
)
from edgecnn.comparison.pairing import Pair
from edgecnn.comparison.same_images import are_other_images, same_draws, same_images, why_not_paired
from edgecnn.records.bootstrap import has_enough, percentile_interval
from edgecnn.records.conditions import give_same_answers
from edgecnn.records.consistency import HITS
from edgecnn.records.fields import Better, Field, Spread, Topic
from edgecnn.records.interval import DECISION_CONFIDENCE, Interval
from edgecnn.records.record import FIELDS, NOISY, THROTTLED, Record

METRICS = {
    field.name: field
    for field in sorted(FIELDS.values(), key=lambda field: field.topic.value)
    if field.spread is not None
}
"""The figures that are compared, by name, in the order of their topics."""

WORDS = {
    Topic.SIZE: ("smaller", "larger"),
    Topic.SPEED: ("faster", "slower"),
    Topic.ACCURACY: ("worse", "better"),
}
"""Topic of a figure -> words for a lower and a higher value; more accuracy is usually better."""

CHANGE_TITLES = ("metric", "base", "new", "change", "interval", "verdict")
"""Heads of the columns of :attr:`Change.cells`."""

ALIASES = {"top1": "top1_percent", "top5": "top5_percent"}


@dataclass(frozen=True)
class Change:
    """The change of one figure from base to new.

    Args:
        metric: Name of the figure, a key of METRICS.
        base: Value on the base side, the mean of repeated runs.
        new: Value on the new side, the mean of repeated runs.
        interval: Interval of the change; None where the change is not known.
        why_unknown: Why the change is not known; empty where it is.
        why_unpaired: Why the two are compared as if their samples were different ones; empty where
            they are compared sample by sample, or have none.
    """

    metric: str
    base: float
    new: float
    interval: Interval | None
    why_unknown: str = ""
    why_unpaired: str = ""

    @property
    def verdict(self) -> str:
        """One word or a few: ``"slower"``, ``"no difference seen"``, ``"cannot tell"``."""
        if self.interval is None:
            return "cannot tell"
        if not self.interval.is_different:
            same = self.interval.low == self.interval.high == 0
            return "the same" if same else "no difference seen"
        field = METRICS[self.metric]
        less, more = WORDS.get(field.topic, ("less", "more"))
        is_more = self.interval.low > 0
        if field.topic is Topic.ACCURACY and field.better is Better.LOWER:
            is_more = not is_more
        return more if is_more else less

    @property
    def change_text(self) -> str:
        """The change: ``"+5.2%"``, or ``"-0.40 points"``."""
        if unit := METRICS[self.metric].change_unit:
            return f"{self.new - self.base:+.2f} {unit}"
        change = self.interval.change if self.interval else self.new / self.base - 1
        return f"{100 * change:+.1f}%"

    @property
    def interval_text(self) -> str:
        """The interval of the change: ``"99% interval +3.0% to +7.4%"``."""
        if self.interval is None:
            return self.why_unknown
        low, high = self.interval.low, self.interval.high
        if METRICS[self.metric].spread is Spread.EXACT:
            return "exact"
        if unit := METRICS[self.metric].change_unit:
            return f"{DECISION_CONFIDENCE:.0%} interval {low:+.2f} to {high:+.2f} {unit}"
        return f"{DECISION_CONFIDENCE:.0%} interval {100 * low:+.1f}% to {100 * high:+.1f}%"

    @property
    def note(self) -> str | None:
        """What to know of how the change was found, as one line; None where there is nothing."""
        return f"{self.metric}: {self.why_unpaired}" if self.why_unpaired else None

    @property
    def cells(self) -> tuple[str, ...]:
        """The change as a row of a table whose columns are ``CHANGE_TITLES``."""
        values = (METRICS[self.metric].precise_text(value) for value in (self.base, self.new))
        return (self.metric, *values, self.change_text, self.interval_text, self.verdict)


def changes_of(pair: Pair) -> list[Change]:
    """Return the change of each figure that both sides have."""
    changes = (figure_change(name, pair) for name in METRICS)
    return [change for change in changes if change is not None]


def figure_change(name: str, pair: Pair) -> Change | None:
    """Return the change of a figure; None where a side does not have it.

    Args:
        name: Name of the figure, a key of METRICS.
        pair: The files that are compared.
    """
    field = METRICS[name]
    if field.spread is Spread.IMAGES:
        return _share_change(field.name, pair)
    if field.spread is Spread.BOUNDS:
        return _bounds_change(field, pair)
    values = [[getattr(record, field.name) for record in side] for side in (pair.base, pair.new)]
    if any(not value for side in values for value in side):
        return None
    base, new = (sum(side) / len(side) for side in values)
    if field.spread is Spread.EXACT:
        exact = new / base - 1
        return Change(field.name, base, new, Interval(exact, exact, exact))
    if why := _why_unknown(field, pair):
        return Change(field.name, base, new, None, why)
    if field.spread is Spread.RUNS:
        return Change(field.name, base, new, single_interval(base, new))
    return Change(field.name, base, new, _latency_interval(pair, field.percent))


def median_change(base: Record, new: Record) -> Interval | None:
    """Return the relative change of the median time between two runs; None where it is not known.

    It is the change of ``latency_p50_ms`` that :func:`figure_change` gives for files that took
    turns. Of others it follows from the medians' own intervals instead of all calls, so that the
    many pairs of a report take no time.

    Args:
        base: The run that the change starts from.
        new: The other run.
    """
    pair, field = Pair((base,), (new,)), METRICS["latency_p50_ms"]
    if _why_unknown(field, pair):
        return None
    if (interleaved := interleaved_interval(pair, field.percent)) is not None:
        return interleaved
    return difference_of_medians(_median_of(base), _median_of(new))


@lru_cache(maxsize=1024)
def _median_of(record: Record) -> tuple[float, float, float]:
    """Return a median with the ends of its interval, in milliseconds."""
    low, high = record.latency_p50_low_ms, record.latency_p50_high_ms
    if low is None or high is None or low <= 0:
        # Records of the first versions have no intervals.
        ends = percentile_interval(record.latency_samples_ms, 50)
        assert ends is not None, "the calls are enough"
        low, high = ends
    return low, record.latency_p50_ms, high


def _share_change(name: str, pair: Pair) -> Change | None:
    """Return the change of a share of images; None where a side does not have that share.

    Args:
        name: Name of the figure: ``"top1_percent"`` or ``"top5_percent"``.
        pair: The files that are compared.
    """
    one, other = (_first_with(side, name) for side in (pair.base, pair.new))
    if one is None or other is None:
        return None
    base, new = getattr(one, name), getattr(other, name)
    if base == new and give_same_answers(one, other) and not are_other_images(one, other):
        return Change(name, base, new, Interval(0.0, 0.0, 0.0))
    if cells := same_images(one, other, name):
        return Change(name, base, new, paired_points_interval(*cells))
    assert one.images and other.images
    interval = points_interval(base, new, one.images, other.images)
    return Change(name, base, new, interval, why_unpaired=why_not_paired(one, other))


def _bounds_change(field: Field, pair: Pair) -> Change | None:
    """Return the change of a figure with an interval of its own; None where a side lacks it.

    Files that were given the same samples are compared sample by sample, or by the same draws of
    them. Where a record does not say how it went on each sample, the interval of the change is that
    for different ones, which is too wide: it errs on the safe side, and the change says so.

    Args:
        field: The figure.
        pair: The files that are compared.
    """
    one, other = (_first_with(side, field.name) for side in (pair.base, pair.new))
    if one is None or other is None or one.metric != other.metric:
        return None
    base, new = getattr(one, field.name), getattr(other, field.name)
    if base == new and give_same_answers(one, other) and not are_other_images(one, other):
        return Change(field.name, base, new, Interval(0.0, 0.0, 0.0))
    is_relative = field.change_unit is None
    if not base and is_relative:
        return None
    if field.name in HITS and (cells := same_images(one, other, field.name)):
        return Change(field.name, base, new, paired_points_interval(*cells))
    if (draws := same_draws(one, other)) and (one.images or 0) > 1:
        interval = paired_draws_interval(base, new, draws, one.images or 0, is_relative=is_relative)
        return Change(field.name, base, new, interval)
    return _unpaired_change(field, one, other)


def _unpaired_change(field: Field, one: Record, other: Record) -> Change:
    """Return the change of a figure from the intervals of both records, as of different samples."""
    base, new = getattr(one, field.name), getattr(other, field.name)
    ends = [[getattr(record, bound) for bound in field.bounds] for record in (one, other)]
    if None in (*ends[0], *ends[1]):
        return Change(field.name, base, new, None, "too few samples for an interval")
    low, high = difference_of_bounds((ends[0][0], base, ends[0][1]), (ends[1][0], new, ends[1][1]))
    interval = Interval(new - base, low, high)
    if field.change_unit is None:
        interval = Interval(new / base - 1, low / base, high / base)
    return Change(field.name, base, new, interval, why_unpaired=why_not_paired(one, other))


def _why_unknown(field: Field, pair: Pair) -> str:
    """Return why the change of a figure is not known; empty where it is."""
    records = (*pair.base, *pair.new)
    if any(field.is_withheld(record) for record in records):
        return "an emulated CPU's times say nothing of a board"
    if field.spread is not Spread.SAMPLES:
        return ""
    is_throttled = any(record.verdict == THROTTLED for record in records)
    if is_throttled and not are_interleaved(pair):
        return "a device was throttled, and may be slower by any factor: cool it, measure again"
    if not all(has_enough(record.latency_samples_ms, field.percent) for record in records):
        return "too few calls: use a higher --runs"
    if min(min(record.latency_samples_ms) for record in records) <= 0:
        return "the clock is too coarse for these calls"
    return ""


def _latency_interval(pair: Pair, percent: float | None) -> Interval:
    if (interleaved := interleaved_interval(pair, percent)) is not None:
        return interleaved
    base, new = ([run.latency_samples_ms for run in side] for side in (pair.base, pair.new))
    interval = ratio_interval(base, new, percent)
    return interval.widened(_slowed_by_noise(pair.new), _slowed_by_noise(pair.base))


def _slowed_by_noise(side: tuple[Record, ...]) -> float:
    """Return how much slower than on a quiet device noisy runs may be, as a mean logarithm."""
    return sum(map(_noise, side)) / len(side)


def _noise(record: Record) -> float:
    # The record's lower end is what a quiet device could have shown; the samples do not tell it.
    measured = percentile_interval(record.latency_samples_ms, 50)
    low = record.latency_p50_low_ms
    if record.verdict != NOISY or not low or measured is None:
        return 0.0
    return max(0.0, math.log(measured[0] / low))


def _first_with(records: tuple[Record, ...], name: str) -> Record | None:
    measured = (r for r in records if getattr(r, name) is not None and r.images)
    return next(measured, None)

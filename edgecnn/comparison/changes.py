"""What changed between two files, for each figure that both have."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgecnn.comparison.interleaved import interleaved_interval
from edgecnn.comparison.intervals import (
    Interval,
    paired_points_interval,
    points_interval,
    ratio_interval,
    single_interval,
)
from edgecnn.comparison.pairing import Pair
from edgecnn.records.bootstrap import DECISION_CONFIDENCE, has_enough, percentile_interval
from edgecnn.records.conditions import LabelledData, give_same_answers
from edgecnn.records.fields import Better, Field, Spread, Topic
from edgecnn.records.record import FIELDS, NOISY, Record

METRICS = {
    field.name: field
    for field in sorted(FIELDS.values(), key=lambda field: field.topic.value)
    if field.spread is not None
}
"""Figures that are compared, by name."""

WORDS = {
    Topic.SIZE: ("smaller", "larger"),
    Topic.SPEED: ("faster", "slower"),
    Topic.ACCURACY: ("worse", "better"),
}
"""Topic of a figure -> what less and more of it is called; of accuracy, more is usually better."""

ALIASES = {"top1": "top1_percent", "top5": "top5_percent"}


@dataclass(frozen=True)
class Change:
    """The change of one figure from base to new.

    Args:
        metric: Name of the figure, a key of METRICS.
        base: Its value on the base side, the mean of repeated runs.
        new: Its value on the new side, the mean of repeated runs.
        interval: Where the change lies; None where nothing can be said of it.
        why_unknown: Why nothing can be said; empty otherwise.
    """

    metric: str
    base: float
    new: float
    interval: Interval | None
    why_unknown: str = ""

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
        if METRICS[self.metric].in_points:
            return f"{self.new - self.base:+.2f} points"
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
        if METRICS[self.metric].in_points:
            return f"{DECISION_CONFIDENCE:.0%} interval {low:+.2f} to {high:+.2f} points"
        return f"{DECISION_CONFIDENCE:.0%} interval {100 * low:+.1f}% to {100 * high:+.1f}%"

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of a table: the metric, base, new, the change, its interval, and the verdict."""
        values = (METRICS[self.metric].precise_text(value) for value in (self.base, self.new))
        return (self.metric, *values, self.change_text, self.interval_text, self.verdict)


def changes_of(pair: Pair) -> list[Change]:
    """Return the change of each figure that both sides have."""
    made = (_change(field, pair) for field in METRICS.values())
    return [change for change in made if change is not None]


def share_change(name: str, pair: Pair) -> Change | None:
    """Return the change of a share of images; None where a side has none.

    Args:
        name: Name of the figure: ``"top1_percent"`` or ``"top5_percent"``.
        pair: The files that are compared.
    """
    one, other = (_first_with(side, name) for side in (pair.base, pair.new))
    if one is None or other is None:
        return None
    base, new = getattr(one, name), getattr(other, name)
    if base == new and give_same_answers(one, other):
        return Change(name, base, new, Interval(0.0, 0.0, 0.0))
    if name == "top1_percent" and (cells := _same_images(one, other)):
        return Change(name, base, new, paired_points_interval(*cells))
    assert one.images and other.images
    return Change(name, base, new, points_interval(base, new, one.images, other.images))


def _change(field: Field, pair: Pair) -> Change | None:
    if field.in_points:
        return share_change(field.name, pair)
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


def _why_unknown(field: Field, pair: Pair) -> str:
    """Return why nothing can be said of the change of a figure, empty where something can."""
    records = (*pair.base, *pair.new)
    if any(field.is_withheld(record) for record in records):
        return "an emulated CPU's times say nothing of a board"
    if field.spread is not Spread.SAMPLES:
        return ""
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
    """Return how much slower noisy runs may be than on a quiet device, as a mean logarithm."""
    return sum(map(_noise, side)) / len(side)


def _noise(record: Record) -> float:
    # The record's lower end is what a quiet device could have shown; its samples do not know.
    measured = percentile_interval(record.latency_samples_ms, 50)
    low = record.latency_p50_low_ms
    if record.verdict != NOISY or not low or measured is None:
        return 0.0
    return max(0.0, math.log(measured[0] / low))


def _same_images(base: Record, new: Record) -> tuple[int, int, int, int] | None:
    """Return images that both, new alone, base alone and none is right on.

    That is known where one was measured ``--against`` the other, if the other answered there as it
    does here.
    """
    if base.against_sha256 == new.model_sha256 and new.against_sha256 != base.model_sha256:
        cells = _same_images(new, base)
        return cells and (cells[0], cells[2], cells[1], cells[3])
    is_same_data = LabelledData.of(base) == LabelledData.of(new)
    answered_alike = is_same_data and base.top1_percent == new.against_top1_percent
    only_new, only_base = new.images_only_right, new.images_only_against_right
    if new.against_sha256 != base.model_sha256 or not answered_alike:
        return None
    if new.images is None or new.top1_percent is None or only_new is None or only_base is None:
        return None
    both = round(new.images * new.top1_percent / 100) - only_new
    return both, only_new, only_base, new.images - both - only_new - only_base


def _first_with(records: tuple[Record, ...], name: str) -> Record | None:
    measured = (r for r in records if getattr(r, name) is not None and r.images)
    return next(measured, None)

"""What is compared, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgecnn.comparison.in_turn import in_turn_interval
from edgecnn.comparison.intervals import (
    Interval,
    paired_points_interval,
    points_interval,
    ratio_interval,
    single_interval,
)
from edgecnn.comparison.pairing import Pair
from edgecnn.measure.bootstrap import CONFIDENCE, has_enough, percentile_interval
from edgecnn.measure.verdict import NOISY
from edgecnn.results.record import Record


@dataclass(frozen=True)
class Metric:
    """A field of a record that is compared.

    Args:
        words: What less and more of it is called.
        percent: Of a latency: which percentile of its samples; None is their mean.
        is_latency: Whether it comes from samples.
        in_points: Whether it is a share in percent, whose changes are points.
        is_exact: Whether it is the same each time.
    """

    words: tuple[str, str]
    percent: float | None = None
    is_latency: bool = False
    in_points: bool = False
    is_exact: bool = False


FASTER = ("faster", "slower")
METRICS = {
    "latency_p50_ms": Metric(FASTER, 50, is_latency=True),
    "latency_p90_ms": Metric(FASTER, 90, is_latency=True),
    "latency_p99_ms": Metric(FASTER, 99, is_latency=True),
    "latency_mean_ms": Metric(FASTER, is_latency=True),
    "model_bytes": Metric(("smaller", "larger"), is_exact=True),
    "peak_rss_bytes": Metric(("less", "more")),
    "top1_percent": Metric(("worse", "better"), in_points=True),
    "top5_percent": Metric(("worse", "better"), in_points=True),
}
ALIASES = {"top1": "top1_percent", "top5": "top5_percent"}


@dataclass(frozen=True)
class Change:
    """One metric of a pair.

    Args:
        metric: A key of METRICS.
        base: Its value; the mean of repeated runs.
        new: The same of the other side.
        interval: Of the change; None where nothing can be said.
        why_unknown: Then why.
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
        return METRICS[self.metric].words[self.interval.low > 0]

    @property
    def change_text(self) -> str:
        """The change: ``"+5.2%"``, or ``"-0.40 points"``."""
        if METRICS[self.metric].in_points:
            return f"{self.new - self.base:+.2f} points"
        change = self.interval.change if self.interval else self.new / self.base - 1
        return f"{100 * change:+.1f}%"

    @property
    def interval_text(self) -> str:
        """Where it lies: ``"99% interval +3.0% to +7.4%"``."""
        if self.interval is None:
            return self.why_unknown
        low, high = self.interval.low, self.interval.high
        if METRICS[self.metric].is_exact:
            return "exact"
        if METRICS[self.metric].in_points:
            return f"{CONFIDENCE:.0%} interval {low:+.2f} to {high:+.2f} points"
        return f"{CONFIDENCE:.0%} interval {100 * low:+.1f}% to {100 * high:+.1f}%"


def changes_of(pair: Pair) -> list[Change]:
    """Return the change of each metric that both sides have."""
    made = (_change(name, metric, pair) for name, metric in METRICS.items())
    return [change for change in made if change is not None]


def _change(name: str, metric: Metric, pair: Pair) -> Change | None:
    if metric.in_points:
        return share_change(name, pair)
    values = [[getattr(record, name) for record in side] for side in (pair.base, pair.new)]
    if any(not value for side in values for value in side):
        return None
    base, new = (sum(side) / len(side) for side in values)
    if metric.is_exact:
        exact = new / base - 1
        return Change(name, base, new, Interval(exact, exact, exact))
    if not metric.is_latency:
        return Change(name, base, new, single_interval(base, new))
    if any(record.emulated for record in (*pair.base, *pair.new)):
        return Change(name, base, new, None, "an emulated CPU's times say nothing of a board")
    samples = [[record.latency_samples_ms for record in side] for side in (pair.base, pair.new)]
    every = [run for side in samples for run in side]
    if not all(has_enough(run, metric.percent) for run in every):
        return Change(name, base, new, None, "too few calls: use a higher --runs")
    if min(map(min, every)) <= 0:
        return Change(name, base, new, None, "the clock is too coarse for these calls")
    if (together := in_turn_interval(pair, metric.percent)) is not None:
        return Change(name, base, new, together)
    interval = ratio_interval(samples[0], samples[1], metric.percent)
    return Change(name, base, new, interval.widened(_unsure(pair.new), _unsure(pair.base)))


def _unsure(side: tuple[Record, ...]) -> float:
    """Return by how much noisy runs may be too slow, as a logarithm, on average."""
    return sum(map(_of_noise, side)) / len(side)


def _of_noise(record: Record) -> float:
    # The record's lower end is what a quiet device could have shown; its samples do not know.
    measured = percentile_interval(record.latency_samples_ms, 50)
    low = record.latency_p50_low_ms
    if record.verdict != NOISY or not low or measured is None:
        return 0.0
    return max(0.0, math.log(measured[0] / low))


def share_change(name: str, pair: Pair) -> Change | None:
    """Return the change of a share of images; None where a side has none.

    Args:
        name: ``"top1_percent"`` or ``"top5_percent"``.
        pair: What is compared.
    """
    one, other = (_with(side, name) for side in (pair.base, pair.new))
    if one is None or other is None:
        return None
    base, new = getattr(one, name), getattr(other, name)
    same = ("model_sha256", "runtime", "runtime_version", "data", "images", "architecture")
    if base == new and all(getattr(one, field) == getattr(other, field) for field in same):
        # The same file, runtime and images: the same answers.
        return Change(name, base, new, Interval(0.0, 0.0, 0.0))
    if name == "top1_percent" and (cells := _same_images(one, other)):
        return Change(name, base, new, paired_points_interval(*cells))
    assert one.images and other.images
    return Change(name, base, new, points_interval(base, new, one.images, other.images))


def _same_images(base: Record, new: Record) -> tuple[int, int, int, int] | None:
    """Return images that both, new alone, base alone and none is right on.

    That is known where one was measured ``--against`` the other, which answered as it does here.
    """
    if base.against_sha256 == new.model_sha256 and new.against_sha256 != base.model_sha256:
        cells = _same_images(new, base)
        return cells and (cells[0], cells[2], cells[1], cells[3])
    alike = (base.data, base.images, base.top1_percent) == (
        new.data,
        new.images,
        new.against_top1_percent,
    )
    only_new, only_base = new.images_only_right, new.images_only_against_right
    if new.against_sha256 != base.model_sha256 or not alike:
        return None
    if new.images is None or new.top1_percent is None or only_new is None or only_base is None:
        return None
    both = round(new.images * new.top1_percent / 100) - only_new
    return both, only_new, only_base, new.images - both - only_new - only_base


def _with(records: tuple[Record, ...], name: str) -> Record | None:
    measured = (r for r in records if getattr(r, name) is not None and r.images)
    return next(measured, None)

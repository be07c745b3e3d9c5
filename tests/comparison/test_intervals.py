"""Intervals hold what they promise, on samples whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgecnn.comparison.changes import figure_change, median_change
from edgecnn.comparison.intervals import (
    difference_of_medians,
    points_interval,
    ratio_interval,
    single_interval,
)
from edgecnn.comparison.pairing import Pair
from edgecnn.records.bootstrap import BETWEEN_RUNS, has_enough

from .conftest import MakeRun


def runs(true_ms: float, random: Any, count: int = 1, between: float = 0.01) -> list[Any]:
    """Runs of 200 calls, each as a whole off by what differs between runs."""
    offs = np.exp(random.normal(0, between, count))
    return [true_ms * off * (1 + np.abs(random.normal(0, 0.03, 200))) for off in offs]


def test_no_change_is_seldom_called_one_and_a_tenth_nearly_always() -> None:
    random = np.random.default_rng(1)
    same = [ratio_interval(runs(3, random), runs(3, random), 50) for _ in range(60)]
    more = [ratio_interval(runs(3, random), runs(3.3, random), 50) for _ in range(60)]
    # At 99 % and as much between runs as is assumed: 0.6 of 60 expected, 4 or more have 0.3 %.
    assert sum(one.is_different for one in same) <= 3
    assert sum(one.is_different for one in more) >= 54
    assert sum(one.low <= 0.1 <= one.high for one in more) >= 56


def test_repeated_runs_narrow_the_interval() -> None:
    random = np.random.default_rng(2)
    one = ratio_interval(runs(3, random), runs(3, random), 50)
    nine = ratio_interval(runs(3, random, 9), runs(3, random, 9), 50)
    assert nine.high - nine.low < (one.high - one.low) / 2


def test_runs_that_differ_widen_it() -> None:
    random = np.random.default_rng(3)
    quiet = ratio_interval(runs(3, random, 5, 0.01), runs(3, random, 5, 0.01), 50)
    loud = ratio_interval(runs(3, random, 5, 0.1), runs(3, random, 5, 0.1), 50)
    assert loud.high - loud.low > 3 * (quiet.high - quiet.low)


def test_drift_within_a_run_widens_it() -> None:
    random = np.random.default_rng(4)
    (flat,), (other,) = runs(3, random), runs(3, random)
    drifting = flat * np.linspace(1, 1.3, len(flat))
    still = ratio_interval([flat], [other], 50)
    drift = ratio_interval([drifting], [other], 50)
    assert drift.high - drift.low > 1.25 * (still.high - still.low)


def test_constant_samples_leave_what_is_between_runs() -> None:
    found = ratio_interval([[2.0] * 50], [[4.0] * 50], 50)
    assert found.change == pytest.approx(1)
    # 2.576 is the normal distribution's 99.5th percentile; two runs add their variances.
    half = 2.576 * 2**0.5 * BETWEEN_RUNS
    assert np.log1p(found.high) - np.log(2) == pytest.approx(half, rel=0.05)
    assert np.log(2) - np.log1p(found.low) == pytest.approx(half, rel=0.05)


def test_order_of_sides_mirrors_the_interval() -> None:
    random = np.random.default_rng(5)
    one, other = runs(3, random), runs(3.3, random)
    there, back = ratio_interval(one, other, 50), ratio_interval(other, one, 50)
    assert (1 + there.change) * (1 + back.change) == pytest.approx(1)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("count", "percent", "enough"),
    [(19, 50, False), (20, 50, True), (20, None, True), (49, 90, False), (50, 90, True),
     (499, 99, False), (500, 99, True)],
)  # fmt: skip
def test_percentiles_need_samples_beyond(count: int, percent: float | None, enough: bool) -> None:
    assert has_enough([1.0] * count, percent) is enough


def test_accuracy_as_newcombe_has_it() -> None:
    # Newcombe 1998, table II, example (a): 56/70 and 48/80, at 95 %: 0.0524 to 0.3339.
    from edgecnn.comparison import intervals

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "DECISION_CONFIDENCE", 0.95)
        found = points_interval(60.0, 80.0, 80, 70)
    assert found.change == pytest.approx(20)
    assert found.low == pytest.approx(5.24, abs=0.01)
    assert found.high == pytest.approx(33.39, abs=0.01)


def test_single_numbers() -> None:
    assert not single_interval(100, 103).is_different
    assert single_interval(100, 106).is_different


def test_the_change_of_medians_follows_from_their_own_intervals() -> None:
    """On a logarithmic scale the ends are as far away as the hypotenuse of the two distances."""
    side = math.exp(0.03)
    found = difference_of_medians((1 / side, 1.0, side), (2 / side**2, 2.0, 2 * side))
    assert found.change == pytest.approx(1.0)
    assert math.log1p(found.low) == pytest.approx(math.log(2) - math.hypot(0.06, 0.03))
    assert math.log1p(found.high) == pytest.approx(math.log(2) + math.hypot(0.03, 0.03))


def test_medians_alone_tell_what_all_calls_tell(make_run: MakeRun) -> None:
    for latency, is_different in ((3.05, False), (3.5, True)):
        base, new = make_run(3.0, seed=1), make_run(latency, seed=2)
        whole = figure_change("latency_p50_ms", Pair((base,), (new,)))
        alone = median_change(base, new)
        assert whole is not None and whole.interval is not None and alone is not None
        assert whole.interval.is_different == alone.is_different == is_different
        assert (alone.low, alone.high) == (
            pytest.approx(whole.interval.low, abs=0.01),
            pytest.approx(whole.interval.high, abs=0.01),
        )

"""What else ran while a model was timed, and what that says of its latency, on known numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgecnn.measure.percentile_intervals import percentile_intervals
from edgecnn.runner.ondevice import sampling
from edgecnn.runner.protocol import Counters
from edgecnn.runner.timing import Background, Timing

CORES = 2


def reading(at_s: float, cpu_s: float, busy: int, idle: int, steal: int = 0) -> Counters:
    """What a runner counts at one moment; busy, idle and steal are ticks of all cores."""
    line = f"cpu  {busy} 0 0 {idle} 0 0 0 {steal} 0 0"
    return Counters(at_s, line, cpu_s, voluntary=1, involuntary=int(at_s), major_faults=0)


def timing(samples: Any, waited: Any = None, background: Background | None = None) -> Timing:
    waits = tuple(map(float, waited)) if waited is not None else (0.0,) * len(samples)
    counted = background or Background(1.0, 1.0, 0, 0, 0, 200, 100, 0)
    every = tuple(map(float, samples))
    return Timing(every, (len(every),), waits, counted, None, 1.0, 40.0)


def test_what_others_used_is_what_the_runner_did_not() -> None:
    # In 2 s on two cores, 400 ticks: 300 busy, of which 1.5 s = 150 ticks are the runner's.
    before, after = reading(10, 5.0, 1000, 9000), reading(12, 6.5, 1300, 9080, 20)
    background = Background.of(before, after)
    assert background.seconds == 2
    assert background.involuntary == 2
    assert background.steal_share == pytest.approx(20 / 400)
    assert background.others_cores(CORES) == pytest.approx(2 * 300 / 400 - 0.75)
    twice = Background.total([background, background])
    assert twice.others_cores(CORES) == pytest.approx(0.75)
    assert (twice.seconds, twice.involuntary) == (4, 4)


def test_a_system_that_counts_nothing_says_nothing() -> None:
    nothing = Counters(0.0, "", None, None, None, None)
    background = Background.of(nothing, replace(nothing, at_s=1.0))
    assert background.others_cores(CORES) is None
    assert background.steal_share is None


def test_parts_join_in_their_order() -> None:
    joined = Timing.joined([timing([1.0, 2.0], [0.0, 1.0]), timing([3.0])])
    assert joined.samples_ms == (1.0, 2.0, 3.0)
    assert joined.running_ms == (1.0, 1.0, 3.0)
    assert joined.waited_share == pytest.approx(1 / 6)


def test_a_system_that_does_not_tell_what_was_waited_says_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Windows, whose clock of CPU time goes in steps longer than a call."""
    monkeypatch.setattr(sampling, "process_clock", lambda: None)
    samples, waited = sampling.timed_calls(lambda: None, 4, 20, 0.0, 100)
    assert len(samples) == 20 and not any(waited)
    unknown = replace(timing([2.0, 4.0]), waited_ms=None)
    assert (unknown.waited_share, unknown.running_ms) == (None, (2.0, 4.0))
    joined = Timing.joined([unknown, timing([1.0])])
    assert (joined.waited_ms, joined.running_ms) == (None, (2.0, 4.0, 1.0))


def test_calls_that_waited_for_the_cpu_hide_no_quiet_median() -> None:
    noise = np.random.default_rng(0)
    running = 3.0 * (1 + np.abs(noise.normal(0, 0.02, 300)))
    waited = noise.exponential(4.0, 300)
    levels = percentile_intervals(timing(running + waited, waited), 1, CORES)
    level = levels[50]
    assert level is not None
    assert level.low < 3.04 < level.high
    quiet = percentile_intervals(timing(running), 1, CORES)[50]
    assert quiet is not None
    assert quiet.low < 3.04 < quiet.high < 3.04 * 1.05


def test_a_busy_neighbour_may_have_cost_half_of_the_time() -> None:
    def low(background: Background) -> float:
        level = percentile_intervals(timing([4.0] * 100, None, background), 1, CORES)[50]
        assert level is not None
        return level.low

    quiet = low(Background(1.0, 1.0, 0, 0, 0, 200, 100, 0))
    # One core is ours, the other was busy all the time: 2 of 2.
    assert low(Background(1.0, 1.0, 0, 0, 0, 200, 200, 0)) == quiet / 2
    # A quarter of all time was not there to be used.
    assert low(Background(1.0, 1.0, 0, 0, 0, 200, 100, 50)) == quiet * 3 / 4


def test_several_threads_go_by_the_least_cpu_time_where_others_ran() -> None:
    samples, waited = [5.0] * 100, [0.5] * 99 + [1.0]
    quiet = Background(1.0, 2.0, 0, 0, 0, 200, 200, 0)
    level = percentile_intervals(timing(samples, waited, quiet), 2, CORES)[50]
    assert level is not None and level.low > 4.5
    # Of two cores that were busy, one was with others.
    shared = Background(1.0, 1.0, 0, 0, 0, 200, 200, 0)
    level = percentile_intervals(timing(samples, waited, shared), 2, CORES)[50]
    assert level is not None and level.low <= 4.0


def test_too_few_calls_have_no_interval() -> None:
    levels = percentile_intervals(timing([1.0] * 50), 1, CORES)
    assert levels[50] is not None and levels[90] is not None
    assert levels[99] is None
    assert percentile_intervals(timing([1.0] * 19), 1, CORES) == {50: None, 90: None, 99: None}

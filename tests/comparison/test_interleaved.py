"""Files that were timed in turn: what slows both down is no difference, what slows one down is."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from edgecnn.comparison.changes import changes_of
from edgecnn.comparison.pairing import paired
from edgecnn.records.record import Record
from edgecnn.records.signed_ranks import signed_rank_interval

TURNS, CALLS = 20, 8


def p50_verdict(base: list[Record], new: list[Record]) -> str:
    (pair,) = paired(base, new, force=False)
    return next(c.verdict for c in changes_of(pair) if c.metric == "latency_p50_ms")


@pytest.fixture()
def make_pair(make_run: Any) -> Any:
    """Make two records that were timed in turn while their machine was up to 30 % slower."""

    def make(ratio: float, seed: int, group: str = "one") -> tuple[Record, Record]:
        random = np.random.default_rng(seed)
        load = 1 + 0.3 * random.random(TURNS)
        made = []
        for latency in (3.0, 3.0 * ratio):
            noise = random.normal(1, 0.02, (TURNS, CALLS))
            samples = latency * (load[:, None] * noise).ravel()
            record = dataclasses.replace(
                make_run(latency),
                latency_samples_ms=tuple(map(float, samples)),
                latency_p50_ms=float(np.median(samples)),
                turn_group=group,
                turn_runs=(CALLS,) * TURNS,
            )
            made.append(record)
        return made[0], made[1]

    return make


def test_what_meets_both_is_no_difference(make_pair: Any) -> None:
    pairs = [make_pair(1.0, seed) for seed in range(40)]
    assert {p50_verdict([base], [new]) for base, new in pairs} == {"no difference seen"}


def test_a_tenth_more_is_seen_through_the_load(make_pair: Any) -> None:
    pairs = [make_pair(1.1, seed) for seed in range(40)]
    assert {p50_verdict([base], [new]) for base, new in pairs} == {"slower"}
    assert {p50_verdict([new], [base]) for base, new in pairs} == {"faster"}


def test_short_turns_are_taken_together_for_a_high_percentile(make_pair: Any) -> None:
    """20 turns of 8 calls: ten are needed for the 90th percentile, 100 for the 99th."""
    found = {}
    for seed in range(10):
        (pair,) = paired(*([one] for one in make_pair(1.3, seed)), force=False)
        found |= {(c.metric, c.verdict): c for c in changes_of(pair)}
    assert [verdict for name, verdict in found if name == "latency_p90_ms"] == ["slower"]
    assert [verdict for name, verdict in found if name == "latency_p99_ms"] == ["cannot tell"]


def test_records_of_different_benches_have_no_turns_in_common(make_pair: Any) -> None:
    base, other = make_pair(1.1, 0)[0], make_pair(1.1, 1, group="two")[1]
    assert p50_verdict([base], [other]) == "no difference seen"


def test_repeated_benches_count_together(make_pair: Any) -> None:
    pairs = [make_pair(1.015, seed, group=str(seed)) for seed in range(6)]
    bases, news = ([pair[side] for pair in pairs] for side in (0, 1))
    assert p50_verdict(bases, news) == "slower"
    assert p50_verdict(bases[:1], news[:1]) == "no difference seen"


@pytest.mark.parametrize(("count", "least"), [(8, 0), (9, 1), (10, 3), (15, 15), (20, 37)])
def test_critical_values_are_those_of_the_tables(count: int, least: int) -> None:
    """Largest rank sum beyond which the two-sided test is under 1 %: Wilcoxon, 1945, and others.

    The interval begins with the Walsh average after so many.
    """
    values = np.random.default_rng(count).normal(size=count)
    averages = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])
    found = signed_rank_interval(values)
    assert found is not None
    assert found[0] == pytest.approx(averages[least])
    assert found[2] == pytest.approx(averages[-1 - least])


def test_the_estimate_of_a_textbook() -> None:
    """Hamilton's depression scale before and after: Hollander and Wolfe's example has -0.46."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = signed_rank_interval(after - before)
    assert found is not None
    assert found[1] == pytest.approx(-0.46, abs=0.005)


def test_too_few_for_an_interval() -> None:
    assert signed_rank_interval(np.arange(7.0)) is None


def test_a_thousand_benches_together_have_an_interval() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, 40_000)
    found = signed_rank_interval(values)
    assert found is not None
    assert found[0] < 0.1 < found[2]

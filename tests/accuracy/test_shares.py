"""Intervals and tests of shares, against published examples and arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from edgecnn.accuracy.shares import difference, mcnemar, paired_difference, wilson


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), Table I, 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval(hits: int, count: int, low: float, high: float) -> None:
    assert wilson(hits / count, count) == pytest.approx((low, high), abs=5e-5)
    # Of the misses it is the same interval, from the other side.
    assert wilson(1 - hits / count, count) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_an_interval_ends_where_shares_do() -> None:
    for count in (1, 7, 500, 50_000):
        assert wilson(0, count)[0] == 0
        assert wilson(1, count)[1] == 1
    assert wilson(0.5, 100, confidence=0.99)[0] < wilson(0.5, 100)[0]


def test_difference_of_shares_of_different_images() -> None:
    # Newcombe, "Interval estimation for the difference between independent proportions" (1998),
    # Table II, example (a), method 10.
    found = difference(56 / 70, 48 / 80, 70, 80)
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    # Fagerland, Lydersen and Laake, "Recommended tests and confidence intervals for paired binomial
    # proportions" (2014): Bentur et al.; and Cavo et al., as their R package contingencytables has.
    [((1, 1, 7, 12), -0.507, -0.026), ((59, 6, 16, 80), -0.1186, -0.0046)],
)
def test_difference_of_shares_of_the_same_images(
    cells: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert paired_difference(*cells) == pytest.approx((low, high), abs=5e-4)
    both, only_new, only_base, neither = cells
    swapped = paired_difference(both, only_base, only_new, neither)
    assert swapped == pytest.approx((-high, -low), abs=5e-4)


def test_models_that_are_always_or_never_right_have_an_interval() -> None:
    low, high = paired_difference(20, 0, 0, 0)
    assert low < 0 < high
    assert paired_difference(0, 20, 0, 0)[0] > 0.6


def test_mcnemars_exact_test() -> None:
    # Bentur et al. in the paper above: 0.070. By hand: 2 (1 + 8) / 2^8.
    assert mcnemar(1, 7) == mcnemar(7, 1) == 9 / 128
    assert mcnemar(5, 0) == 2 / 32
    assert mcnemar(0, 0) == mcnemar(4, 4) == 1
    tail = sum(comb(2100, k) for k in range(1001))
    assert mcnemar(1000, 1100) == pytest.approx(float(Fraction(2 * tail, 2**2100)))

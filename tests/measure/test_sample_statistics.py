"""Percentiles and moments, against values by hand and against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.measure.sample_statistics import percentile, summarize

SAMPLES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50)


def test_by_hand() -> None:
    summary = summarize([4.0, 1.0, 3.0, 2.0])
    # Ranks 0..3 hold 1..4: p50 at rank 1.5, p90 at rank 2.7, p99 at rank 2.97.
    assert summary.p50 == 2.5
    assert summary.p90 == pytest.approx(3.7)
    assert summary.p99 == pytest.approx(3.97)
    assert summary.mean == 2.5
    # Squared deviations 2.25 + 0.25 + 0.25 + 2.25 over 3.
    assert summary.std == pytest.approx((5 / 3) ** 0.5)
    assert summary.minimum == 1.0


def test_one_sample_has_no_deviation() -> None:
    summary = summarize([7.0])
    assert (summary.p50, summary.p99, summary.mean, summary.std) == (7.0, 7.0, 7.0, 0.0)


def test_no_samples() -> None:
    with pytest.raises(ValueError, match="no samples"):
        summarize([])


@given(SAMPLES, st.floats(0, 100))
def test_percentile_is_numpys(samples: list[float], percent: float) -> None:
    assert percentile(sorted(samples), percent) == pytest.approx(np.percentile(samples, percent))


@given(SAMPLES)
def test_summary_is_numpys(samples: list[float]) -> None:
    summary = summarize(samples)
    assert summary.mean == pytest.approx(np.mean(samples))
    expected = np.std(samples, ddof=1) if len(samples) > 1 else 0.0
    assert summary.std == pytest.approx(expected, rel=1e-6, abs=1e-6)

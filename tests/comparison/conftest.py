"""Records whose samples are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgecnn.measure.sample_statistics import summarize
from edgecnn.records.record import Record

from ..store.records import made_record  # noqa: TID252

MakeRun = Callable[..., Record]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Make a record with samples around a latency: ``make_run(3.0, spread=0.02, seed=1)``."""

    def make(
        latency_ms: float, *, spread: float = 0.02, seed: int = 0, runs: int = 300, **changes: Any
    ) -> Record:
        noise = np.random.default_rng(seed).normal(1, spread, runs)
        samples = tuple(float(value) for value in latency_ms * noise)
        summary = summarize(samples)
        return made_record(
            latency_samples_ms=samples,
            latency_p50_ms=summary.p50,
            latency_p90_ms=summary.p90,
            latency_p99_ms=summary.p99,
            latency_mean_ms=summary.mean,
            **changes,
        )

    return make

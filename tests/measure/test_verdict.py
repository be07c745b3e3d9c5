"""The verdict on a record, from what is known of its calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.measure.caveats import timing_caveats
from edgecnn.measure.percentile_intervals import PercentileInterval, percentile_intervals
from edgecnn.measure.sample_statistics import drift_of, outliers_of
from edgecnn.measure.verdict import verdict_on
from edgecnn.records.record import MeasurementWarning
from tests.runner.test_timing import CORES, Background, timing


def verdict_of(samples: Any, waited: Any = None, background: Background | None = None) -> str:
    taken = timing(samples, waited, background)
    level, drift = percentile_intervals(taken, 1, CORES)[50], drift_of(taken.samples_ms)
    warnings = list(timing_caveats(taken, level, drift, 1, CORES))
    return verdict_on(warnings, level, 100 * drift.change).name


def calls(spread: float = 0.01, count: int = 400) -> Any:
    return 3.0 * (1 + np.abs(np.random.default_rng(1).normal(0, spread, count)))


def test_quiet_calls_are_steady() -> None:
    assert verdict_of(calls()) == "steady"


def test_a_single_outlier_is_counted_and_spoils_nothing() -> None:
    samples = calls()
    samples[100] = 30.0
    assert verdict_of(samples) == "steady"
    assert outliers_of(samples) == 1


def test_calls_that_get_slower_or_faster_are_drifting() -> None:
    slower = calls() * np.linspace(1, 1.1, 400)
    assert verdict_of(slower) == "drifting"
    assert verdict_of(slower[::-1]) == "drifting"
    assert drift_of(tuple(slower)).change == pytest.approx(0.067, abs=0.01)


def test_to_and_fro_is_no_drift() -> None:
    waves = calls() * (1 + 0.1 * np.sin(np.linspace(0, 12 * np.pi, 400)))
    assert not drift_of(tuple(waves)).is_trend
    assert verdict_of(waves) == "noisy"


@pytest.mark.parametrize(
    "background",
    [
        Background(1.0, 1.0, 0, 0, 0, 200, 150, 0),
        Background(1.0, 1.0, 0, 0, 0, 200, 100, 10),
    ],
    ids=["others used half a core", "the host took a twentieth"],
)
def test_what_else_ran_makes_it_noisy(background: Background) -> None:
    assert verdict_of(calls(), None, background) == "noisy"


def test_waiting_for_the_cpu_is_noisy_even_where_the_level_moves() -> None:
    waited = np.linspace(0, 3, 400)
    assert verdict_of(calls() + waited, waited) == "noisy"


def test_too_few_calls_are_undecided() -> None:
    assert verdict_of(calls(count=19)) == "undecided"


def test_calls_that_a_coarse_clock_sees_as_nothing_are_undecided() -> None:
    assert verdict_of([0.0] * 50 + [0.001] * 50) == "undecided"
    assert verdict_of([0.0] * 100) == "undecided"


def test_the_worst_reason_decides_and_all_of_its_kind_are_evidence() -> None:
    def warning(code: str) -> MeasurementWarning:
        return MeasurementWarning(code, f"it is {code}", f"mend {code}")

    level, codes = PercentileInterval(2.9, 3.1), ["drift", "throttled", "under-voltage", "steal"]
    verdict = verdict_on([warning(code) for code in codes], level, 5.0)
    assert verdict.name == "throttled"
    assert verdict.evidence == "it is throttled; it is under-voltage"
    assert verdict.advice == "mend throttled; mend under-voltage"
    emulated = [warning(code) for code in (*codes, "emulated-cpu")]
    assert verdict_on(emulated, level, 5.0).name == "emulated"
    assert verdict_on([warning("governor"), warning("random-weights")], level, 0.0).advice is None


@pytest.mark.skipif(sys.platform != "linux", reason="what else runs is counted by Linux")
def test_a_machine_that_is_busy_says_so(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    spin = [sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        (record,) = edgecnn.bench(model, min_time_s=0.5)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert record.verdict == "noisy"
    assert record.others_cores is not None and record.others_cores > 0.5
    assert record.verdict_evidence is not None and "other programs" in record.verdict_evidence
    assert record.verdict_advice

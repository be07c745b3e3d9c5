"""Files compared by latency: as estimated, as a device measures them, and as a remark, here."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from edgecnn.quantize.result import Conversion
from edgecnn.quantize.timing.device_timing import RACE_TURNS, DeviceTimer
from edgecnn.quantize.timing.latencies import EstimatedLatencies, MeasuredRace
from edgecnn.quantize.timing.latency_here import is_clearly_slower, latency_ratio_here
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.target_cpu import target_cpu


def contents(results: dict[str, Conversion], *schemes: str) -> list[bytes]:
    return [results[scheme].path.read_bytes() for scheme in schemes]


def test_reference_kernels_are_slower_whoever_is_asked_first(
    small_results: dict[str, Conversion],
) -> None:
    slow, quick = contents(small_results, "int16x8", "float32")
    over, under = latency_ratio_here(slow, quick), latency_ratio_here(quick, slow)
    assert over is not None and under is not None
    assert over.low > 1.5 and is_clearly_slower(over)
    assert under.high < 1 / 1.5 and not is_clearly_slower(under)


def test_a_file_is_not_called_slower_than_itself(small_results: dict[str, Conversion]) -> None:
    (quick,) = contents(small_results, "float32")
    found = latency_ratio_here(quick, quick)
    assert found is not None and not is_clearly_slower(found)


@pytest.mark.parametrize(
    ("low", "value", "high", "is_told", "text"),
    [
        (1.42, 1.5, 1.61, True, "1.4x to 1.6x"),
        (24.81, 24.82, 24.84, True, "24.8x"),
        (1.04, 1.5, 2.2, False, "1.0x to 2.2x"),
        (0.9, 0.95, 1.2, False, "0.9x to 1.2x"),
    ],
)
def test_a_file_is_slower_only_where_its_whole_interval_is(
    low: float, value: float, high: float, is_told: bool, text: str
) -> None:
    ratio = LatencyRatio(value, low, high)
    assert is_clearly_slower(ratio) == is_told
    assert ratio.text(1) == text


def test_no_more_time_is_spent_than_allowed(small_results: dict[str, Conversion]) -> None:
    slow, quick = contents(small_results, "int16x8", "float32")
    start = time.perf_counter()
    # One round says nothing of how far its ratio is to be trusted.
    assert latency_ratio_here(slow, quick, seconds=0.0) is None
    assert time.perf_counter() - start < 5.0


def test_estimates_have_no_noise(small_results: dict[str, Conversion]) -> None:
    int8, float32 = contents(small_results, "int8", "float32")
    race = EstimatedLatencies(target_cpu("arm64")).race([int8, float32, int8])
    found = race.ratio(0, over=1)
    assert found.low == found.value == found.high < 1.0
    assert race.ratio(0, over=2).value == 1.0
    assert race.ratio(1, over=0).value == pytest.approx(1 / found.value)


def test_a_measured_ratio_lies_in_its_interval_and_drift_does_not_widen_it() -> None:
    random = np.random.default_rng(0)
    drift = np.linspace(1.0, 3.0, RACE_TURNS)
    noise = 1 + 0.01 * random.standard_normal((2, RACE_TURNS))
    found = MeasuredRace(np.array([[2.0], [1.0]]) * drift * noise).ratio(0, over=1)
    assert found.low < 2.0 < found.high
    assert found.low <= found.value <= found.high
    assert found.high - found.low < 0.1


def test_files_are_timed_in_turn_on_a_device(small_results: dict[str, Conversion]) -> None:
    slow, quick = (small_results[scheme].path for scheme in ("int16x8", "float32"))
    with DeviceTimer("desktop") as timer:
        times = np.array(timer.milliseconds([Path(slow), Path(quick), Path(slow)]))
    assert times.shape == (3, RACE_TURNS)
    race = MeasuredRace(times)
    assert race.ratio(0, over=1).low > 1.0
    same = race.ratio(0, over=2)
    assert same.low < 1.1 and same.high > 0.9

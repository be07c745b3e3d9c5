"""Files raced against each other."""

from __future__ import annotations

import time

from edgecnn.quantize.latency import fastest, latency_ratio, quick_ratio
from edgecnn.quantize.result import Conversion


def contents(results: dict[str, Conversion], *schemes: str) -> list[bytes]:
    return [results[scheme].path.read_bytes() for scheme in schemes]


def test_reference_kernels_are_slower_whoever_is_asked_first(
    small_results: dict[str, Conversion],
) -> None:
    slow, quick = contents(small_results, "int16x8", "float32")
    assert quick_ratio(slow, quick) > 1.5
    assert quick_ratio(quick, slow) < 1 / 1.5
    first, second, third = fastest([slow, quick, slow])
    assert second < min(first, third)


def test_a_file_is_as_fast_as_itself(small_results: dict[str, Conversion]) -> None:
    (content,) = contents(small_results, "float32")
    # Wide enough for a machine that does other things too.
    assert 0.5 < latency_ratio(content, content) < 2.0


def test_no_more_time_is_spent_than_allowed(small_results: dict[str, Conversion]) -> None:
    slow, quick = contents(small_results, "int16x8", "float32")
    start = time.perf_counter()
    assert all(seconds > 0 for seconds in fastest([slow, quick], seconds=0.0))
    assert time.perf_counter() - start < 5.0

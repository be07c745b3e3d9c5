"""What a kind of CPU takes for a file, by its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.tflite.reading import TfliteModel, read_model
from edgecnn.tflite.target_cpu import TARGET_CPUS, NumberCost, TargetCpu, target_cpu


def slowdown(float32: TfliteModel, int8: TfliteModel, cpu: str) -> float:
    return target_cpu(cpu).milliseconds(float32) / target_cpu(cpu).milliseconds(int8)


def test_an_unknown_cpu_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="'z80': choose arm64, x86-vnni, x86-avx2"):
        target_cpu("z80")


def test_costs_by_hand(two_numbers: dict[str, Path]) -> None:
    # A 3x3 convolution of 1 channel to 2 on a map of 8 x 8, then the mean of each channel.
    cpu = TargetCpu("by hand", NumberCost(2.0, 5.0), NumberCost(1.0, 3.0))
    macs, values = 8 * 8 * 2 * 9, 8 * 8 * 2
    float32 = macs * 2.0 + (values + 2) * 5.0
    assert cpu.milliseconds(read_model(two_numbers["float32"])) == pytest.approx(float32 / 1e6)
    # Pixels become int8 first, and the answer float32 at last.
    int8 = macs * 1.0 + (values + 2) * 3.0 + 8 * 8 * 3.0 + 2 * 5.0
    assert cpu.milliseconds(read_model(two_numbers["int8"])) == pytest.approx(int8 / 1e6)


def test_mobilenet_v2_lies_between_its_published_latencies(
    mobilenet_files: dict[str, Path],
) -> None:
    models = {name: read_model(path) for name, path in mobilenet_files.items()}
    found = {name: slowdown(models["float32"], models["int8"], name) for name in TARGET_CPUS}
    # float32 over int8: 17.5 ms and 12 ms on a Pixel 3, 46 ms and 17 ms on a Raspberry Pi 4.
    assert 17.5 / 12 < found["arm64"] < 46 / 17
    # int8 multiplies no faster than float32 where a CPU has no instruction for it.
    assert found["x86-avx2"] == pytest.approx(1.0, abs=0.15)
    assert found["x86-vnni"] > found["x86-avx2"]

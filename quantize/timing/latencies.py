"""Latencies by which files are chosen: estimated for a kind of CPU, or measured on a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgecnn.records.interval import LatencyRatio
from edgecnn.records.signed_ranks import signed_rank_interval
from edgecnn.tflite.reading import parse_model
from edgecnn.tflite.target_cpu import TargetCpu

TurnTimes = npt.NDArray[np.float64]
"""Median latency of each file in each turn, in milliseconds, shape (files, turns)."""


class Race(Protocol):
    """Latencies of some files, estimated or measured all together."""

    def ratio(self, file: int, over: int) -> LatencyRatio:
        """Return the latency of one of the files over another's, both given by their places."""


class Latencies(Protocol):
    """Where latencies come from."""

    @property
    def source(self) -> str:
        """The source as users read it: ``"estimated for arm64"`` or ``"measured on pi, ..."``."""

    def race(self, files: Sequence[bytes]) -> Race:
        """Get the latencies of some files together."""


class EstimatedLatencies:
    """Latencies by the cost table of a kind of CPU: the same on each machine that converts.

    Args:
        cpu: The cost table.

    Example:
        >>> race = EstimatedLatencies(target_cpu("arm64")).race([int8_file, float32_file])
        >>> race.ratio(0, over=1).value < 0.5
        True
    """

    def __init__(self, cpu: TargetCpu) -> None:
        self._cpu = cpu

    @property
    def source(self) -> str:
        """What users are told of the source of these latencies."""
        return f"estimated for {self._cpu.name}"

    def race(self, files: Sequence[bytes]) -> Race:
        """Estimate the latencies of some files."""
        models = [parse_model(content, "a converted file") for content in files]
        return _EstimatedRace([self._cpu.milliseconds(model) for model in models])


class _EstimatedRace:
    def __init__(self, milliseconds: list[float]) -> None:
        self._milliseconds = milliseconds

    def ratio(self, file: int, over: int) -> LatencyRatio:
        value = self._milliseconds[file] / self._milliseconds[over]
        return LatencyRatio(value, value, value)


class MeasuredLatencies:
    """Latencies that a device measures.

    Args:
        device: The device's name.
        measure: Has the device time some files.
    """

    def __init__(self, device: str, measure: Callable[[Sequence[bytes]], TurnTimes]) -> None:
        self._device, self._measure = device, measure

    @property
    def source(self) -> str:
        """What users are told of the source of these latencies."""
        return f"measured on {self._device}, one thread"

    def race(self, files: Sequence[bytes]) -> Race:
        """Have the device time some files in turn."""
        return MeasuredRace(self._measure(files))


class MeasuredRace:
    """Times of some files in the same turns, compared turn by turn as ``edgecnn compare`` does.

    Args:
        times: Median latencies, shape (files, turns).

    Example:
        >>> MeasuredRace(np.array([[2.0] * 10, [4.0] * 10])).ratio(0, over=1).value
        0.5
    """

    def __init__(self, times: TurnTimes) -> None:
        self._logarithms = np.log(times)

    def ratio(self, file: int, over: int) -> LatencyRatio:
        """Return the Hodges-Lehmann estimate of a ratio, and its interval by signed ranks."""
        bounds = signed_rank_interval(self._logarithms[file] - self._logarithms[over])
        assert bounds is not None, "a race has more than eight turns"
        low, middle, high = (math.exp(bound) for bound in bounds)
        return LatencyRatio(middle, low, high)

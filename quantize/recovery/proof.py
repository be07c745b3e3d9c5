"""How near a file's answers are to the float file's, on images that nothing was fitted to.

The module needs no numpy: what it holds travels from the child that measures to its parent.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.json_writing import json_values
from edgecnn.records.interval import LatencyRatio


@dataclass(frozen=True)
class Fidelity:
    """A file's answers beside the float file's.

    Args:
        images: How many images were answered; none of them was used to fit anything.
        agreement: Part of the images for which both files have the same best class; None for an
            answer of one number.
        sqnr_db: Signal-to-quantisation-noise ratio (SQNR) of the scores before softmax, in
            decibels: the variance of the float file's scores over the mean square of the
            difference. Infinite for equal scores.
        divergence: Kullback-Leibler divergence of the softmax of the scores from the float file's,
            mean over the images, in nats; for an answer of one number the mean square of the
            difference. Errors in answers that stay sure hardly count.
        top1_percent: Top-1 accuracy of the file, where labels are known.
        top5_percent: Top-5 accuracy of the file, where labels are known and there are more than
            five classes.
        float_top1_percent: Top-1 accuracy of the float file.
        float_top5_percent: Top-5 accuracy of the float file.
        ties: Images for which the file's answer has several best classes, as it is of integers;
            None for answers in float.
    """

    images: int
    agreement: float | None
    sqnr_db: float
    divergence: float
    top1_percent: float | None = None
    top5_percent: float | None = None
    float_top1_percent: float | None = None
    float_top5_percent: float | None = None
    ties: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no infinity: an infinite ratio is None."""
        values: dict[str, Any] = json_values(dataclasses.asdict(self))
        return values


def noise_of(ratio_db: float) -> float:
    """Return noise over signal for a ratio in decibels.

    Example:
        >>> noise_of(20.0)
        0.01
    """
    return float(10.0 ** (-ratio_db / 10.0))


@dataclass(frozen=True)
class FloatFront:
    """First layers that stay in float32.

    Args:
        results: Names of the layers' results.
        latency_ratio: Latency of the file with the layers in float32 over the plain integer file's.
        latency_ratio_low: Lower end of the ratio's 99 % interval; the ratio itself of an estimate.
        latency_ratio_high: Upper end of that interval.
        latency_source: Where the latencies are from: ``"estimated for arm64"``.
    """

    results: tuple[str, ...]
    latency_ratio: float
    latency_ratio_low: float
    latency_ratio_high: float
    latency_source: str

    @property
    def latency_text(self) -> str:
        """The ratio as far as it is known: ``"1.04x"``, or ``"1.02x to 1.07x"``."""
        ends = self.latency_ratio_low, self.latency_ratio_high
        return LatencyRatio(self.latency_ratio, *ends).text()


@dataclass(frozen=True)
class Proof:
    """What recovery did to a file, and how near the file's answers are to the float file's.

    Args:
        recovery: Level of recovery; ``"none"`` where nothing beat the plain file.
        before: Fidelity of the plain file.
        after: Fidelity of the file.
        layers_corrected: How many layers were corrected.
        layers_left: Names of the results of layers that were not corrected.
        layers_in_float: Names of the results of layers that stay in float32.
        float_front: The first layers, where they stay in float32.
        without: Names of the steps that were left out.
        reason: Why recovery failed; empty where it did not.
    """

    recovery: str
    before: Fidelity
    after: Fidelity
    layers_corrected: int
    layers_left: tuple[str, ...]
    layers_in_float: tuple[str, ...]
    float_front: FloatFront | None
    without: tuple[str, ...]
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; ``reason`` is there only where recovery failed."""
        values: dict[str, Any] = json_values(dataclasses.asdict(self))
        if not self.reason:
            del values["reason"]
        return values

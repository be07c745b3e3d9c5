"""One word for how far a record's latency can be trusted, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.measure.percentile_intervals import PercentileInterval
from edgecnn.records.record import (
    DRIFTING,
    EMULATED,
    NOISY,
    STEADY,
    THROTTLED,
    UNDECIDED,
    MeasurementWarning,
)
from edgecnn.runner.health import THROTTLING_BITS

DISTURBED = ("rebooted", "connection-cut", "cpu-shared", "busy-meanwhile", "steal", "swapping")
"""Codes of warnings about other programs, and about calls that more than one process made; these
also explain a latency that drifts."""

VERDICT_RULES = (
    (EMULATED, ("emulated-cpu",)),
    (THROTTLED, (*THROTTLING_BITS, "slow-clock")),
    (NOISY, DISTURBED),
    (DRIFTING, ("drift",)),
    (NOISY, ("noisy",)),
    (UNDECIDED, ("few-runs",)),
)
"""Each verdict with the codes of warnings that lead to it; the first verdict that applies holds."""


@dataclass(frozen=True)
class Verdict:
    """How far a record's latency can be trusted.

    Args:
        name: ``"steady"``, ``"noisy"``, ``"drifting"``, ``"throttled"``, ``"emulated"``, or
            ``"undecided"`` where there are too few calls.
        evidence: The reason, one line.
        advice: What to do about it, one line; None where nothing needs doing.
    """

    name: str
    evidence: str
    advice: str | None


def verdict_on(
    warnings: Sequence[MeasurementWarning],
    median: PercentileInterval | None,
    drift_percent: float,
) -> Verdict:
    """Return the verdict that a record's warnings lead to.

    Args:
        warnings: The record's warnings.
        median: Interval of the median latency; None where it has none.
        drift_percent: Change of the median from the first third of the calls to the last.

    Example:
        >>> verdict_on([], PercentileInterval(2.9, 3.1), 0.1).name
        'steady'
    """
    for name, codes in VERDICT_RULES:
        if reasons := [warning for warning in warnings if warning.code in codes]:
            advice = dict.fromkeys(warning.advice for warning in reasons)
            return Verdict(name, "; ".join(w.message for w in reasons), "; ".join(advice))
    if median is None:
        return Verdict(UNDECIDED, "the clock is too coarse for these calls", None)
    half = 50 * (median.high - median.low) / median.high
    return Verdict(
        STEADY,
        f"the median is known to ±{half:.1f}%, and the calls moved by {drift_percent:+.1f}%",
        None,
    )

"""One word for how far a record's latency can be trusted, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.measure.levels import Level
from edgecnn.results.record import (
    DRIFTING,
    EMULATED,
    NOISY,
    STEADY,
    THROTTLED,
    UNDECIDED,
    MeasurementWarning,
)
from edgecnn.runner.health import CONDITIONS

SHARED = ("cpu-shared", "busy-meanwhile", "steal", "swapping")
"""Warnings that something else ran: it explains a level that moves, which says nothing more."""

RULES = (
    (EMULATED, ("emulated-cpu",)),
    (THROTTLED, (*CONDITIONS, "slow-clock")),
    (NOISY, SHARED),
    (DRIFTING, ("drift",)),
    (NOISY, ("noisy",)),
    (UNDECIDED, ("few-runs",)),
)
"""Verdicts and the warnings that lead to them; the first that has one holds."""


@dataclass(frozen=True)
class Verdict:
    """How far a latency can be trusted.

    Args:
        name: ``"steady"``, ``"noisy"``, ``"drifting"``, ``"throttled"``, ``"emulated"``, or
            ``"undecided"`` of too few calls.
        evidence: Why, one line.
        advice: What to do about it, one line; None where nothing needs doing.
    """

    name: str
    evidence: str
    advice: str | None


def verdict_on(
    warnings: Sequence[MeasurementWarning], level: Level | None, drift_percent: float
) -> Verdict:
    """Return the verdict that a record's warnings lead to.

    Args:
        warnings: Of the record.
        level: Interval of the median.
        drift_percent: From the first to the last third of the calls.

    Example:
        >>> verdict_on([], Level(2.9, 3.1), 0.1).name
        'steady'
    """
    for name, codes in RULES:
        if found := [warning for warning in warnings if warning.code in codes]:
            advice = dict.fromkeys(warning.advice for warning in found)
            return Verdict(name, "; ".join(w.message for w in found), "; ".join(advice))
    if level is None:
        return Verdict(UNDECIDED, "the clock is too coarse for these calls", None)
    half = 50 * (level.high - level.low) / level.high
    return Verdict(
        STEADY,
        f"the median is known to ±{half:.1f}%, and the calls moved by {drift_percent:+.1f}%",
        None,
    )

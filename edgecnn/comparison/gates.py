"""Conditions that stop a release: ``latency_p50_ms > +5%``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgecnn.comparison.changes import ALIASES, METRICS, Change
from edgecnn.core.errors import InputError

GATE_PASSED, GATE_FAILED, GATE_UNDECIDED = "passed", "failed", "undecided"

EXPRESSION = re.compile(r"\s*(\w+)\s*([<>])\s*([+-])\s*(\d{1,9}(?:\.\d{1,9})?)\s*(%?)\s*", re.ASCII)

GRAMMAR = (
    "METRIC > +NUMBER[%] or METRIC < -NUMBER[%], a change from base: 'latency_p50_ms > +5%', "
    f"'top1 < -0.5' (points); METRIC is {', '.join((*METRICS, *ALIASES))}"
)


@dataclass(frozen=True)
class Gate:
    """One condition that must not hold.

    Args:
        text: The condition as it was given.
        metric: Name of the figure, a key of METRICS.
        above: Whether changes above the limit fail; otherwise changes below the limit do.
        limit: Limit of the change: a fraction of the base if ``is_relative``, otherwise a number in
            the figure's own unit.
        is_relative: Whether the limit was given with a ``%``.
    """

    text: str
    metric: str
    above: bool
    limit: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Read a condition.

        Args:
            text: ``"latency_p50_ms > +5%"``, ``"top1 < -0.5"``.

        Raises:
            InputError: The text is no condition; the message shows the grammar.

        Example:
            >>> Gate.parse("latency_p50_ms > +5%").limit
            0.05
        """
        match = EXPRESSION.fullmatch(text)
        metric = ALIASES.get(match[1], match[1]) if match else ""
        if match is None or metric not in METRICS:
            raise InputError(f"{text!r} is no condition: {GRAMMAR}")
        relative = bool(match[5])
        unit = METRICS[metric].change_unit
        if relative and unit is not None:
            raise InputError(f"{text!r}: {match[1]} changes in {unit}, so without '%': {GRAMMAR}")
        limit = float(match[3] + match[4]) / (100 if relative else 1)
        return cls(text.strip(), metric, match[2] == ">", limit, relative)

    def outcome(self, change: Change | None) -> tuple[str, str]:
        """Return whether the gate passed, failed or is undecided.

        A gate fails where the whole interval of the change is beyond the limit, and passes where no
        part of the interval is.

        Args:
            change: The change of the figure; None where a side does not have the figure.

        Returns:
            GATE_PASSED, GATE_FAILED or GATE_UNDECIDED, and the reason.
        """
        if change is None:
            return GATE_UNDECIDED, f"{self.metric} was not measured on both sides"
        interval = change.interval
        if interval is None:
            return GATE_UNDECIDED, change.why_unknown
        limit = self.limit
        if not self.is_relative and METRICS[self.metric].change_unit is None:
            limit /= change.base
        beyond = interval.low > limit if self.above else interval.high < limit
        within = interval.high <= limit if self.above else interval.low >= limit
        outcome = GATE_FAILED if beyond else GATE_PASSED if within else GATE_UNDECIDED
        return outcome, f"{change.change_text}, {change.interval_text}"

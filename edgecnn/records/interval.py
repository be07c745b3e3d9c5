"""Changes with their intervals, and the one rule by which a change counts as a difference.

Whatever edgecnn says of two measurements (that one is slower, better, or the one to ship) follows
from :attr:`Interval.is_different`. The module needs no numpy, so that a remark of a conversion can
use it in the parent process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DECISION_CONFIDENCE = 0.99
"""Confidence of the intervals by which two measurements are called different. With 99 % per
comparison, the chance of any false alarm in ten comparisons is near 10 %."""

LEAST_CHANGE = math.nextafter(-1, 0)


@dataclass(frozen=True)
class Interval:
    """A change and its interval; 0 is no change.

    Args:
        change: Relative change (0.05 is 5 % more) of a latency, percentage points of an accuracy.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    change: float
    low: float
    high: float

    @property
    def is_different(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def widened(self, down: float, up: float) -> Interval:
        """Return the interval of a ratio with its ends further apart.

        Args:
            down: Logarithm of the factor by which the new side may be too high.
            up: Logarithm of the factor by which the base side may be too high.
        """
        # Rounding makes -1 of a ratio near 0, which has a logarithm.
        low, high = (math.log1p(max(end, LEAST_CHANGE)) for end in (self.low, self.high))
        return Interval(self.change, math.expm1(low - down), math.expm1(high + up))


@dataclass(frozen=True)
class LatencyRatio:
    """One file's latency over another's, and the interval that it lies in.

    Args:
        value: The ratio.
        low: Lower end of its 99 % interval; equal to the value of an estimate.
        high: Upper end of that interval.
    """

    value: float
    low: float
    high: float

    @property
    def change(self) -> Interval:
        """The ratio as a relative change: 1.5 is a change of 0.5."""
        return Interval(self.value - 1, self.low - 1, self.high - 1)

    @property
    def inverse(self) -> LatencyRatio:
        """The other file's latency over this one's."""
        return LatencyRatio(1 / self.value, 1 / self.high, 1 / self.low)

    def text(self, digits: int = 2) -> str:
        """Return the ratio as far as it is known: ``"1.52x"``, or ``"1.4x to 1.7x"``.

        Args:
            digits: Digits after the point. A ratio whose interval has the same text at both ends
                is shown as one number.

        Example:
            >>> LatencyRatio(1.52, 1.41, 1.66).text(digits=1)
            '1.4x to 1.7x'
        """
        low, value, high = (f"{each:.{digits}f}x" for each in (self.low, self.value, self.high))
        return value if low == high else f"{low} to {high}"

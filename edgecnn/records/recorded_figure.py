"""A figure of accuracy by its name, as judges tell it and as a record keeps it."""

from __future__ import annotations

from dataclasses import dataclass


class Unit:
    """What a figure of accuracy is counted in; records have these texts."""

    PERCENT = "%"
    DECIBEL = "dB"
    OUTPUT = "the output's unit"
    PLAIN = ""


@dataclass(frozen=True)
class RecordedFigure:
    """A figure of accuracy by its name.

    Args:
        name: Name of the figure: ``"mIoU"``, with the output's name before it where a model has
            several outputs that are judged.
        value: The value; of a share 0 to 100.
        unit: What it is counted in, one of :class:`Unit`.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end of that interval.
    """

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Return the figure in words: ``"mIoU 61.3 % (58.0 to 64.2)"``."""
        has_digit = self.unit in (Unit.PERCENT, Unit.DECIBEL)
        form, unit = (".1f", f" {self.unit}") if has_digit else (".4g", "")
        text = f"{self.name} {self.value:{form}}{unit}"
        if self.low is None or self.high is None:
            return text
        return f"{text} ({self.low:{form}} to {self.high:{form}})"

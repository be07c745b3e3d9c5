"""The leading figure of a measurement's accuracy: the one by which files are ranked."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.records.fields import Better, Field
from edgecnn.records.record import LISTED_FIELDS, Outline
from edgecnn.records.recorded_figure import Unit

TOP1 = "top-1"
"""Name of the share of samples whose best class is the label."""

LEADING_FIELDS = ("top1_percent", "metric_percent", "mae_units", "psnr_db")
"""Fields of a record that may have its leading figure; a record has at most one of them."""


UNITS_OF_FIELDS = {"percent": Unit.PERCENT, "units": Unit.OUTPUT, "db": Unit.DECIBEL}
"""Last word of such a field's name -> what the figure is counted in."""


@dataclass(frozen=True)
class LeadingFigure:
    """Which figure a model's accuracy is, as its kind of output has it.

    Args:
        name: Name of the figure: ``"top-1"``, ``"mIoU"``, ``"MAE"``.
        field: The field of a record that has its value.
    """

    name: str
    field: Field

    @classmethod
    def of(cls, record: Outline) -> LeadingFigure | None:
        """Return the leading figure of a measurement; None where no accuracy was measured.

        Example:
            >>> LeadingFigure.of(record).text(61.3)
            'mIoU 61.3 %'
        """
        for name in LEADING_FIELDS:
            if getattr(record, name) is not None:
                title = TOP1 if name == LEADING_FIELDS[0] else record.metric or name
                return cls(title, LISTED_FIELDS[name])
        return None

    @property
    def is_error(self) -> bool:
        """Whether less of the figure is better."""
        return self.field.better is Better.LOWER

    @property
    def unit(self) -> str:
        """What the figure is counted in, one of :class:`~edgecnn.records.recorded_figure.Unit`."""
        return UNITS_OF_FIELDS[self.last_word]

    @property
    def last_word(self) -> str:
        """Last word of the field's name, which says the unit: ``"percent"``, ``"db"``."""
        return self.field.name.rpartition("_")[2]

    def merit(self, value: float) -> float:
        """Return a number of which more is better, whichever direction the figure has.

        Args:
            value: Value of the figure.
        """
        return -value if self.is_error else value

    def value_text(self, value: float) -> str:
        """Return a value with its unit, if that is known: ``"61.3 %"``, ``"0.0123"``."""
        unit = "" if self.unit == Unit.OUTPUT else f" {self.unit}"
        return f"{self.field.text(value)}{unit}"

    def text(self, value: float) -> str:
        """Return a value with the figure's name: ``"mIoU 61.3 %"``, ``"MAE 0.0123"``."""
        return f"{self.name} {self.value_text(value)}"

"""What a field of a record is: its role, how it is printed and compared, and where it is shown.

A class of records declares each of its fields once, with its type and one of :data:`identity`,
:data:`condition`, :data:`figure` and :data:`remark`::

    load_ms: Annotated[float, figure("Time to load the model.", "load ms", text=three_digits)]

Tables, CSV, comparisons, reports and the columns of the store follow from these declarations.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, Flag, auto
from functools import partial
from typing import Any

EMULATED_MARK = "(emulated)"
"""Says that a CPU is emulated; in tables it stands in place of a time."""


class Role(Enum):
    """What a field is for; each field has exactly one role.

    An identity says what was measured, a condition under which circumstances, and a figure what
    came out; figures of different conditions are not compared. A remark describes the measurement,
    and neither identifies what was measured nor decides what is compared.
    """

    IDENTITY = auto()
    CONDITION = auto()
    FIGURE = auto()
    REMARK = auto()


class Topic(Enum):
    """What a field tells about; tables have their columns in this order."""

    SIZE = 1
    SPEED = 2
    ENERGY = 3
    MEMORY = 4
    ACCURACY = 5
    OTHER = 6


class ShownIn(Flag):
    """Where a field is shown, if any of the measurements there has a value for it.

    The places are the tables of ``edgecnn bench``, of a report and of ``edgecnn results list``, and
    the tooltips of a report's charts.
    """

    NOWHERE = 0
    BENCH = auto()
    REPORT = auto()
    LIST = auto()
    TOOLTIP = auto()
    TABLES = BENCH | REPORT


class Spread(Enum):
    """How a figure varies from one measurement of a file to the next, which intervals allow for.

    An exact figure does not vary. One of latency varies as its samples tell, one with a single
    number as processes differ from each other, and a share of images by which images were taken.
    """

    EXACT = auto()
    SAMPLES = auto()
    RUNS = auto()
    IMAGES = auto()


class Better(Enum):
    """Which values of a figure are better."""

    LOWER = "lower"
    HIGHER = "higher"


UNITS = {
    "bytes": ("B", ",.0f"),
    "percent": ("%", ".2f"),
    "ms": ("ms", ".3f"),
    "mj": ("mJ", ".3f"),
    "w": ("W", ".3f"),
}
"""Last word of a field's name -> its unit, and the format of a number with all its digits."""


@dataclass(frozen=True)
class Field:
    """One field of a record, as its class declares it.

    Args:
        role: What the field is for.
        meaning: What the field says, one or more sentences.
        title: Head of its column, with the unit unless its text has one; empty if no table or card
            shows it.
        shown: Which tables and tooltips show it; the page of a report shows every figure with a
            title in the card of its file.
        rank: In a terminal that is too narrow, columns of ``edgecnn bench`` of the highest rank go
            first; those of rank 0 stay.
        topic: What the field tells about.
        text: Function that prints a value for people.
        usual: For a condition: the value that the table of ``edgecnn bench`` does not mention.
        confidence: For a figure with bounds: the confidence of its interval in percent.
        interval_rank: Rank of the column with the interval; None if tables have no such column.
        better: Which values are better; None where neither is.
        spread: How the figure varies between measurements; None if it is not compared.
        percent: Which percentile of the samples the figure is, where it comes from samples; None
            for their mean.
        column: Version of the store's tables since which the field has a column of its own; None if
            it is only in the record's JSON.
        name: Name of the field, which ends in its unit.
        kind: Python type of the field without None; for a tuple the type of its items.
        is_tuple: Whether the field is a tuple.
        is_optional: Whether the field may be None.
    """

    role: Role
    meaning: str
    title: str = ""
    shown: ShownIn = ShownIn.NOWHERE
    rank: int = 0
    topic: Topic = Topic.OTHER
    text: Callable[[Any], str] = str
    usual: object = ...
    confidence: int | None = None
    interval_rank: int | None = None
    better: Better | None = None
    spread: Spread | None = None
    percent: float | None = None
    column: int | None = None
    name: str = ""
    kind: type = object
    is_tuple: bool = False
    is_optional: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are single numbers, by which a table can be sorted."""
        return self.kind in (int, float) and not self.is_tuple

    @property
    def in_points(self) -> bool:
        """Whether its changes are percentage points, not relative to a base."""
        return self.spread is Spread.IMAGES

    @property
    def bounds(self) -> tuple[str, str]:
        """Names of the fields with the ends of its interval: ``x_low_ms`` and ``x_high_ms``."""
        stem, _, unit = self.name.rpartition("_")
        return f"{stem}_low_{unit}", f"{stem}_high_{unit}"

    def is_withheld(self, record: Any) -> bool:
        """Return whether a record's value must not be shown as the device's own.

        What an emulated CPU takes, in time or energy, says nothing of the board it imitates.
        """
        return (
            self.role is Role.FIGURE
            and self.topic in (Topic.SPEED, Topic.ENERGY)
            and bool(record.emulated)
        )

    def value_of(self, record: Any) -> Any:
        """Return a record's value, None where there is none that can be shown."""
        value = getattr(record, self.name)
        if self.is_withheld(record) or (isinstance(value, float) and not self._is_sane(value)):
            return None
        return value

    def text_of(self, record: Any) -> str | None:
        """Return a record's value as text for people, None where there is nothing to show."""
        value = self.value_of(record)
        return None if value is None else self.text(value)

    def interval_of(self, record: Any) -> str | None:
        """Return the interval of a record's value: ``"3.21-3.34"``; None where it has none."""
        if self.confidence is None or self.value_of(record) is None:
            return None
        low, high = (getattr(record, bound) for bound in self.bounds)
        return None if low is None or high is None else f"{self.text(low)}-{self.text(high)}"

    def full_text_of(self, record: Any) -> str | None:
        """Return a record's value with its interval: ``"3.28 (99 % interval 3.21-3.34)"``."""
        text, interval = self.text_of(record), self.interval_of(record)
        return f"{text} ({self.confidence} % interval {interval})" if interval else text

    def precise_text(self, value: float) -> str:
        """Return a number with its unit and all digits that a comparison may need.

        Example:
            >>> FIELDS["latency_p50_ms"].precise_text(3.28)
            '3.280 ms'
        """
        unit, form = UNITS[self.name.rpartition("_")[2]]
        return f"{value:{form}} {unit}"

    def read(self, values: Mapping[str, Any]) -> Any:
        """Return the value that plain values, as JSON has them, hold for this field.

        Args:
            values: Values by the names of fields.

        Raises:
            KeyError: The field is missing and may not be None.
            TypeError: The value is of another type.
            ValueError: The value is of another type.
        """
        if self.is_optional and values.get(self.name) is None:
            return None
        value = values[self.name]
        if self.is_tuple:
            return tuple(_item(each, self.kind) for each in value)
        if not isinstance(value, (int, float) if self.kind is float else self.kind):
            raise TypeError(f"{self.name} is {value!r}, where {self.kind.__name__} is needed")
        return value

    def _is_sane(self, value: float) -> bool:
        is_share = self.topic is Topic.ACCURACY and self.name.endswith("_percent")
        return math.isfinite(value) and (not is_share or 0 <= value <= 100)


identity = partial(Field, Role.IDENTITY)
"""Declares a field that says what was measured."""
condition = partial(Field, Role.CONDITION)
"""Declares a field that says under which circumstances something was measured."""
figure = partial(Field, Role.FIGURE)
"""Declares a field that is a result."""
remark = partial(Field, Role.REMARK)
"""Declares a field that describes the measurement."""


def fields_of(declared: type) -> dict[str, Field]:
    """Return the fields of a class by name, in the order of their declaration.

    Args:
        declared: A dataclass each of whose fields is ``Annotated`` with a :class:`Field`.

    Example:
        >>> fields_of(Record)["load_ms"].title
        'load ms'
    """
    hints = typing.get_type_hints(declared, include_extras=True)
    return {name: _field(name, *typing.get_args(hint)) for name, hint in hints.items()}


def _field(name: str, hint: Any, field: Field) -> Field:
    is_optional = type(None) in typing.get_args(hint)
    kind = typing.get_args(hint)[0] if is_optional else hint
    is_tuple = typing.get_origin(kind) is tuple
    if is_tuple:
        kind = typing.get_args(kind)[0]
    return replace(field, name=name, kind=kind, is_tuple=is_tuple, is_optional=is_optional)


def _item(value: Any, kind: type) -> Any:
    return kind(**value) if isinstance(value, Mapping) else kind(value)

"""The declaration of a record's field: its role, and how it is printed, compared and shown.

A class of records declares each of its fields once, with its type and one of :data:`identity`,
:data:`condition`, :data:`figure` and :data:`remark`::

    load_ms: Annotated[float, figure("Time to load the model.", "load ms", text=three_digits)]

Tables, CSV, comparisons, reports and the columns of the store follow from these declarations, and
so does what a record that is read may have in the field (:mod:`edgecnn.records.rules`).
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, Flag, auto
from functools import partial
from typing import Any

from edgecnn.core.errors import InputError, shown_value
from edgecnn.records.rules import RULE_OF_TYPE, TEXT, WHOLE_NUMBERS_END, FieldRule

EMULATED_MARK = "(emulated)"
"""Text for an emulated CPU; in tables it stands in place of a time."""


class Role(Enum):
    """What a field is for; each field has exactly one role.

    An identity says what was measured, a condition says under which circumstances, and a figure is
    a result. Figures of different conditions are not compared. A remark describes the measurement:
    it neither identifies what was measured nor decides what is compared.
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
    """Where a field is shown: in tables of ``edgecnn bench``, reports, ``results list``; tooltips.

    A table leaves out a field that none of its measurements has a value for. The tooltips are those
    of a report's charts.
    """

    NOWHERE = 0
    BENCH = auto()
    REPORT = auto()
    LIST = auto()
    TOOLTIP = auto()
    TABLES = BENCH | REPORT


class Spread(Enum):
    """How a figure varies from one measurement of a file to the next, which intervals allow for.

    An exact figure does not vary. A latency varies as its samples tell. A single number of a run
    varies as processes differ from each other, a share of images by the choice of the images, and
    any other figure of images as its own interval tells.
    """

    EXACT = auto()
    SAMPLES = auto()
    RUNS = auto()
    IMAGES = auto()
    BOUNDS = auto()


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
    "db": ("dB", ".2f"),
    "units": ("", ".4g"),
}
"""Last word of a field's name -> its unit, and the format of a number with all its digits."""


@dataclass(frozen=True)
class Field:
    """One field of a record, as its class declares it.

    Args:
        role: What the field is for.
        meaning: What the field says, in one or more sentences.
        title: Head of the field's column, with the unit unless the values' texts have one; empty if
            no table or card shows the field.
        shown: Tables and tooltips that show the field; besides, the page of a report shows every
            figure with a title in the card of its file.
        rank: In a terminal that is too narrow, columns of ``edgecnn bench`` of the highest rank go
            first; those of rank 0 stay.
        topic: What the field tells about.
        text: Given a value, returns its text for people.
        rule: What the field's values, or the items of a tuple, may be besides their type.
        usual: For a condition: the value that the table of ``edgecnn bench`` does not mention.
        confidence: For a figure with bounds: the confidence of its interval in percent.
        interval_rank: Rank of the column with the interval; None if tables have no such column.
        better: Which values are better; None where neither is.
        spread: How the figure varies between measurements; None if it is not compared.
        percent: Percentile of the samples that the figure is, where it comes from samples; None
            for the samples' mean.
        column: Version of the store's tables since which the field has a column of its own; None if
            it is only in the record's JSON.
        name: Name of the field; that of a figure ends in its unit.
        kind: Python type of the field without None; for a tuple the type of the items.
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
    rule: FieldRule = TEXT
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
        """Whether the field's values are single numbers, by which a table can be sorted."""
        return self.kind in (int, float) and not self.is_tuple

    @property
    def change_unit(self) -> str | None:
        """What changes of the figure are counted in; None where they are relative to a base.

        Example:
            >>> FIELDS["top1_percent"].change_unit
            'points'
        """
        if self.topic is not Topic.ACCURACY:
            return None
        return {"percent": "points", "db": "dB"}.get(self.name.rpartition("_")[2])

    @property
    def bounds(self) -> tuple[str, str]:
        """Names of the fields with the ends of the interval: ``x_low_ms`` and ``x_high_ms``."""
        stem, _, unit = self.name.rpartition("_")
        return f"{stem}_low_{unit}", f"{stem}_high_{unit}"

    def is_withheld(self, record: Any) -> bool:
        """Return whether a record's value must not be shown as the device's own.

        The time and energy that an emulated CPU takes say nothing of the board it imitates.
        """
        return (
            self.role is Role.FIGURE
            and self.topic in (Topic.SPEED, Topic.ENERGY)
            and bool(record.emulated)
        )

    def value_of(self, record: Any) -> Any:
        """Return a record's value; None where no value can be shown."""
        value = getattr(record, self.name)
        if self.is_withheld(record) or (isinstance(value, float) and not self.rule.allows(value)):
            return None
        return value

    def text_of(self, record: Any) -> str | None:
        """Return a record's value as text for people; None where no value can be shown."""
        value = self.value_of(record)
        return None if value is None else self.text(value)

    def interval_of(self, record: Any) -> str | None:
        """Return the interval of a record's value: ``"3.21-3.34"``; None without an interval."""
        if self.confidence is None or self.value_of(record) is None:
            return None
        low, high = (getattr(record, bound) for bound in self.bounds)
        return None if low is None or high is None else f"{self.text(low)}-{self.text(high)}"

    def full_text_of(self, record: Any) -> str | None:
        """Return a record's value with its interval: ``"3.28 (99 % interval 3.21-3.34)"``."""
        text, interval = self.text_of(record), self.interval_of(record)
        return f"{text} ({self.confidence} % interval {interval})" if interval else text

    def precise_text(self, value: float) -> str:
        """Return a number of this field with its unit and all digits that a comparison may need.

        Example:
            >>> FIELDS["latency_p50_ms"].precise_text(3.28)
            '3.280 ms'
        """
        unit, form = UNITS[self.name.rpartition("_")[2]]
        return f"{value:{form}} {unit}".rstrip()

    def read(self, values: Mapping[str, Any]) -> Any:
        """Return this field's value from the plain values of a record, as JSON has them.

        Args:
            values: Plain values by the names of fields.

        Raises:
            InputError: The field is missing and may not be None, or its value is none that it may
                have; the message names the field.

        Example:
            >>> FIELDS["threads"].read({"threads": 0})
            Traceback (most recent call last):
            edgecnn.core.errors.InputError: threads is 0, where a whole number from 1 is needed
        """
        value = values.get(self.name)
        if value is None and self.is_optional:
            return None
        if self.name not in values:
            raise InputError(f"{self.name} is missing")
        if not self.is_tuple:
            return self._checked(value, self.name)
        if not isinstance(value, (list, tuple)):
            raise InputError(f"{self.name} is {shown_value(value)}, where a list is needed")
        if set(map(type, value)) == {self.kind} and all(map(self.rule.allows, value)):
            return tuple(value)
        return tuple(self._checked(each, f"{self.name}[{n}]") for n, each in enumerate(value))

    def _checked(self, value: Any, place: str) -> Any:
        """Return a single value, or an item of a tuple, as the field's type has it."""
        if dataclasses.is_dataclass(self.kind):
            return _built(self.kind, value, place)
        # JSON does not tell 3 from 3.0.
        if self.kind is float and type(value) is int and abs(value) < WHOLE_NUMBERS_END:
            value = float(value)
        if type(value) is not self.kind or not self.rule.allows(value):
            needed = f"where {self.rule.words} is needed"
            raise InputError(f"{place} is {shown_value(value)}, {needed}")
        return value


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
    rule = RULE_OF_TYPE.get(kind, TEXT) if field.rule is TEXT else field.rule
    return replace(
        field, name=name, kind=kind, is_tuple=is_tuple, is_optional=is_optional, rule=rule
    )


def _built(kind: type, values: Any, place: str) -> Any:
    """Return a dataclass of texts and numbers; what this version does not know is left out."""
    if not isinstance(values, Mapping):
        raise InputError(f"{place} is {shown_value(values)}, where an object is needed")
    hints = typing.get_type_hints(kind)
    return kind(**{
        name: _part(hint, values.get(name), f"{place}.{name}") for name, hint in hints.items()
    })  # fmt: skip


def _part(hint: Any, value: Any, place: str) -> Any:
    """Return a text, or a finite number, of a dataclass within a record."""
    if value is None and type(None) in typing.get_args(hint):
        return None
    if hint is str and isinstance(value, str):
        return value
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is not str and is_number and abs(value) < WHOLE_NUMBERS_END:
        return float(value)
    needed = "text" if hint is str else "finite number"
    raise InputError(f"{place} is {shown_value(value)}, where a {needed} is needed")

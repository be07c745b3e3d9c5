"""The columns that a table of measurements has: those of its fields that have something to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgecnn.records.fields import EMULATED_MARK, Field, Role, ShownIn
from edgecnn.records.record import FIELDS, Outline

MLPERF_RANKS = {"latency_p50_ms": 3, "latency_p90_ms": 0}
"""Ranks under MLPerf's rules, by which the 90th percentile is the result."""


@dataclass(frozen=True)
class Column:
    """One column of a table of measurements.

    Args:
        field: The field of a record that it shows.
        is_interval: Whether it shows the interval of that field's value in place of the value.
        rank: In a terminal that is too narrow, columns of the highest rank go first; those of
            rank 0 stay.
    """

    field: Field
    is_interval: bool = False
    rank: int = 0

    @property
    def title(self) -> str:
        """Head of the column."""
        return f"{self.field.confidence} % interval" if self.is_interval else self.field.title

    @property
    def is_text(self) -> bool:
        """Whether its values are texts, which stand at the left."""
        return not self.field.is_number

    def value(self, record: Outline) -> Any:
        """Return what a record is sorted by, None where it has nothing to show."""
        if self.is_interval:
            has_interval = self.field.interval_of(record) is not None
            return getattr(record, self.field.bounds[0]) if has_interval else None
        return self.field.value_of(record)

    def text(self, record: Outline) -> str | None:
        """Return a record's cell, None where it has nothing to show."""
        if self.is_interval:
            return self.field.interval_of(record)
        if self.rank == 0 and self.field.is_withheld(record):
            return EMULATED_MARK
        return self.field.text_of(record)


def columns(place: ShownIn, records: Sequence[Outline]) -> list[Column]:
    """Return the columns of a table after the one with the model's name.

    Args:
        place: Which table.
        records: What the table shows, at least one.

    Example:
        >>> [column.title for column in columns(ShownIn.LIST, store.listed())]
        ['scheme', 'device', 'threads', 'size', 'p50 ms', 'top-1 %']
    """
    every = [column for field in _in_order(place) for column in _columns_of(field, place)]
    if place is ShownIn.BENCH and all(record.protocol for record in records):
        every = [_by_mlperf(column) for column in every]
    return [column for column in every if _says_something(column, place, records)]


def card_fields() -> list[Field]:
    """Return the fields that the card of a single file shows: all figures and their remarks."""
    roles = (Role.FIGURE, Role.REMARK)
    titled = (field for field in FIELDS.values() if field.title and field.role in roles)
    return sorted(titled, key=lambda field: field.topic.value)


def csv_fields() -> list[Field]:
    """Return the fields of a report's CSV: all that have a title, and the ends of intervals."""
    titled = [field for field in FIELDS.values() if field.title]
    ends = {bound for field in titled if field.confidence for bound in field.bounds}
    return sorted((f for f in FIELDS.values() if f.title or f.name in ends), key=_place)


def tooltip_fields() -> list[Field]:
    """Return the fields that are told of the file that is pointed at in a chart."""
    return _in_order(ShownIn.TOOLTIP)


def _in_order(place: ShownIn) -> list[Field]:
    return sorted((field for field in FIELDS.values() if place & field.shown), key=_place)


def _place(field: Field) -> tuple[int, int]:
    groups = {Role.IDENTITY: 0, Role.CONDITION: 1}
    group = groups.get(field.role, 2)
    return group, field.topic.value if group == 2 else 0


def _columns_of(field: Field, place: ShownIn) -> list[Column]:
    made = [Column(field, rank=field.rank)]
    # Lists are read without the ends of intervals.
    if field.interval_rank is not None and place is not ShownIn.LIST:
        made.append(Column(field, is_interval=True, rank=field.interval_rank))
    return made


def _by_mlperf(column: Column) -> Column:
    rank = column.rank if column.is_interval else MLPERF_RANKS.get(column.field.name, column.rank)
    return replace(column, rank=rank)


def _says_something(column: Column, place: ShownIn, records: Sequence[Outline]) -> bool:
    field = column.field
    values = {field.value_of(record) for record in records}
    if field.role is Role.CONDITION and place is not ShownIn.LIST:
        is_usual = place is ShownIn.REPORT or field.usual is ... or values == {field.usual}
        return len(values) > 1 or not is_usual
    return any(column.text(record) is not None for record in records)

"""The columns of a table of measurements: one for each field that has something to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgecnn.records.fields import EMULATED_MARK, Field, Role, ShownIn
from edgecnn.records.record import FIELDS, Outline

MLPERF_RANKS = {"latency_p50_ms": 3, "latency_p90_ms": 0}
"""Ranks of columns under MLPerf's rules, whose result is the 90th percentile."""


@dataclass(frozen=True)
class Column:
    """One column of a table of measurements.

    Args:
        field: The field of a record that the column shows.
        is_interval: Whether the column shows the interval of the field's value, not the value.
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
        """Whether the column's values are texts, which stand at the left."""
        return not self.field.is_number

    def value(self, record: Outline) -> Any:
        """Return the value by which a record is sorted; None where its cell is empty."""
        if self.is_interval:
            has_interval = self.field.interval_of(record) is not None
            return getattr(record, self.field.bounds[0]) if has_interval else None
        return self.field.value_of(record)

    def text(self, record: Outline) -> str | None:
        """Return the text of a record's cell; None where the cell is empty."""
        if self.is_interval:
            return self.field.interval_of(record)
        if self.rank == 0 and self.field.is_withheld(record):
            return EMULATED_MARK
        return self.field.text_of(record)


def columns(place: ShownIn, records: Sequence[Outline]) -> list[Column]:
    """Return the columns of a table after the one with the model's name.

    Args:
        place: Place of the table.
        records: Records that the table shows, at least one.

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
    """Return the fields of a report's CSV: all fields with a title, and the ends of intervals."""
    titled = [field for field in FIELDS.values() if field.title]
    ends = {bound for field in titled if field.confidence for bound in field.bounds}
    return sorted((f for f in FIELDS.values() if f.title or f.name in ends), key=_place)


def tooltip_fields() -> list[Field]:
    """Return the fields in the tooltip of a file in a chart."""
    return _in_order(ShownIn.TOOLTIP)


def _in_order(place: ShownIn) -> list[Field]:
    return sorted((field for field in FIELDS.values() if place & field.shown), key=_place)


def _place(field: Field) -> tuple[int, int]:
    groups = {Role.IDENTITY: 0, Role.CONDITION: 1}
    group = groups.get(field.role, 2)
    return group, field.topic.value if group == 2 else 0


def _columns_of(field: Field, place: ShownIn) -> list[Column]:
    field_columns = [Column(field, rank=field.rank)]
    # The store reads lists without the ends of intervals.
    if field.interval_rank is not None and place is not ShownIn.LIST:
        field_columns.append(Column(field, is_interval=True, rank=field.interval_rank))
    return field_columns


def _by_mlperf(column: Column) -> Column:
    rank = column.rank if column.is_interval else MLPERF_RANKS.get(column.field.name, column.rank)
    return replace(column, rank=rank)


def _says_something(column: Column, place: ShownIn, records: Sequence[Outline]) -> bool:
    field = column.field
    if field.role is Role.CONDITION and place is not ShownIn.LIST:
        values = {field.value_of(record) for record in records}
        is_usual = place is ShownIn.REPORT or field.usual is ... or values == {field.usual}
        return len(values) > 1 or not is_usual
    return any(column.text(record) is not None for record in records)

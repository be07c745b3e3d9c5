"""The rows of a report: records with names, without figures that mean nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgecnn.core.text import model_names
from edgecnn.models.spec import ModelSpec
from edgecnn.records.columns import Column
from edgecnn.records.fields import Field, Role, Topic
from edgecnn.records.leading import TOP1, LeadingFigure
from edgecnn.records.record import FIELDS, Record
from edgecnn.reporting.findings.networks import network_of

RANDOM_WEIGHTS = "random-weights"
"""Code of the warning of a file with random weights, whose accuracy is chance."""


@dataclass(frozen=True)
class ReportRow:
    """One record in a report.

    Args:
        id: Number of the row in the report, from 0 on.
        record: What was measured, of one file under one set of conditions.
        name: Name of the file, one line without control characters; other files have other names.
    """

    id: int
    record: Record
    name: str

    @property
    def latency_ms(self) -> float | None:
        """Median time of a call in ms; None on an emulated CPU, whose times say nothing of speed.

        A median that is not positive is None, too: it has no place on a logarithmic axis.
        """
        median = self.value("latency_p50_ms")
        return median if median is not None and median > 0 else None

    @cached_property
    def leading(self) -> LeadingFigure | None:
        """The figure that is the row's accuracy; None where no accuracy was measured."""
        return LeadingFigure.of(self.record)

    @property
    def accuracy(self) -> float | None:
        """Value of the leading figure; None with random weights, where it is chance."""
        leading = self.leading
        value: float | None = None if leading is None else self.value(leading.field.name)
        return value

    @property
    def merit(self) -> float:
        """Accuracy as a number of which more is better; less than any where there is none."""
        leading, value = self.leading, self.accuracy
        return -math.inf if leading is None or value is None else leading.merit(value)

    @property
    def accuracy_text(self) -> str | None:
        """The leading figure in words: ``"top-1 71.8 %"``; None where there is none."""
        leading, value = self.leading, self.accuracy
        return None if leading is None or value is None else leading.text(value)

    @property
    def accuracy_ends(self) -> tuple[float, float] | None:
        """Ends of the leading figure's 95 % interval; None where it has none."""
        if self.leading is None or self.accuracy is None:
            return None
        low, high = (self.value(name) for name in self.leading.field.bounds)
        return None if low is None or high is None else (low, high)

    @property
    def has_chance_accuracy(self) -> bool:
        """Whether accuracy was measured, and is chance, as the weights are random."""
        return self.leading is not None and self._is_chance(self.leading.field)

    def value(self, name: str) -> Any:
        """Return a field's value; None where it is withheld or was not measured."""
        field = FIELDS[name]
        return None if self._is_chance(field) else field.value_of(self.record)

    def full_text(self, field: Field) -> str | None:
        """Return a field's value with its interval as text; None where no value can be shown."""
        return None if self._is_chance(field) else field.full_text_of(self.record)

    def cell(self, column: Column) -> str | None:
        """Return the text of the row's cell in a column; None where the cell is empty."""
        return None if self._is_chance(column.field) else column.text(self.record)

    @cached_property
    def network(self) -> ModelSpec | None:
        """Architecture of the file; None where it is not known."""
        return network_of(self.record.source, self.record.model)

    def _is_chance(self, field: Field) -> bool:
        is_accuracy = field.role is Role.FIGURE and field.topic is Topic.ACCURACY
        return is_accuracy and any(
            warning.code == RANDOM_WEIGHTS for warning in self.record.warnings
        )


def make_rows(records: Sequence[Record]) -> list[ReportRow]:
    """Return records as rows, the most accurate first, then the fastest.

    Args:
        records: The records, in any order.

    Example:
        >>> [row.name for row in make_rows(edgecnn.bench(["a.tflite", "b.tflite"], data="photos/"))]
        ['b.tflite', 'a.tflite']
    """
    names = model_names(record.model for record in records)
    files = {(record.model, record.scheme, record.model_sha256) for record in records}
    versions = Counter((model, scheme) for model, scheme, _ in files)
    ordered = sorted(records, key=_best_first)
    return [
        ReportRow(number, record, _name(record, names, versions))
        for number, record in enumerate(ordered)
    ]


def _best_first(record: Record) -> tuple[bool, str, float, float]:
    """Return what orders rows; those of one figure of accuracy stand together."""
    row = ReportRow(0, record, "")
    name = TOP1 if row.leading is None or row.accuracy is None else row.leading.name
    latency = math.inf if row.latency_ms is None else row.latency_ms
    return name != TOP1, name, -row.merit, latency


def _name(record: Record, names: dict[str, str], versions: Counter[tuple[str, str]]) -> str:
    """Return a file's name, with a few digits of its hash where other files have the same name."""
    name = names[record.model]
    is_alone = versions[record.model, record.scheme] == 1
    return name if is_alone else f"{name} ({record.model_sha256[:6]})"

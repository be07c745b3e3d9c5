"""Records as the report shows them: named, and without what means nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from edgecnn.core.text import model_names, three_digits
from edgecnn.models.spec import ModelSpec
from edgecnn.reporting.networks import network_of
from edgecnn.results.record import Record

RANDOM_WEIGHTS = "random-weights"
"""The warning of a file whose accuracy is chance, whatever was measured."""


@dataclass(frozen=True)
class Row:
    """One record in a report.

    Args:
        id: Its number in this report, from 0 on.
        record: What was measured.
        name: Of its file, one line without control characters, unlike those of other files.
    """

    id: int
    record: Record
    name: str

    @property
    def latency_ms(self) -> float | None:
        """Median of a call; None on an emulated CPU, whose times say nothing of speed.

        None, too, where it is no time at all: it has no place on a logarithmic axis.
        """
        median = self.record.latency_p50_ms
        return None if self.record.emulated or not 0 < median < math.inf else median

    @property
    def top1_percent(self) -> float | None:
        """Share of images that it is right on; None with random weights, where it is chance."""
        share = self.record.top1_percent
        is_random = any(one.code == RANDOM_WEIGHTS for one in self.record.warnings)
        return None if is_random or share is None or not 0 <= share <= 100 else share

    @property
    def latency_interval(self) -> str | None:
        """Where its median lies with 99 % confidence, in milliseconds: ``"3.21-3.34"``."""
        low, high = self.record.latency_p50_low_ms, self.record.latency_p50_high_ms
        if self.latency_ms is None or low is None or high is None:
            return None
        return f"{three_digits(low)}-{three_digits(high)}"

    @property
    def top1_interval(self) -> str | None:
        """Where its top-1 lies with 95 % confidence, in percent: ``"96.2-98.9"``."""
        low, high = self.record.top1_low_percent, self.record.top1_high_percent
        if self.top1_percent is None or low is None or high is None:
            return None
        return f"{low:.1f}-{high:.1f}"

    @property
    def accuracy_text(self) -> str | None:
        """Its top-1 with the interval, where it has one."""
        if self.top1_percent is None:
            return None
        interval = f" (95 % interval {self.top1_interval})" if self.top1_interval else ""
        return f"{self.top1_percent:.1f} %{interval}"

    @cached_property
    def network(self) -> ModelSpec | None:
        """Its architecture, where that is known."""
        return network_of(self.record.source, self.record.model)


def make_rows(records: Sequence[Record]) -> list[Row]:
    """Number and name records.

    Args:
        records: In any order; the most accurate come first, then the fastest.

    Example:
        >>> [row.name for row in make_rows(edgecnn.bench(["a.tflite", "b.tflite"], data="photos/"))]
        ['b.tflite', 'a.tflite']
    """
    names = model_names(record.model for record in records)
    files = {(record.model, record.scheme, record.model_sha256) for record in records}
    versions = Counter((model, scheme) for model, scheme, _ in files)
    ordered = sorted(records, key=_best_first)
    return [
        Row(number, record, _name(record, names, versions)) for number, record in enumerate(ordered)
    ]


def _best_first(record: Record) -> tuple[float, float]:
    row = Row(0, record, "")
    accuracy = -1.0 if row.top1_percent is None else row.top1_percent
    return -accuracy, math.inf if row.latency_ms is None else row.latency_ms


def _name(record: Record, names: dict[str, str], versions: Counter[tuple[str, str]]) -> str:
    """Return a file's name, with a few digits of its hash where others have the same."""
    name = names[record.model]
    is_alone = versions[record.model, record.scheme] == 1
    return name if is_alone else f"{name} ({record.model_sha256[:6]})"

"""What every form of a report is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.reporting.findings.settings import Setting


@dataclass(frozen=True)
class Contents:
    """What every form of a report is written from.

    Args:
        title: Heading of the report.
        settings: Settings that the rows were measured in, at least one; the first is shown first.
        rows: All rows of the report.
        notes: What was left out of the report, and why.
    """

    title: str
    settings: Sequence[Setting]
    rows: Sequence[ReportRow]
    notes: Sequence[str] = ()

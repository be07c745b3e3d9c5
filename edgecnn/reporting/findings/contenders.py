"""The files that might be the one to ship as well: what noise leaves open of a recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.reporting.findings.differences import accuracy_gain, are_alike, time_change
from edgecnn.reporting.findings.recommendation import (
    EQUALLY_FAST,
    Shortlist,
    accepted_loss,
)
from edgecnn.reporting.findings.rows import ReportRow


@dataclass(frozen=True)
class Contenders:
    """Files that noise does not tell from the recommended one.

    Args:
        alike: Files that differ from it neither in time nor in accuracy.
        by_accuracy: Other files that would be recommended instead, or would rule it out, if
            accuracy were elsewhere in its interval.
        by_time: Other files of which the same holds for the time.
        disturbed: Files that were considered for their time although it is not steady.
    """

    alike: tuple[ReportRow, ...] = ()
    by_accuracy: tuple[ReportRow, ...] = ()
    by_time: tuple[ReportRow, ...] = ()
    disturbed: tuple[ReportRow, ...] = ()


def contenders(rows: Sequence[ReportRow]) -> Contenders:
    """Return the files that noise does not tell from the recommended one.

    Args:
        rows: Rows of one setting.

    Example:
        >>> [row.name for row in contenders(rows).alike]
        ['mobilenet_v2_float16.tflite']
    """
    chosen = Shortlist.of(rows)
    if chosen is None:
        return Contenders()
    recommended = chosen.recommended
    alike = [r for r in chosen.judged if r is not recommended and are_alike(recommended, r)]
    others = [r for r in chosen.judged if r is not recommended and r not in alike]
    accurate = [r for r in chosen.accurate if r is not recommended]
    return Contenders(
        alike=tuple(alike),
        by_accuracy=tuple(row for row in others if _is_open_by_accuracy(chosen, row)),
        by_time=tuple(row for row in others if _is_open_by_time(chosen, row)),
        disturbed=tuple(row for row in accurate if row.record.is_disturbed),
    )


def _is_open_by_accuracy(chosen: Shortlist, row: ReportRow) -> bool:
    """Return whether another accuracy within its interval would change the choice."""
    recommended, accepted = chosen.recommended, accepted_loss(row)
    if row is chosen.most_accurate:
        gain = accuracy_gain(row, recommended)
        return gain is not None and gain.low < -accepted
    if row in chosen.accurate or not _would_win(row, recommended):
        return False
    gain = accuracy_gain(chosen.most_accurate, row)
    return gain is not None and gain.high >= -accepted


def _is_open_by_time(chosen: Shortlist, row: ReportRow) -> bool:
    """Return whether another time within its interval would change the choice."""
    recommended = chosen.recommended
    if row not in chosen.accurate:
        return False
    if row is chosen.fastest:
        slower = time_change(row, recommended)
        return slower is not None and slower.high > EQUALLY_FAST - 1
    if row in chosen.fast or row.record.model_bytes >= recommended.record.model_bytes:
        return False
    slower = time_change(chosen.fastest, row)
    return slower is not None and slower.low <= EQUALLY_FAST - 1


def _would_win(row: ReportRow, recommended: ReportRow) -> bool:
    """Return whether a file that is not accurate enough is better in time and size."""
    time, other = row.latency_ms or 0.0, recommended.latency_ms or 0.0
    is_smaller = row.record.model_bytes < recommended.record.model_bytes
    return EQUALLY_FAST * time < other or (time <= EQUALLY_FAST * other and is_smaller)

"""Rows as the points of charts: their tooltips, their positions, and the places of their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.records.columns import tooltip_fields
from edgecnn.records.record import FIELDS
from edgecnn.reporting.charts.chart import Values
from edgecnn.reporting.charts.labels import LabelPlace, Line, logarithm, place_names
from edgecnn.reporting.findings.recommendation import pareto
from edgecnn.reporting.findings.rows import ReportRow


def size_and_speed_points(rows: Sequence[ReportRow]) -> Values:
    """Return a point for each row with a time; points of the Pareto front have names.

    Args:
        rows: The rows; those without accuracy are left out where others have one.
    """
    optimal = {row.id for row in pareto(rows)}
    timed = [row for row in rows if row.latency_ms is not None]
    is_judged = any(row.accuracy is not None for row in timed)
    placed = [row for row in timed if not is_judged or row.accuracy is not None]
    places = place_names(
        [(logarithm(row.latency_ms or 0), _height(row)) for row in placed],
        [stem(row) if row.id in optimal else "" for row in placed],
        [line for row in placed for line in _interval_lines(row)],
    )
    return [
        {
            **told(row),
            **position(row),
            "optimal": row.id in optimal,
            **label(stem(row), place),
        }
        for row, place in zip(placed, places, strict=True)
    ]


def told(row: ReportRow) -> dict[str, Any]:
    """Return the values of a row's tooltip, with the row's number, name and scheme."""
    texts = {field.name: row.full_text(field) or "-" for field in tooltip_fields()}
    # Colours depend on the scheme's own name, not on its text for tooltips.
    return {**texts, "id": row.id, "name": row.name, "scheme": row.record.scheme}


def position(row: ReportRow) -> dict[str, Any]:
    """Return a row's place in charts, in milliseconds, MiB and its leading figure, with intervals.

    An interval that is not known has its ends at the point itself: Vega's scales want numbers.
    """
    time, accuracy = row.latency_ms, row.accuracy
    time_low, time_high = _time_ends(row) or (time, time)
    low, high = row.accuracy_ends or (accuracy, accuracy)
    return {
        "p50": time,
        "p50Low": time_low,
        "p50High": time_high,
        "mib": row.record.model_bytes / (1 << 20),
        "accuracy": accuracy,
        "accuracyLow": low,
        "accuracyHigh": high,
    }


def label(name: str, place: LabelPlace | None) -> dict[str, Any]:
    """Return the name of a point and its place; the name is empty where it has no place."""
    if place is None:
        return {"label": "", "dx": 0, "dy": 0, "align": "left"}
    return {"label": name, "dx": place.dx, "dy": place.dy, "align": place.align}


def stem(row: ReportRow) -> str:
    """Return a row's name without the ending of its file."""
    return row.name.replace(".tflite", "")


def _time_ends(row: ReportRow) -> tuple[float, float] | None:
    """Return the ends of the median time's interval; None where it has none that can be drawn."""
    low, high = (row.value(name) for name in FIELDS["latency_p50_ms"].bounds)
    # A logarithmic axis has no place for 0.
    return (low, high) if row.latency_ms and low is not None and high and low > 0 else None


def _interval_lines(row: ReportRow) -> list[Line]:
    """Return the intervals of a row's time and accuracy as lines of the chart."""
    x, y = logarithm(row.latency_ms or 0), _height(row)
    lines = []
    if (time := _time_ends(row)) is not None:
        lines.append(((logarithm(time[0]), y), (logarithm(time[1]), y)))
    if (ends := row.accuracy_ends) is not None and row.leading is not None:
        low, high = map(row.leading.merit, ends)
        lines.append(((x, low), (x, high)))
    return lines


def _height(row: ReportRow) -> float:
    """Return how high a row lies: its accuracy, or without accuracy the logarithm of its size."""
    return logarithm(row.record.model_bytes) if row.accuracy is None else row.merit

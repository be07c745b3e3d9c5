"""Rows as the points of charts: what is told of each, where it lies, and where its name goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.records.columns import tooltip_fields
from edgecnn.reporting.charts.chart import Values
from edgecnn.reporting.charts.labels import LabelPlace, logarithm, place_names
from edgecnn.reporting.recommendation import pareto
from edgecnn.reporting.rows import ReportRow


def size_and_speed_points(rows: Sequence[ReportRow]) -> Values:
    """Return a point for each row with a time; those that no other row beats have names.

    Args:
        rows: The rows; those without accuracy are left out where others have one.
    """
    optimal = {row.id for row in pareto(rows)}
    timed = [row for row in rows if row.latency_ms is not None]
    is_judged = any(row.top1_percent is not None for row in timed)
    placed = [row for row in timed if not is_judged or row.top1_percent is not None]
    places = place_names(
        [(logarithm(row.latency_ms or 0), _height(row)) for row in placed],
        [stem(row) if row.id in optimal else "" for row in placed],
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
    """Return what is told of a row wherever it is pointed at."""
    texts = {field.name: row.full_text(field) or "-" for field in tooltip_fields()}
    # Colours go by the scheme as it is.
    return {**texts, "id": row.id, "name": row.name, "scheme": row.record.scheme}


def position(row: ReportRow) -> dict[str, Any]:
    """Return what places a row in a chart: milliseconds, MiB, percent."""
    size = row.record.model_bytes / (1 << 20)
    return {"p50": row.latency_ms, "mib": size, "top1": row.top1_percent}


def label(name: str, place: LabelPlace | None) -> dict[str, Any]:
    """Return a point's name and where it is drawn; no name where it has no place."""
    if place is None:
        return {"label": "", "dx": 0, "dy": 0, "align": "left"}
    return {"label": name, "dx": place.dx, "dy": place.dy, "align": place.align}


def stem(row: ReportRow) -> str:
    """Return a row's name without the ending of its file."""
    return row.name.replace(".tflite", "")


def _height(row: ReportRow) -> float:
    """Return how high a row lies: its accuracy, or without accuracy the logarithm of its size."""
    return logarithm(row.record.model_bytes) if row.top1_percent is None else row.top1_percent

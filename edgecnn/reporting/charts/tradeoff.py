"""The chart of size, speed and accuracy: a circle for each file."""

from __future__ import annotations

from typing import Any

from edgecnn.reporting.charts.chart import Chart, Rows, Values, without_accuracy, without_times
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import size_and_speed_points
from edgecnn.reporting.findings.recommendation import best_accuracy_by_time


def _datasets(rows: Rows, every: Rows) -> dict[str, Values]:
    best = best_accuracy_by_time(rows)
    steps: Values = [{"p50": row.latency_ms, "accuracy": row.accuracy} for row in best]
    return {"points": size_and_speed_points(rows), "steps": steps}


def _draw(look: Look) -> Any:
    placed = look.data("points").transform_filter("isValid(datum.p50) && isValid(datum.accuracy)")
    line = (
        look.data("steps")
        .mark_line(interpolate="step-after", strokeDash=[5, 4], style="front", strokeWidth=1.5)
        .encode(x=look.time, y=look.accuracy)
    )
    circles = placed.mark_circle(cursor="pointer").encode(
        x=look.time,
        y=look.accuracy,
        size=look.area,
        color=look.colour,
        opacity=look.opacity,
        order=look.altair.Order("mib:Q", sort="descending"),
        tooltip=look.tooltip(),
        **look.ring,
    )
    across, up = look.time_intervals(placed, look.accuracy), look.accuracy_intervals(placed)
    return look.layers(line, across, up, circles, look.names(placed, look.time, look.accuracy))


chart = Chart(
    name="tradeoff",
    order=10,
    title="Size, speed and accuracy",
    picture_title="Size, speed and accuracy (faint: another file beats it)",
    explanation=(
        "Up is more accurate, left is faster, a larger circle is a larger file (the largest has "
        "{largest}). Lines through a file are its intervals: 99 % of the median time, 95 % of "
        "the accuracy. Faint files are beaten: another one is no larger, no slower and no less "
        "accurate, and better in one of these by more than noise explains. The dashed line is the "
        "best accuracy up to each time. A click on a file shows its calls."
    ),
    datasets=_datasets,
    missing=lambda rows, every: without_times(rows, every) or without_accuracy(rows, every),
    draw=_draw,
)

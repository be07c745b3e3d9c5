"""The chart of size and speed, for files without accuracy."""

from __future__ import annotations

from typing import Any

from edgecnn.reporting.charts.chart import Chart, without_times
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import size_and_speed_points


def _draw(look: Look) -> Any:
    placed = look.data("points").transform_filter("isValid(datum.p50)")
    axis = look.altair.Axis(format="~g")
    title = "size of the file, MiB"
    y = look.altair.Y("mib:Q", title=title, scale=look.logarithmic, axis=axis)
    dots = placed.mark_circle(size=130, cursor="pointer").encode(
        x=look.time,
        y=y,
        color=look.colour,
        opacity=look.opacity,
        tooltip=look.tooltip(),
        **look.ring,
    )
    return look.layers(look.time_intervals(placed, y), dots, look.names(placed, look.time, y))


chart = Chart(
    name="sizes",
    order=20,
    title="Size and speed",
    picture_title="Size and speed (faint: another file beats it)",
    explanation=(
        "Down is smaller, left is faster; the line through a file is its time's 99 % interval. "
        "Faint files are beaten: another one is no larger and no slower, and better in one of "
        "these by more than noise explains."
    ),
    datasets=lambda rows, every: {"points": size_and_speed_points(rows)},
    missing=without_times,
    draw=_draw,
    instead_of="tradeoff",
)

"""The chart of size and speed, for files without accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.reporting.charts.chart import EMULATED_NOTE, Chart, Values
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import size_and_speed_points
from edgecnn.reporting.rows import ReportRow
from edgecnn.reporting.settings import Setting


class Sizes(Chart):
    """Size of the file over the median time."""

    name = "sizes"
    order = 20
    title = "Size and speed"
    picture_title = "Size and speed (faint: another file beats it)"
    instead_of = "tradeoff"

    def explanation(self, rows: Sequence[ReportRow]) -> str:
        """Return the text below the chart."""
        return "Down is smaller, left is faster. Faint files are beaten by another one in both."

    def datasets(self, rows: Sequence[ReportRow], setting: Setting) -> dict[str, Values]:
        """Return the dots."""
        return {"points": size_and_speed_points(rows)}

    def missing(self, rows: Sequence[ReportRow], setting: Setting) -> str | None:
        """Return why there is no dot."""
        return EMULATED_NOTE if setting.is_emulated else None

    def draw(self, look: Look) -> Any:
        """Return the dots, and names beside them."""
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
        return look.layers(dots, look.names(placed, look.time, y))


CHART = Sizes()

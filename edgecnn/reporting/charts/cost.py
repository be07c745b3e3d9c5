"""The chart of what each scheme costs in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.reporting.charts.chart import NO_ACCURACY, Chart, Values, has_accuracy
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import told
from edgecnn.reporting.rows import ReportRow
from edgecnn.reporting.scheme_costs import scheme_costs
from edgecnn.reporting.settings import Setting

NO_FLOAT32 = (
    "A scheme's cost shows beside the float32 file of the same model, measured on the same data."
)


class Cost(Chart):
    """Top-1 of each quantised file less that of its float32 file, with the interval."""

    name = "cost"
    order = 40
    title = "What each scheme costs"
    picture_title = "What each scheme costs"
    is_wide = False
    row_data = "losses"

    def explanation(self, rows: Sequence[ReportRow]) -> str:
        """Return the text below the chart."""
        return (
            "Top-1 less that of the float32 file of the same model on the same images, with its "
            "99 % interval. A file that was not measured --against the float32 file has an "
            "interval for different images, which is rather too wide."
        )

    def datasets(self, rows: Sequence[ReportRow], setting: Setting) -> dict[str, Values]:
        """Return the costs of the shown files, also if their float32 files are not shown."""
        shown = {row.id for row in rows}
        return {"losses": [one for one in losses(setting.rows) if one["id"] in shown]}

    def missing(self, rows: Sequence[ReportRow], setting: Setting) -> str | None:
        """Return why there is no cost."""
        if not has_accuracy(rows):
            return NO_ACCURACY
        return None if self.datasets(rows, setting)["losses"] else NO_FLOAT32

    def draw(self, look: Look) -> Any:
        """Return a line for each interval with a dot for the change."""
        alt, files = look.altair, look.data("losses")
        title = "top-1 beside the float32 file, percentage points"
        axis = alt.Axis(format="+~g", orient="top", offset=6, tickCount=6)
        titles = {"change": "points beside float32", "low": "at least", "high": "at most"}
        told_too = (alt.Tooltip(f"{n}:Q", title=t, format="+.2f") for n, t in titles.items())
        zero = look.data("losses").mark_rule(style="front", strokeDash=[5, 4])
        intervals = files.mark_rule(strokeWidth=3, opacity=0.45, yOffset=8).encode(
            x=alt.X("low:Q", title=title, axis=axis), x2="high:Q", y=look.row, color=look.colour
        )
        changes = files.mark_circle(size=110, opacity=1, yOffset=8, cursor="pointer").encode(
            x=alt.X("change:Q"), y=look.row, color=look.colour, tooltip=look.tooltip(*told_too)
        )
        return look.layers(
            zero.encode(x=alt.XDatum(0)), intervals, changes, look.row_labels(files),
            height=look.row_height,
        )  # fmt: skip


def losses(rows: Sequence[ReportRow]) -> Values:
    """Return what each quantised file costs beside its float32 file, with its interval.

    Args:
        rows: Rows of one setting.
    """
    return [
        {
            **told(one.row),
            "place": place,
            "text": f"{one.model}  ·  {one.row.record.scheme}",
            "change": one.change.change,
            "low": one.change.low,
            "high": one.change.high,
        }
        for place, one in enumerate(scheme_costs(rows))
    ]


CHART = Cost()

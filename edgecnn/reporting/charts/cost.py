"""The chart of the accuracy that each scheme costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.reporting.charts.chart import Chart, Rows, Values, without_accuracy
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import told
from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.reporting.findings.scheme_costs import SchemeCost, scheme_costs

UNIT_WORDS = {"points": "percentage points", "dB": "dB", None: "% (less is better)"}
"""What changes of a figure are counted in -> words for it."""

NO_FLOAT32 = (
    "A scheme's cost shows beside the float32 file of the same model, measured on the same data."
)


def _datasets(rows: Rows, every: Rows) -> dict[str, Values]:
    # Costs are computed from all rows, since the float32 files need not be shown.
    shown = {row.id for row in rows}
    return {"losses": [loss for loss in _losses(every) if loss["id"] in shown]}


def _missing(rows: Rows, every: Rows) -> str | None:
    shown = {row.id for row in rows}
    return without_accuracy(rows, every) or (
        None if any(cost.row.id in shown for cost in scheme_costs(every)) else NO_FLOAT32
    )


def _losses(rows: Sequence[ReportRow]) -> Values:
    """Return the cost of each quantised file beside its float32 file, with its interval."""
    return [
        {
            **told(cost.row),
            "place": place,
            "text": f"{cost.model}  ·  {cost.row.record.scheme}",
            **_shown_change(cost),
        }
        for place, cost in enumerate(scheme_costs(rows))
    ]


def _shown_change(cost: SchemeCost) -> dict[str, float]:
    """Return a change and its interval in points, in dB, or in percent of the float32 file's."""
    leading, change = cost.row.leading, cost.change
    factor = 1 if leading is not None and leading.field.change_unit else 100
    ends = {"change": change.change, "low": change.low, "high": change.high}
    return {name: factor * value for name, value in ends.items()}


def _draw(look: Look) -> Any:
    alt, files = look.altair, look.data("losses")
    leading = look.leading
    name = "accuracy" if leading is None else leading.name
    unit = UNIT_WORDS["points" if leading is None else leading.field.change_unit]
    title = f"{name} beside the float32 file, {unit}"
    axis = alt.Axis(format="+~g", orient="top", offset=6, tickCount=6)
    titles = {"change": f"{unit} beside float32", "low": "at least", "high": "at most"}
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


chart = Chart(
    name="cost",
    order=40,
    title="What each scheme costs",
    picture_title="What each scheme costs",
    explanation=(
        "Accuracy less that of the float32 file of the same model on the same images, with its "
        "99 % interval; of a mean error in percent of the float32 file's. Where a result does not "
        "say how it did on each image, as those of older versions, the interval is one for "
        "different images, which is rather too wide."
    ),
    datasets=_datasets,
    missing=_missing,
    draw=_draw,
    is_wide=False,
    row_data="losses",
)

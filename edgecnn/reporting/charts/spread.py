"""The chart of how steady each run was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from edgecnn.core.text import three_digits
from edgecnn.reporting.charts.chart import Chart, Values, without_times
from edgecnn.reporting.charts.marks import ROW_STEP, Look
from edgecnn.reporting.charts.points import stem, told
from edgecnn.reporting.rows import ReportRow

QUANTILES = tuple(range(1, 100, 2))
"""Percentiles that stand for a run's calls: each is the middle of two percent of the calls."""

FURTHEST = 1.0
"""Excess over the median, relative to it, at which slower calls are drawn: one run that was
disturbed would make lines of all others."""

MOST_RUNS = 60
"""Runs whose quantiles are drawn: each is fifty lines, which browsers draw slowly."""


def spreads(rows: Iterable[ReportRow]) -> Values:
    """Return how each run's calls lie about their median, the fastest run first.

    Args:
        rows: The rows; those on an emulated CPU are left out, and the slowest of more than
            ``MOST_RUNS``.
    """
    timed = [row for row in rows if row.latency_ms is not None]
    timed.sort(key=lambda row: row.record.latency_p50_ms)
    return [
        {
            **told(row),
            "place": place,
            "text": f"{stem(row)}  ·  {three_digits(row.record.latency_p50_ms)} ms",
            "around": _around_median(row),
        }
        for place, row in enumerate(timed[:MOST_RUNS])
    ]


def _around_median(row: ReportRow) -> list[float]:
    """Return quantiles less the median, relative to it."""
    median = row.record.latency_p50_ms
    if not row.record.latency_samples_ms or median <= 0:
        return []
    values = np.percentile(row.record.latency_samples_ms, QUANTILES) / median - 1
    return [round(min(float(value), FURTHEST), 4) for value in values]


def _draw(look: Look) -> Any:
    alt, runs = look.altair, look.data("spreads")
    axis = alt.Axis(format="+.0%", orient="top", offset=6, tickCount=6)
    x = alt.X("around:Q", title="time of a call beside the run's median", axis=axis)
    ticks = (
        runs.transform_flatten(["around"])
        .mark_tick(orient="vertical", size=13, thickness=1.6, opacity=0.55, yOffset=8)
        .encode(x=x, y=look.row, color=look.colour)
    )
    medians = runs.mark_tick(
        orient="vertical", size=19, thickness=2.5, yOffset=8, style="median"
    ).encode(x=alt.XDatum(0), y=look.row)
    whole = runs.mark_bar(opacity=0, height=ROW_STEP, cursor="pointer").encode(
        x=alt.value(0), x2=alt.value("width"), y=look.row, tooltip=look.tooltip()
    )
    return look.layers(ticks, medians, look.row_labels(runs), whole, height=look.row_height)


chart = Chart(
    name="spread",
    order=50,
    title="How steady each run was",
    explanation=(
        "Each fine line stands for 2 % of a run's calls, from the 1st to the 99th percentile; the "
        "bold one is the median. Calls of more than twice the median stand at the right edge. Of "
        f"more than {MOST_RUNS} runs the fastest are drawn."
    ),
    datasets=lambda rows, every: {"spreads": spreads(rows)},
    missing=without_times,
    draw=_draw,
    row_data="spreads",
)

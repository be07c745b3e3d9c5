"""The chart of how long files take to load."""

from __future__ import annotations

from typing import Any

from edgecnn.reporting.charts.chart import Chart, Rows, Values, without_times
from edgecnn.reporting.charts.marks import Look


def _datasets(rows: Rows, every: Rows) -> dict[str, Values]:
    return {"loads": [{"name": row.name, "ms": row.value("load_ms")} for row in rows]}


def _draw(look: Look) -> Any:
    return look.layers(look.data("loads").mark_bar().encode(x="ms:Q", y="name:N"))


chart = Chart(
    name="loading",
    order=25,
    title="Time to load",
    picture_title="Loading",
    explanation="Once for each start of an app.",
    datasets=_datasets,
    missing=without_times,
    draw=_draw,
)

"""The chart of one file's timed calls."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgecnn.reporting.charts.chart import Chart, Values, without_times
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.rows import ReportRow

MOST_CALLS = 300
"""Calls of a run that are drawn one by one."""


def calls(row: ReportRow) -> Values:
    """Return the calls of a run; of many calls, the fastest and the slowest of equal parts.

    Returns:
        Number from 1 on and milliseconds of each call; none where the CPU is emulated.
    """
    samples = np.asarray([] if row.latency_ms is None else row.record.latency_samples_ms)
    if len(samples) <= MOST_CALLS:
        return [{"n": number, "ms": float(value)} for number, value in enumerate(samples, 1)]
    size = math.ceil(2 * len(samples) / MOST_CALLS)
    numbers: set[int] = set()
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        numbers |= {start + int(part.argmin()), start + int(part.argmax())}
    return [{"n": number + 1, "ms": float(samples[number])} for number in sorted(numbers)]


def _draw(look: Look) -> Any:
    alt = look.altair
    axis = alt.Axis(grid=False, tickCount=5, format="~s")
    scale = alt.Scale(zero=False)
    dots = look.data("calls").mark_circle(size=16, opacity=0.65, style="call")
    return dots.encode(
        x=alt.X("n:Q", title="call", axis=axis),
        y=alt.Y("ms:Q", title="ms", scale=scale, axis=alt.Axis(tickCount=4)),
        tooltip=[
            alt.Tooltip("n:Q", title="call", format=","),
            alt.Tooltip("ms:Q", title="ms", format=".4~g"),
        ],
    ).properties(height=130)


chart = Chart(
    name="calls",
    order=30,
    title="One file",
    explanation=(
        f"Every timed call, in order; of more than {MOST_CALLS}, the fastest and the slowest of "
        "equal parts."
    ),
    datasets=lambda rows, every: {"calls": calls(rows[0])},
    missing=without_times,
    draw=_draw,
    is_wide=False,
    is_of_file=True,
)

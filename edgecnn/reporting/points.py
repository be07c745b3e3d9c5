"""What the charts draw: plain values of a setting's rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from edgecnn.core.text import size_text, three_digits
from edgecnn.reporting.costs import costs
from edgecnn.reporting.labels import Place, logarithm, place_names
from edgecnn.reporting.recommendation import front, pareto
from edgecnn.reporting.rows import Row

Values = list[dict[str, Any]]

QUANTILES = tuple(range(1, 100, 2))
"""Percentiles that stand for a run's calls: each is the middle of two percent of them."""

BESIDE_YEARS = 0.14
"""Years between two schemes of one network."""

FURTHEST = 1.0
"""Excess over the median, relative to it, at which slower calls are drawn: one run that was
disturbed would make lines of all others."""

MOST_RUNS = 60
"""Runs whose quantiles are drawn: each is fifty lines, which browsers draw slowly."""

MOST_CALLS = 300
"""Calls of a run that are drawn one by one."""


def points(rows: Sequence[Row]) -> Values:
    """Return a point a row, for the trade-off and for sizes; those that none beats have names."""
    optimal = {row.id for row in pareto(rows)}
    timed = [row for row in rows if row.latency_ms is not None]
    is_judged = any(row.top1_percent is not None for row in timed)
    placed = [row for row in timed if not is_judged or row.top1_percent is not None]
    places = place_names(
        [(logarithm(row.latency_ms or 0), _height(row)) for row in placed],
        [_stem(row) if row.id in optimal else "" for row in placed],
    )
    return [
        {
            **_told(row),
            **_figures(row),
            "optimal": row.id in optimal,
            **_label(_stem(row), place),
        }
        for row, place in zip(placed, places, strict=True)
    ]


def years(rows: Sequence[Row]) -> Values:
    """Return a point a row of a known architecture; the best of each has its name."""
    known = [(row, row.network) for row in rows if row.network and row.top1_percent is not None]
    best = {
        network.name: max(
            (row for row, other in known if other is network), key=lambda row: row.top1_percent or 0
        ).id
        for _, network in known
    }
    schemes = list(dict.fromkeys(row.record.scheme for row in rows))
    # Schemes of one network stand side by side around its year.
    beside = [
        network.year + BESIDE_YEARS * (schemes.index(row.record.scheme) - (len(schemes) - 1) / 2)
        for row, network in known
    ]
    places = place_names(
        [(at, row.top1_percent or 0) for at, (row, _) in zip(beside, known, strict=True)],
        [network.name if best[network.name] == row.id else "" for row, network in known],
    )
    return [
        {
            **_told(row),
            **_figures(row),
            "at": at,
            "year": network.year,
            "network": network.name,
            **_label(network.name, place),
        }
        for at, (row, network), place in zip(beside, known, places, strict=True)
    ]


def steps(rows: Sequence[Row]) -> Values:
    """Return the corners of the line of the best top-1 that can be had up to each time."""
    return [{"p50": row.latency_ms, "top1": row.top1_percent} for row in front(rows)]


def spreads(rows: Iterable[Row]) -> Values:
    """Return how each run's calls lie about their median, the fastest run first.

    Args:
        rows: Those on an emulated CPU are left out, and the slowest of more than ``MOST_RUNS``.
    """
    timed = [row for row in rows if row.latency_ms is not None]
    timed.sort(key=lambda row: row.record.latency_p50_ms)
    return [
        {
            **_told(row),
            "place": place,
            "text": f"{_stem(row)}  ·  {three_digits(row.record.latency_p50_ms)} ms",
            "around": _around_median(row),
        }
        for place, row in enumerate(timed[:MOST_RUNS])
    ]


def losses(rows: Sequence[Row]) -> Values:
    """Return what each quantised file costs beside its float32 file, with its interval."""
    return [
        {
            **_told(one.row),
            "place": place,
            "text": f"{one.model}  ·  {one.row.record.scheme}",
            "change": one.change.change,
            "low": one.change.low,
            "high": one.change.high,
        }
        for place, one in enumerate(costs(rows))
    ]


def calls(row: Row) -> list[list[float]]:
    """Return [number, milliseconds] of a run's calls; of many, the extremes of equal parts."""
    samples = np.asarray(row.record.latency_samples_ms)
    if len(samples) <= MOST_CALLS:
        return [[number, float(value)] for number, value in enumerate(samples, 1)]
    size = math.ceil(2 * len(samples) / MOST_CALLS)
    numbers: set[int] = set()
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        numbers |= {start + int(part.argmin()), start + int(part.argmax())}
    return [[number + 1, float(samples[number])] for number in sorted(numbers)]


def _told(row: Row) -> dict[str, Any]:
    """Return what is told of a row wherever it is pointed at."""
    record = row.record
    percentiles = (record.latency_p50_ms, record.latency_p90_ms, record.latency_p99_ms)
    time = f"{' / '.join(map(three_digits, percentiles))} ms, {record.runs:,} calls"
    return {
        "id": row.id,
        "name": row.name,
        "scheme": record.scheme,
        "size": size_text(record.model_bytes),
        "time": "-" if row.latency_ms is None else time,
        "verdict": record.verdict or "-",
        "accuracy": row.accuracy_text or "-",
    }


def _figures(row: Row) -> dict[str, Any]:
    """Return what places a row: milliseconds, MiB, percent."""
    size = row.record.model_bytes / (1 << 20)
    return {"p50": row.latency_ms, "mib": size, "top1": row.top1_percent}


def _around_median(row: Row) -> list[float]:
    """Return quantiles less the median, relative to it."""
    median = row.record.latency_p50_ms
    if not row.record.latency_samples_ms or median <= 0:
        return []
    values = np.percentile(row.record.latency_samples_ms, QUANTILES) / median - 1
    return [round(min(float(value), FURTHEST), 4) for value in values]


def _label(name: str, place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"label": "", "dx": 0, "dy": 0, "align": "left"}
    return {"label": name, "dx": place.dx, "dy": place.dy, "align": place.align}


def _stem(row: Row) -> str:
    return row.name.replace(".tflite", "")


def _height(row: Row) -> float:
    """Return how high a row stands: its accuracy, or without any its size."""
    return logarithm(row.record.model_bytes) if row.top1_percent is None else row.top1_percent

"""The chart of accuracy by the year of the architecture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.reporting.charts.chart import Chart, Rows, Values, without_accuracy
from edgecnn.reporting.charts.labels import place_names
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import label, position, told
from edgecnn.reporting.findings.rows import ReportRow

BESIDE_YEARS = 0.14
"""Distance between two schemes of one network, in years on the axis."""

YEAR_TICKS = "ceil(room / 70)"
"""Expression for the number of ticks that an axis of years has room for."""

NO_YEARS = (
    "No architecture is known here: neither what the files say of themselves nor their names hold "
    "one that 'edgecnn models' lists."
)


def _missing(rows: Rows, every: Rows) -> str | None:
    is_known = any(row.network and row.accuracy is not None for row in rows)
    return without_accuracy(rows, every) or (None if is_known else NO_YEARS)


def _years(rows: Sequence[ReportRow]) -> Values:
    """Return a point for each row of a known architecture; the best row of each has its name."""
    known = [(row, row.network) for row in rows if row.network and row.accuracy is not None]
    best = {
        network.name: max(
            (row for row, other in known if other is network), key=lambda row: row.merit
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
        [(at, row.merit) for at, (row, _) in zip(beside, known, strict=True)],
        [network.name if best[network.name] == row.id else "" for row, network in known],
    )
    return [
        {
            **told(row),
            **position(row),
            "at": at,
            "year": network.year,
            "network": network.name,
            **label(network.name, place),
        }
        for at, (row, network), place in zip(beside, known, places, strict=True)
    ]


def _draw(look: Look) -> Any:
    alt, placed = look.altair, look.data("years")
    known = [row.network.year for row in look.rows if row.network] or [0]
    span = [min(known) - 1, max(known) + 1]
    ticks = alt.ExprRef(YEAR_TICKS)
    axis = alt.Axis(format="d", tickMinStep=1, grid=False, tickCount=ticks)
    title, scale = "year of the architecture's paper", alt.Scale(domain=span, nice=False)
    x = alt.X("at:Q", title=title, scale=scale, axis=axis)
    tooltip = look.tooltip(
        alt.Tooltip("network:N", title="architecture"),
        alt.Tooltip("year:Q", title="year", format="d"),
    )
    dots = placed.mark_circle(size=110, opacity=0.85, cursor="pointer").encode(
        x=x, y=look.accuracy, color=look.colour, tooltip=tooltip, **look.ring
    )
    return look.layers(dots, look.names(placed, x, look.accuracy))


chart = Chart(
    name="years",
    order=60,
    title="Accuracy by year of the architecture",
    picture_title="Accuracy by year of the architecture",
    explanation=(
        "Accuracy as it was measured here, not as it was published. The architecture is what a "
        "file says that it was made from, or else the one that its name has in it."
    ),
    datasets=lambda rows, every: {"years": _years(rows)},
    missing=_missing,
    draw=_draw,
)

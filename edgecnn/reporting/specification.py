"""The charts, each as one Vega-Lite specification for the page and for pictures.

Their data have names and come later, so that a page can show another setting in the same chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.charts import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from edgecnn.reporting.rows import Row

GREY, LIGHT_GREY = "#7d8790", "#b4bcc6"

SCHEME_COLOURS = {
    "float32": GREY,
    "float16": GREEN,
    "dynamic": ORANGE,
    "int8": BLUE,
    "int16x8": PURPLE,
}
"""float32 is what the others are held to."""

DARK_COLOURS = {**SCHEME_COLOURS, "float32": LIGHT_GREY, "int8": SKY}
OTHER_COLOUR = VERMILLION

STEP = 40
"""Pixels of a row that has its label above it, where a narrow page has no place beside it."""

TALL = 340
ROOM = 28
"""Pixels between the outermost points and the edge, for bubbles and names."""

WIDE_ENOUGH = "room > 480"
"""Below these pixels, points have no names beside them: they would lie upon each other."""

YEARS = "ceil(room / 70)"
"""Years that an axis has room for."""

PICKED = "datum.id === picked"
"""A page says which row was picked."""

NOTHING = -1
"""Where none was."""

TIME = "median time of a call, ms"


def charts(
    rows: Sequence[Row], *, width: int | None = None, dark: bool = False
) -> dict[str, dict[str, Any]]:
    """Return a specification a chart: tradeoff, sizes, spread, cost, years, calls.

    Args:
        rows: All that may be shown: they decide on colours, sizes of circles and the years.
        width: Pixels; where None, that of what it is put in, and legends are the page's.
        dark: Whether for a dark page.

    Example:
        >>> list(charts(make_rows(edgecnn.bench("model.tflite"))))[0]
        'tradeoff'
    """
    import altair

    by_scheme = colours(rows, dark=dark)
    scale = altair.Scale(domain=list(by_scheme), range=list(by_scheme.values()))
    legend = {} if width else {"legend": None}
    colour = altair.Color("scheme:N", title=None, scale=scale, **legend)
    ring = _ring(altair, dark)
    size = _size(altair, max(row.record.model_bytes for row in rows) / (1 << 20), legend)
    years = [row.network.year for row in rows if row.network] or [0]
    made = {
        "tradeoff": _tradeoff(altair, colour, ring, size),
        "sizes": _sizes(altair, colour, ring),
        "spread": _spread(altair, colour),
        "cost": _cost(altair, colour),
        "years": _years(altair, colour, ring, (min(years) - 1, max(years) + 1)),
        "calls": _calls(altair),
    }
    return {
        name: without_frame(chart.properties(width=width or "container").to_dict())
        for name, chart in made.items()
    }


def without_frame(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification without what belongs to a whole: its configuration and data."""
    return {name: part for name, part in spec.items() if name not in ("config", "datasets")}


def parameters(room: str) -> list[dict[str, Any]]:
    """Return what the charts ask for: which row was picked, and how wide they are."""
    return [{"name": "picked", "value": NOTHING}, {"name": "room", "expr": room}]


def theme(dark: bool = False) -> dict[str, Any]:
    """Return Vega's configuration for a light or a dark page."""
    text, quiet, grid, mark = (
        ("#e8ebef", "#a3adb8", "#343b44", "#e8ebef")
        if dark
        else ("#1b1f24", "#59636e", "#e3e7ec", "#1b1f24")
    )
    return {
        "background": "transparent" if dark else "#ffffff",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": quiet, "titleColor": text, "gridColor": grid, "domainColor": quiet,
            "tickColor": quiet, "labelFontSize": 12, "titleFontSize": 12.5, "titleFontWeight": 500,
            "titlePadding": 8, "labelFlush": False,
        },
        "legend": {
            "labelColor": text, "titleColor": quiet, "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": 500, "orient": "top", "symbolStrokeWidth": 0, "columnPadding": 14,
        },
        "title": {"color": text, "subtitleColor": quiet, "anchor": "start", "fontSize": 15},
        "text": {"color": text, "fontSize": 12},
        "rule": {"color": mark},
        "style": {
            "front": {"color": quiet},
            "median": {"color": mark},
            "call": {"color": DARK_COLOURS["int8"] if dark else BLUE},
        },
    }  # fmt: skip


def colours(rows: Sequence[Row], *, dark: bool = False) -> dict[str, str]:
    """Return the colour of each scheme that occurs, for a light or a dark page."""
    given = DARK_COLOURS if dark else SCHEME_COLOURS
    schemes = {row.record.scheme for row in rows}
    known = [scheme for scheme in given if scheme in schemes]
    others = sorted(schemes - {*known})
    return {scheme: given.get(scheme, OTHER_COLOUR) for scheme in (*known, *others)}


def _size(alt: Any, largest: float, legend: dict[str, Any]) -> Any:
    """Return sizes of circles whose areas are those of files."""
    if not legend:
        values = [float(f"{largest * part:.1g}") for part in (0.1, 0.4, 1)]
        legend = {"legend": alt.Legend(symbolFillColor=GREY, values=values, format="~g")}
    scale = alt.Scale(domain=[0, largest], range=[20, 900])
    return alt.Size("mib:Q", title="MiB", scale=scale, **legend)


def _tradeoff(alt: Any, colour: Any, ring: Any, size: Any) -> Any:
    data = alt.Chart(alt.NamedData("points"))
    placed = data.transform_filter("isValid(datum.p50) && isValid(datum.top1)")
    x, y = _time(alt), _top1(alt)
    line = (
        alt.Chart(alt.NamedData("steps"))
        .mark_line(interpolate="step-after", strokeDash=[5, 4], style="front", strokeWidth=1.5)
        .encode(x=x, y=y)
    )
    bubbles = placed.mark_circle(cursor="pointer").encode(
        x=x,
        y=y,
        size=size,
        color=colour,
        opacity=alt.condition("datum.optimal", alt.value(0.92), alt.value(0.42)),
        order=alt.Order("mib:Q", sort="descending"),
        tooltip=_tooltip(alt),
        **ring,
    )
    return _layers(alt, line, bubbles, _names(alt, placed, x, y))


def _sizes(alt: Any, colour: Any, ring: Any) -> Any:
    placed = alt.Chart(alt.NamedData("points")).transform_filter("isValid(datum.p50)")
    x = _time(alt)
    y = alt.Y("mib:Q", title="size of the file, MiB", scale=_log(alt), axis=alt.Axis(format="~g"))
    dots = placed.mark_circle(size=130, cursor="pointer").encode(
        x=x,
        y=y,
        color=colour,
        opacity=alt.condition("datum.optimal", alt.value(0.92), alt.value(0.42)),
        tooltip=_tooltip(alt),
        **ring,
    )
    return _layers(alt, dots, _names(alt, placed, x, y))


def _spread(alt: Any, colour: Any) -> Any:
    runs = alt.Chart(alt.NamedData("spreads"))
    y = _row(alt)
    axis = alt.Axis(format="+.0%", orient="top", offset=6, tickCount=6)
    x = alt.X("around:Q", title="time of a call beside the run's median", axis=axis)
    ticks = (
        runs.transform_flatten(["around"])
        .mark_tick(orient="vertical", size=13, thickness=1.6, opacity=0.55, yOffset=8)
        .encode(x=x, y=y, color=colour)
    )
    medians = runs.mark_tick(
        orient="vertical", size=19, thickness=2.5, yOffset=8, style="median"
    ).encode(x=alt.XDatum(0), y=y)
    whole = runs.mark_bar(opacity=0, height=STEP, cursor="pointer").encode(
        x=alt.value(0), x2=alt.value("width"), y=y, tooltip=_tooltip(alt)
    )
    return _layers(alt, ticks, medians, _labels(alt, runs, y), whole, height=alt.Step(STEP))


def _cost(alt: Any, colour: Any) -> Any:
    files = alt.Chart(alt.NamedData("losses"))
    y = _row(alt)
    title = "top-1 beside the float32 file, percentage points"
    x = alt.X(
        "low:Q", title=title, axis=alt.Axis(format="+~g", orient="top", offset=6, tickCount=6)
    )
    titles = {"change": "points beside float32", "low": "at least", "high": "at most"}
    tooltip = _tooltip(
        alt, *(alt.Tooltip(f"{n}:Q", title=t, format="+.2f") for n, t in titles.items())
    )
    zero = alt.Chart(alt.NamedData("losses")).mark_rule(style="front", strokeDash=[5, 4])
    intervals = files.mark_rule(strokeWidth=3, opacity=0.45, yOffset=8).encode(
        x=x, x2="high:Q", y=y, color=colour
    )
    changes = files.mark_circle(size=110, opacity=1, yOffset=8, cursor="pointer").encode(
        x=alt.X("change:Q"), y=y, color=colour, tooltip=tooltip
    )
    return _layers(
        alt, zero.encode(x=alt.XDatum(0)), intervals, changes, _labels(alt, files, y),
        height=alt.Step(STEP),
    )  # fmt: skip


def _years(alt: Any, colour: Any, ring: Any, span: tuple[int, int]) -> Any:
    placed = alt.Chart(alt.NamedData("years"))
    x = alt.X(
        "at:Q",
        title="year of the architecture's paper",
        scale=alt.Scale(domain=list(span), nice=False),
        axis=alt.Axis(format="d", tickMinStep=1, grid=False, tickCount=alt.ExprRef(YEARS)),
    )
    y = _top1(alt)
    tooltip = _tooltip(
        alt,
        alt.Tooltip("network:N", title="architecture"),
        alt.Tooltip("year:Q", title="year", format="d"),
    )
    dots = placed.mark_circle(size=110, opacity=0.85, cursor="pointer").encode(
        x=x, y=y, color=colour, tooltip=tooltip, **ring
    )
    return _layers(alt, dots, _names(alt, placed, x, y))


def _calls(alt: Any) -> Any:
    return (
        alt.Chart(alt.NamedData("calls"))
        .mark_circle(size=16, opacity=0.65, style="call")
        .encode(
            x=alt.X("n:Q", title="call", axis=alt.Axis(grid=False, tickCount=5, format="~s")),
            y=alt.Y("ms:Q", title="ms", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
            tooltip=[
                alt.Tooltip("n:Q", title="call", format=","),
                alt.Tooltip("ms:Q", title="ms", format=".4~g"),
            ],
        )
        .properties(height=130)
    )


def _layers(alt: Any, *layers: Any, height: Any = TALL) -> Any:
    made = alt.layer(*layers).properties(height=height)
    return made.add_params(*(alt.param(**each) for each in parameters("width")))


def _time(alt: Any) -> Any:
    axis = alt.Axis(format=".3~g", tickCount=6, labelOverlap=True)
    return alt.X("p50:Q", title=TIME, scale=_log(alt), axis=axis)


def _top1(alt: Any) -> Any:
    # The room above the best file is no accuracy that there could be.
    axis = alt.Axis(labelExpr="datum.value > 100 ? '' : datum.label")
    scale = alt.Scale(zero=False, nice=False, padding=ROOM)
    return alt.Y("top1:Q", title="top-1, %", scale=scale, axis=axis)


def _log(alt: Any) -> Any:
    return alt.Scale(type="log", nice=False, padding=ROOM)


def _row(alt: Any) -> Any:
    return alt.Y("place:O", axis=None)


def _labels(alt: Any, data: Any, y: Any) -> Any:
    return data.mark_text(align="left", dy=-11, limit=alt.ExprRef("room")).encode(
        x=alt.value(0), y=y, text="text:N"
    )


def _ring(alt: Any, dark: bool) -> dict[str, Any]:
    """Return encodings that draw a ring around the row that was picked."""
    inside, ring = ("#1e2227", "#e8ebef") if dark else ("#ffffff", "#1b1f24")
    return {
        "stroke": alt.condition(PICKED, alt.value(ring), alt.value(inside)),
        "strokeWidth": alt.condition(PICKED, alt.value(2.5), alt.value(0.6)),
    }


def _names(alt: Any, placed: Any, x: Any, y: Any) -> Any:
    """Return a layer with the names that have a place, where the chart is wide enough."""
    return placed.mark_text(
        align=alt.ExprRef("datum.align"),
        dx=alt.ExprRef("datum.dx"),
        dy=alt.ExprRef("datum.dy"),
        opacity=alt.ExprRef(f"{WIDE_ENOUGH} ? 1 : 0"),
        fontSize=11,
    ).encode(x=x, y=y, text="label:N")


def _tooltip(alt: Any, *others: Any) -> list[Any]:
    return [
        alt.Tooltip("name:N", title="file"),
        *others,
        alt.Tooltip("scheme:N"),
        alt.Tooltip("size:N"),
        alt.Tooltip("time:N", title="p50 / p90 / p99"),
        alt.Tooltip("verdict:N", title="verdict on it"),
        alt.Tooltip("accuracy:N", title="top-1"),
    ]

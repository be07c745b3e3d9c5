"""Colours of a report: those of the schemes, and Vega's configuration of a light or a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.charts import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from edgecnn.reporting.rows import ReportRow

DARK_GREY, LIGHT_GREY = "#7d8790", "#b4bcc6"

SCHEME_COLOURS = {
    "float32": DARK_GREY,
    "float16": GREEN,
    "dynamic": ORANGE,
    "int8": BLUE,
    "int16x8": PURPLE,
}
"""Colour of each scheme on a light page; float32 is grey, since the others are compared with it."""

DARK_COLOURS = {**SCHEME_COLOURS, "float32": LIGHT_GREY, "int8": SKY}
OTHER_COLOUR = VERMILLION


def theme(dark: bool = False) -> dict[str, Any]:
    """Return Vega's configuration."""
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


def colours(rows: Sequence[ReportRow], *, dark: bool = False) -> dict[str, str]:
    """Return the colour of each scheme that occurs."""
    given = DARK_COLOURS if dark else SCHEME_COLOURS
    schemes = {row.record.scheme for row in rows}
    known = [scheme for scheme in given if scheme in schemes]
    others = sorted(schemes - {*known})
    return {scheme: given.get(scheme, OTHER_COLOUR) for scheme in (*known, *others)}

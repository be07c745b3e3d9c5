"""Colours of a report: those of the schemes, and Vega's configuration of a light or a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.colours import BLUE, SKY, VERMILLION
from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.tflite.schemes import SCHEMES

OTHER_COLOUR = VERMILLION
"""Colour of a scheme that this version of edgecnn does not know."""


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
            "titleFontWeight": 500, "orient": "top", "symbolStrokeWidth": 0, "symbolOpacity": 1,
            "columnPadding": 14,
        },
        "title": {"color": text, "subtitleColor": quiet, "anchor": "start", "fontSize": 15},
        "text": {"color": text, "fontSize": 12},
        "rule": {"color": mark},
        "style": {
            "front": {"color": quiet},
            "median": {"color": mark},
            "call": {"color": SKY if dark else BLUE},
        },
    }  # fmt: skip


def colours(rows: Sequence[ReportRow], *, dark: bool = False) -> dict[str, str]:
    """Return the colour of each scheme that occurs."""
    schemes = {row.record.scheme for row in rows}
    known = [scheme for name, scheme in SCHEMES.items() if name in schemes]
    own = {s.name: s.dark_colour if dark and s.dark_colour else s.colour for s in known}
    return {**own, **dict.fromkeys(sorted(schemes - own.keys()), OTHER_COLOUR)}

"""The report as one picture: those charts of the page that have a title for pictures."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from edgecnn.reporting.charts.chart import Chart, Values, view_charts
from edgecnn.reporting.charts.marks import Look, parameters
from edgecnn.reporting.charts.theme import theme
from edgecnn.reporting.views import View
from edgecnn.reporting.wording import doubts, figures

PICTURE_WIDTH = 760

LINE_LETTERS = 110
"""Letters of small print in a line of the picture's width."""

MOST_PICTURED = 12
"""Files in a chart with a row for each: a chart of more files would be taller than a screen."""

NOTHING_TO_DRAW = {"mark": "text", "data": {"values": []}, "width": PICTURE_WIDTH, "height": 1}


def as_picture(title: str, view: View) -> dict[str, Any]:
    """Return a Vega-Lite specification of the charts that have something to show.

    Args:
        title: Heading of the picture.
        view: The view that the picture shows.

    Example:
        >>> list(as_picture("Report", views_of(settings[0])[0]))[:2]
        ['title', 'vconcat']
    """
    shown = [chart for chart in view_charts() if _is_shown(chart, view)]
    look = Look(view.rows, view.setting.leading, width=PICTURE_WIDTH)
    return {
        "title": {"text": title, "subtitle": _subtitle(view), "offset": 20},
        "vconcat": [_part(chart, look) for chart in shown] or [NOTHING_TO_DRAW],
        "spacing": 44,
        "padding": 16,
        "resolve": {"scale": {"color": "independent", "size": "independent"}},
        "params": parameters(str(PICTURE_WIDTH)),
        "datasets": _datasets(view),
        "config": theme(),
    }


def _is_shown(chart: Chart, view: View) -> bool:
    is_needed = chart.instead_of is None or chart.instead_of in view.missing
    return chart.picture_title is not None and chart.name not in view.missing and is_needed


def _part(chart: Chart, look: Look) -> dict[str, Any]:
    spec = look.specification(chart.draw(look))
    title = {"text": chart.picture_title, "frame": "group", "offset": 8}
    # The picture has one schema and one set of parameters for all charts.
    parts = {name: part for name, part in spec.items() if name not in ("$schema", "params")}
    return {**parts, "title": title}


def _datasets(view: View) -> dict[str, Values]:
    long = {chart.row_data for chart in view_charts()}
    return {
        name: values[:MOST_PICTURED] if name in long else values
        for name, values in view.datasets.items()
    }


def _subtitle(view: View) -> list[str]:
    lines = [f"On {view.setting.text}"]
    if row := view.answer.recommended:
        lines.append(f"Ship {row.name}: {figures(row)}")
        lines += wrap(" ".join(doubts(view)), LINE_LETTERS)
    return [*lines, *dict.fromkeys(view.missing.values())]

"""The report as one picture: the charts of the page that fit in one."""

from __future__ import annotations

from typing import Any

from edgecnn.core.text import quoted_if_needed
from edgecnn.reporting.specification import charts, parameters, theme
from edgecnn.reporting.views import View
from edgecnn.reporting.wording import figures, place_text

WIDTH = 760

MOST_ROWS = 12
"""Files in the chart that has a row for each: more of them would be taller than a screen."""

TITLES = {
    "tradeoff": "Size, speed and accuracy (faint: another file beats it)",
    "sizes": "Size and speed (faint: another file beats it)",
    "cost": "What each scheme costs",
    "years": "Accuracy by year of the architecture",
}


NOTHING_TO_DRAW = {"mark": "text", "data": {"values": []}, "width": WIDTH, "height": 1}


def as_picture(title: str, view: View) -> dict[str, Any]:
    """Return a Vega-Lite specification of the charts that have something to show.

    Args:
        title: Its heading.
        view: What is shown.

    Example:
        >>> list(as_picture("Report", views_of(settings[0])[0]))[:2]
        ['title', 'vconcat']
    """
    names = [name for name in TITLES if name not in view.missing]
    if "tradeoff" in names:
        names.remove("sizes")
    return {
        "title": {"text": quoted_if_needed(title), "subtitle": _subtitle(view), "offset": 20},
        "vconcat": [_chart(name, view) for name in names] or [NOTHING_TO_DRAW],
        "spacing": 44,
        "padding": 16,
        "resolve": {"scale": {"color": "independent", "size": "independent"}},
        "params": parameters(str(WIDTH)),
        "datasets": {**view.datasets, "losses": view.datasets["losses"][:MOST_ROWS]},
        "config": theme(),
    }


def _chart(name: str, view: View) -> dict[str, Any]:
    whole = ("$schema", "params")
    chart = charts(view.rows, width=WIDTH)[name]
    title = {"text": TITLES[name], "frame": "group", "offset": 8}
    return {**{part: value for part, value in chart.items() if part not in whole}, "title": title}


def _subtitle(view: View) -> list[str]:
    lines = [f"On {place_text(view.setting)}"]
    if found := view.answer.recommended:
        lines.append(f"Ship {found.name}: {figures(found)}")
    return [*lines, *dict.fromkeys(view.missing.values())]

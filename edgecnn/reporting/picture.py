"""The report as one picture: the charts of the page that fit in one."""

from __future__ import annotations

from typing import Any

from edgecnn.reporting.specification import NOTHING, charts, theme
from edgecnn.reporting.views import View
from edgecnn.reporting.wording import figures, place_text
from edgecnn.text import quoted_if_needed

WIDTH, HALF = 760, 340

MOST_ROWS = 12
"""Files in the chart that has a row for each: more of them would be taller than a screen."""

TITLES = {
    "tradeoff": "Size, speed and accuracy (faint: another file beats it)",
    "sizes": "Size and speed (faint: another file beats it)",
    "cost": "What each scheme costs",
    "years": "Accuracy by year of the architecture",
}


def as_picture(title: str, view: View) -> dict[str, Any]:
    """Return a Vega-Lite specification of the charts that have something to show.

    Args:
        title: Its heading.
        view: What is shown.

    Example:
        >>> list(as_picture("Report", views_of(settings[0])[0]))[:2]
        ['title', 'vconcat']
    """
    missing = view.missing
    first = next((name for name in ("tradeoff", "sizes") if name not in missing), None)
    others = [name for name in ("cost", "years") if name not in missing]
    beside = [_chart(name, view, HALF if len(others) > 1 else WIDTH) for name in others]
    parts = [_chart(first, view, WIDTH)] if first else []
    return {
        "title": {"text": quoted_if_needed(title), "subtitle": _subtitle(view), "offset": 20},
        "vconcat": [*parts, *([{"hconcat": beside, "spacing": 60}] if beside else [])],
        "spacing": 36,
        "padding": 16,
        "resolve": {"scale": {"color": "independent", "size": "independent"}},
        "params": [{"name": "picked", "value": NOTHING}],
        "datasets": {**view.datasets, "losses": view.datasets["losses"][:MOST_ROWS]},
        "config": theme(),
    }


def _chart(name: str, view: View, width: int) -> dict[str, Any]:
    whole = ("$schema", "autosize", "params")
    chart = charts(view.rows, width=width)[name]
    title = {"text": TITLES[name], "frame": "group", "offset": 8}
    return {**{part: value for part, value in chart.items() if part not in whole}, "title": title}


def _subtitle(view: View) -> list[str]:
    lines = [f"On {place_text(view.setting)}"]
    if found := view.answer.recommended:
        lines.append(f"Ship {found.name}: {figures(found)}")
    return [*lines, *dict.fromkeys(view.missing.values())]

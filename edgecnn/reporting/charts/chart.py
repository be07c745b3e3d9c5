"""The charts of a report: the class :class:`Chart`, and all charts of this package.

To add a chart, add a module to this package with a :class:`Chart` named ``chart``. The page makes a
card for it, pictures draw it if it has a title for pictures, and no other code names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.findings.recommendation import why_nothing_is_recommended
from edgecnn.reporting.findings.rows import ReportRow

EMULATED_NOTE = (
    "This CPU is emulated. Its times say nothing of the board's speed, so they are left out; size "
    "and accuracy are the board's."
)

Rows = Sequence[ReportRow]
Values = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart of a report.

    Args:
        name: Name of the chart in the page, one lower-case word.
        order: Place of the chart: charts with lower numbers come first.
        title: Heading of the chart's card in the page.
        explanation: Text below the chart in the page; ``{largest}`` stands for the size of the
            largest file.
        datasets: Given the rows that are shown and all rows of their setting, returns the chart's
            data by the names that its marks use.
        missing: Given the rows that are shown and all rows of their setting, returns why the chart
            has nothing to show; None if it has something.
        draw: Given the look that charts have in common, returns the Altair chart. Its datasets are
            named, and their values come later.
        picture_title: Title in pictures; None for a chart that only the page has.
        instead_of: Name of another chart, if this one is shown only where the other has nothing to
            show.
        is_wide: Whether the card takes the whole width of the page.
        is_of_file: Whether the chart shows the one file that was picked, not all files.
        row_data: Name of the dataset each of whose items is a row of the chart; None for a chart of
            fixed height.
    """

    name: str
    order: int
    title: str
    explanation: str
    datasets: Callable[[Rows, Rows], dict[str, Values]]
    missing: Callable[[Rows, Rows], str | None]
    draw: Callable[[Look], Any]
    picture_title: str | None = None
    instead_of: str | None = None
    is_wide: bool = True
    is_of_file: bool = False
    row_data: str | None = None


@cache
def every_chart() -> tuple[Chart, ...]:
    """Return the charts of a report in order."""
    package = importlib.import_module("edgecnn.reporting.charts")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    charts = [module.chart for module in modules if hasattr(module, "chart")]
    return tuple(sorted(charts, key=lambda chart: chart.order))


def view_charts() -> list[Chart]:
    """Return the charts that show all files, not only the one that was picked."""
    return [chart for chart in every_chart() if not chart.is_of_file]


def specifications(look: Look) -> dict[str, dict[str, Any]]:
    """Return a Vega-Lite specification for each chart, by name.

    Example:
        >>> list(specifications(Look(make_rows(edgecnn.bench("model.tflite")))))[0]
        'tradeoff'
    """
    return {chart.name: look.specification(chart.draw(look)) for chart in every_chart()}


def chart_values(charts: Sequence[Chart], rows: Rows, every: Rows) -> dict[str, dict[str, Any]]:
    """Return the data of charts, and why some of the charts have nothing to show.

    Args:
        charts: Charts that show the rows.
        rows: Rows that are shown.
        every: All rows of their setting.

    Returns:
        ``"datasets"``: values by the names of datasets, and ``"missing"``: reasons by the names of
        charts.
    """
    datasets = {name: v for chart in charts for name, v in chart.datasets(rows, every).items()}
    reasons = {chart.name: chart.missing(rows, every) for chart in charts}
    return {
        "datasets": datasets,
        "missing": {name: reason for name, reason in reasons.items() if reason is not None},
    }


def without_times(rows: Rows, every: Rows) -> str | None:
    """Return why a chart of times has nothing to show (an emulated CPU), or None."""
    return EMULATED_NOTE if rows[0].record.emulated else None


def without_accuracy(rows: Rows, every: Rows) -> str | None:
    """Return why a chart of accuracies has nothing to show (no row has one), or None."""
    if any(row.accuracy is not None for row in rows):
        return None
    why = why_nothing_is_recommended(rows)
    return f"{why[0].upper()}{why[1:]}."

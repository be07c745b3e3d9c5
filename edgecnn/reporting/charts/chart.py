"""What a chart of a report is: its title, its data, its marks, and when it has nothing to show.

To add a chart, add a module to this package with a :class:`Chart` named ``chart``. The page makes a
card for it, pictures draw it if it has a title for them, and nothing else needs to know it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from edgecnn.reporting.rows import ReportRow

if TYPE_CHECKING:
    from edgecnn.reporting.charts.marks import Look

BENCH_WITH_DATA = "'edgecnn bench MODEL... --data DATA' measures it"
NO_ACCURACY = f"No accuracy was measured here: {BENCH_WITH_DATA}."
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
        name: Its name in the page, one lower-case word.
        order: Its place: charts with lower numbers come first.
        title: Heading of its card in the page.
        explanation: Text below it in the page; ``{largest}`` stands for the size of the largest
            file.
        datasets: Given the rows that are shown and all rows of their setting, returns what the
            chart draws, by the names that its marks use.
        missing: Given the rows that are shown and all rows of their setting, returns why there is
            nothing to show; None if there is something.
        draw: Given the look that charts have in common, returns the Altair chart, whose datasets
            have names and come later.
        picture_title: Title in pictures; None if it is only in the page.
        instead_of: Name of a chart, where this one is shown only if that has nothing to show.
        is_wide: Whether its card takes the whole width of the page.
        is_of_file: Whether it shows the one file that was picked, not all of them.
        row_data: Name of the dataset of which each item is a row of the chart; None if its height
            is fixed.
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


def chart_values(charts: Sequence[Chart], rows: Rows, every: Rows) -> dict[str, dict[str, Any]]:
    """Return what charts draw, and why some of them have nothing to show.

    Args:
        charts: The charts.
        rows: Rows that are shown.
        every: All rows of their setting.

    Returns:
        ``"datasets"`` by their names, and ``"missing"``: name of a chart -> reason.
    """
    datasets = {name: v for one in charts for name, v in one.datasets(rows, every).items()}
    reasons = {one.name: one.missing(rows, every) for one in charts}
    return {
        "datasets": datasets,
        "missing": {name: reason for name, reason in reasons.items() if reason is not None},
    }


def without_times(rows: Rows, every: Rows) -> str | None:
    """Return why a chart of times has nothing to show: the CPU is emulated."""
    return EMULATED_NOTE if rows[0].record.emulated else None


def without_accuracy(rows: Rows, every: Rows) -> str | None:
    """Return why a chart of accuracies has nothing to show: no row has one."""
    return None if any(row.top1_percent is not None for row in rows) else NO_ACCURACY

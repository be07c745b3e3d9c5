"""What a chart is: its title, its data, its marks, and when it has nothing to show.

To add a chart, add a module to this package with a subclass of :class:`Chart` and an instance of it
named ``CHART``. The page makes a card for it, pictures draw it if it has a title for them, and
nothing else needs to know it.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from edgecnn.reporting.rows import ReportRow
from edgecnn.reporting.settings import Setting

if TYPE_CHECKING:
    from edgecnn.reporting.charts.marks import Look

BENCH_WITH_DATA = "'edgecnn bench MODEL... --data DATA' measures it"
NO_ACCURACY = f"No accuracy was measured here: {BENCH_WITH_DATA}."
EMULATED_NOTE = (
    "This CPU is emulated. Its times say nothing of the board's speed, so they are left out; size "
    "and accuracy are the board's."
)

Values = list[dict[str, Any]]


class Chart(ABC):
    """One chart of a report."""

    name: str
    """Its name in the page, one lower-case word."""
    order: int
    """Place among the charts: lower numbers come first."""
    title: str
    """Heading of its card in the page."""
    picture_title: str | None = None
    """Title in pictures; None if it is only in the page."""
    instead_of: str | None = None
    """Name of another chart, where this one is shown only if that has nothing to show."""
    is_wide: bool = True
    """Whether its card takes the whole width of the page."""
    is_of_file: bool = False
    """Whether it shows the one file that was picked, not all of them."""
    row_data: str | None = None
    """Name of the dataset of which each item is a row of the chart; None if its height is fixed."""

    @abstractmethod
    def explanation(self, rows: Sequence[ReportRow]) -> str:
        """Return the text below the chart in the page.

        Args:
            rows: All rows of the report.
        """

    @abstractmethod
    def datasets(self, rows: Sequence[ReportRow], setting: Setting) -> dict[str, Values]:
        """Return what the chart draws, by the names that its marks use.

        Args:
            rows: The rows that are shown.
            setting: The setting that they were measured in, with all of its rows.
        """

    @abstractmethod
    def draw(self, look: Look) -> Any:
        """Return the Altair chart, whose datasets are named and come later.

        Args:
            look: Colours, axes and the like, the same in all charts.
        """

    def missing(self, rows: Sequence[ReportRow], setting: Setting) -> str | None:
        """Return why there is nothing to show, None if there is something.

        Args:
            rows: The rows that are shown.
            setting: The setting that they were measured in.
        """
        return None


@cache
def every_chart() -> tuple[Chart, ...]:
    """Return the charts of a report in order."""
    package = importlib.import_module("edgecnn.reporting.charts")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    charts = [module.CHART for module in modules if hasattr(module, "CHART")]
    return tuple(sorted(charts, key=lambda chart: chart.order))


def view_charts() -> list[Chart]:
    """Return the charts that show all files, not only the one that was picked."""
    return [chart for chart in every_chart() if not chart.is_of_file]


def has_accuracy(rows: Sequence[ReportRow]) -> bool:
    """Return whether any row has an accuracy.

    Args:
        rows: The rows.
    """
    return any(row.top1_percent is not None for row in rows)

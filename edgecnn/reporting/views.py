"""What a report can show at once: a setting, with all of its schemes or one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgecnn.reporting.charts.chart import Values, chart_values, view_charts
from edgecnn.reporting.recommendation import Answer, answer
from edgecnn.reporting.rows import ReportRow
from edgecnn.reporting.settings import Setting


@dataclass(frozen=True)
class View:
    """One setting, or one scheme of it.

    Args:
        setting: The setting that its rows were measured in.
        scheme: The scheme that is shown; None for all.
        rows: The rows that are shown.
        answer: What they say.
    """

    setting: Setting
    scheme: str | None
    rows: tuple[ReportRow, ...]
    answer: Answer

    @cached_property
    def _charts(self) -> dict[str, dict[str, Any]]:
        return chart_values(view_charts(), self.rows, self.setting.rows)

    @property
    def datasets(self) -> dict[str, Values]:
        """What the charts draw, by the names that their specifications use."""
        return self._charts["datasets"]

    @property
    def missing(self) -> dict[str, str]:
        """Names of the charts that have nothing to show, and why."""
        return self._charts["missing"]

    @property
    def pick(self) -> ReportRow:
        """The row that is looked at first."""
        best = self.answer
        return best.recommended or best.fastest or best.smallest or self.rows[0]


def views_of(setting: Setting) -> list[View]:
    """Return a view of all schemes of a setting, then one of each where there are several."""
    schemes = list(dict.fromkeys(row.record.scheme for row in setting.rows))
    return [_view(setting, scheme) for scheme in (None, *(schemes if len(schemes) > 1 else ()))]


def view_values(view: View, number: int) -> dict[str, Any]:
    """Return what a page needs of a view: numbers of rows, schemes, and the charts' data.

    Args:
        view: The view.
        number: Number of its answer in the page.
    """
    return {
        "answer": number,
        "rows": [row.id for row in view.rows],
        "shown": list(dict.fromkeys(row.record.scheme for row in view.rows)),
        "optimal": [row.id for row in view.answer.optimal],
        "pick": view.pick.id,
        "missing": view.missing,
        "datasets": view.datasets,
    }


def _view(setting: Setting, scheme: str | None) -> View:
    rows = tuple(row for row in setting.rows if scheme in (None, row.record.scheme))
    return View(setting, scheme, rows, answer(rows))

"""What a report can show at once: a setting, with all of its schemes or one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgecnn.reporting.charts.chart import Values, chart_values, view_charts
from edgecnn.reporting.findings.contenders import Contenders, contenders
from edgecnn.reporting.findings.recommendation import Answer, answer
from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.reporting.findings.settings import Setting


@dataclass(frozen=True)
class View:
    """The rows of a setting that a report shows at once: all of them, or those of one scheme.

    Args:
        setting: The setting that the rows were measured in.
        scheme: The scheme that is shown; None for all schemes.
        rows: The rows that are shown.
        answer: The best files among the rows.
    """

    setting: Setting
    scheme: str | None
    rows: tuple[ReportRow, ...]
    answer: Answer

    @cached_property
    def contenders(self) -> Contenders:
        """The files that noise does not tell from the recommended one."""
        return contenders(self.rows)

    @cached_property
    def _charts(self) -> dict[str, dict[str, Any]]:
        return chart_values(view_charts(), self.rows, self.setting.rows)

    @property
    def datasets(self) -> dict[str, Values]:
        """The charts' data, by the names that their specifications use."""
        return self._charts["datasets"]

    @property
    def missing(self) -> dict[str, str]:
        """Names of the charts that have nothing to show, and why."""
        return self._charts["missing"]

    @property
    def pick(self) -> ReportRow:
        """The row that the page shows first."""
        best = self.answer
        return best.recommended or best.fastest or best.smallest or self.rows[0]


def views_of(setting: Setting) -> list[View]:
    """Return the view of all schemes of a setting; of several schemes also a view of each."""
    schemes = list(dict.fromkeys(row.record.scheme for row in setting.rows))
    return [_view(setting, scheme) for scheme in (None, *(schemes if len(schemes) > 1 else ()))]


def view_values(view: View, number: int) -> dict[str, Any]:
    """Return what the page's script needs of a view: numbers of rows, schemes, and charts' data.

    Args:
        view: One setting, or one scheme of a setting.
        number: Number of the view's answer in the page.
    """
    return {
        "answer": number,
        "figure": view.setting.figure_name,
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

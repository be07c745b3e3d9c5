"""What a report can show at once: a setting, with all of its schemes or one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgecnn.reporting.points import Values, losses, points, spreads, steps, years
from edgecnn.reporting.recommendation import Answer, answer
from edgecnn.reporting.rows import Row
from edgecnn.reporting.settings import Setting
from edgecnn.reporting.wording import BENCH_WITH_DATA, EMULATED_NOTE

NO_ACCURACY = f"No accuracy was measured here: {BENCH_WITH_DATA}."
NO_FLOAT32 = (
    "A scheme's cost shows beside the float32 file of the same model, measured on the same data."
)
NO_YEARS = (
    "No architecture is known here: neither what the files say of themselves nor their names hold "
    "one that 'edgecnn models' lists."
)


@dataclass(frozen=True)
class View:
    """One setting, or one scheme of it.

    Args:
        setting: Where its rows were measured.
        scheme: Which one; None for all.
        rows: Those that are shown.
        answer: What they say.
    """

    setting: Setting
    scheme: str | None
    rows: tuple[Row, ...]
    answer: Answer

    @cached_property
    def datasets(self) -> dict[str, Values]:
        """The charts' data, by the names that their specifications use."""
        kept = {row.id for row in self.rows}
        return {
            "points": points(self.rows),
            "steps": steps(self.rows),
            "years": years(self.rows),
            "spreads": spreads(self.rows),
            # Beside the float32 file of the setting, whichever scheme is shown.
            "losses": [one for one in losses(self.setting.rows) if one["id"] in kept],
        }

    @property
    def missing(self) -> dict[str, str]:
        """Charts that have nothing to show, and why."""
        reasons: dict[str, str] = {}
        datasets = self.datasets
        is_judged = any(row.top1_percent is not None for row in self.rows)
        if self.setting.is_emulated:
            reasons |= dict.fromkeys(("tradeoff", "sizes", "spread"), EMULATED_NOTE)
        elif not is_judged:
            reasons["tradeoff"] = NO_ACCURACY
        if not is_judged:
            reasons |= dict.fromkeys(("cost", "years"), NO_ACCURACY)
        if not datasets["losses"]:
            reasons.setdefault("cost", NO_FLOAT32)
        if not datasets["years"]:
            reasons.setdefault("years", NO_YEARS)
        return reasons

    @property
    def pick(self) -> Row:
        """The row that is looked at first."""
        best = self.answer
        return best.recommended or best.fastest or best.smallest or self.rows[0]


def views_of(setting: Setting) -> list[View]:
    """Return all schemes of a setting together, then each by itself where there are several."""
    schemes = list(dict.fromkeys(row.record.scheme for row in setting.rows))
    return [_view(setting, scheme) for scheme in (None, *(schemes if len(schemes) > 1 else ()))]


def _view(setting: Setting, scheme: str | None) -> View:
    rows = tuple(row for row in setting.rows if scheme in (None, row.record.scheme))
    return View(setting, scheme, rows, answer(rows))


def view_values(view: View, number: int) -> dict[str, Any]:
    """Return what a page needs of a view: numbers of rows, schemes, and the charts' data.

    Args:
        view: What is shown.
        number: That of its answer in the page.
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

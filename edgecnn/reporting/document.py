"""The report as Markdown: the answer and a table for each setting, warnings, the method."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.core.escaping import in_markdown
from edgecnn.reporting.charts.chart import EMULATED_NOTE
from edgecnn.reporting.contents import Contents
from edgecnn.reporting.findings.settings import Setting
from edgecnn.reporting.tables import as_markdown
from edgecnn.reporting.views import views_of
from edgecnn.reporting.wording import (
    doubts,
    facts,
    figures,
    method,
    reason,
    verdicts_of,
    warnings_of,
)

MARK_LEGEND = "*: no other file beats it in size, speed and accuracy together."


def as_document(contents: Contents) -> str:
    """Return a report as Markdown."""
    rows = contents.rows
    lines = [f"# {in_markdown(contents.title)}", *_items(contents.notes)]
    for setting in contents.settings:
        lines += _of_setting(setting)
    warned = [
        f"{each.text} ({', '.join(each.files)})"
        for each in (*verdicts_of(rows), *warnings_of(rows))
    ]
    lines += ["", "## Verdicts and warnings", *_items(warned or ["none"])]
    lines += ["", "## How it was measured"]
    lines += _items([f"{name}: {line}" for name, told in method(rows) for line in told])
    return "\n".join(lines) + "\n"


def _of_setting(setting: Setting) -> list[str]:
    view = views_of(setting)[0]
    answer = view.answer
    lines = ["", f"## {in_markdown(setting.text)}", ""]
    if row := answer.recommended:
        lines += [f"Ship **{in_markdown(row.name)}**: {figures(row)}.", ""]
    lines += [in_markdown(" ".join([reason(view), *doubts(view)])), ""]
    lines += [f"{EMULATED_NOTE}", ""] * setting.is_emulated
    lines += [
        f"- {fact.title}: {in_markdown(f'{fact.row.name}, {fact.figure_text}')}"
        for fact in facts(view)
    ]
    optimal = {row.id for row in answer.optimal}
    table = as_markdown(setting.rows, lambda row: " \\*" if row.id in optimal else "")
    return [*lines, "", table, in_markdown(MARK_LEGEND)]


def _items(texts: Sequence[str]) -> list[str]:
    return ["", *(f"- {in_markdown(text)}" for text in texts)] if texts else []

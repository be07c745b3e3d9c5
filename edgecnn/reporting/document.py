"""The report as Markdown: the answer and a table for each setting, warnings, the method."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.core.markdown import in_markdown
from edgecnn.reporting.charts.chart import EMULATED_NOTE
from edgecnn.reporting.rows import ReportRow
from edgecnn.reporting.settings import Setting
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


def as_document(
    title: str, settings: Sequence[Setting], rows: Sequence[ReportRow], notes: Sequence[str]
) -> str:
    """Return the report as Markdown.

    Args:
        title: Heading of the report.
        settings: Settings that the rows were measured in, at least one.
        rows: All rows of the report.
        notes: What was left out of the report.
    """
    lines = [f"# {in_markdown(title)}", *_items(notes)]
    for setting in settings:
        lines += _of_setting(setting)
    warned = [
        f"{one.text} ({', '.join(one.files)})" for one in (*verdicts_of(rows), *warnings_of(rows))
    ]
    lines += ["", "## Verdicts and warnings", *_items(warned or ["none"])]
    lines += ["", "## How it was measured"]
    lines += _items([f"{name}: {line}" for name, told in method(rows) for line in told])
    return "\n".join(lines) + "\n"


def _of_setting(setting: Setting) -> list[str]:
    found = views_of(setting)[0].answer
    lines = ["", f"## {in_markdown(setting.text)}", ""]
    if row := found.recommended:
        lines += [f"Ship **{in_markdown(row.name)}**: {figures(row)}.", ""]
    lines += [in_markdown(" ".join([reason(found), *doubts(found)])), ""]
    lines += [f"{EMULATED_NOTE}", ""] * setting.is_emulated
    lines += [f"- {one.title}: {in_markdown(one.row.name)}, {one.figure}" for one in facts(found)]
    optimal = {row.id for row in found.optimal}
    table = as_markdown(setting.rows, lambda row: " \\*" if row.id in optimal else "")
    return [*lines, "", table, in_markdown(MARK_LEGEND)]


def _items(texts: Sequence[str]) -> list[str]:
    return ["", *(f"- {in_markdown(text)}" for text in texts)] if texts else []

"""The report as one HTML page that needs no network; texts of files and records are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

from edgecnn.core.charts import content_policy, library_script, script_json
from edgecnn.core.escaping import in_html
from edgecnn.core.text import counted, size_text
from edgecnn.records.columns import Column, card_fields
from edgecnn.records.fields import Field
from edgecnn.records.leading import LeadingFigure
from edgecnn.reporting.charts.chart import (
    EMULATED_NOTE,
    Chart,
    chart_values,
    every_chart,
    specifications,
)
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.theme import colours, theme
from edgecnn.reporting.contents import Contents
from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.reporting.findings.settings import Setting
from edgecnn.reporting.tables import FILE, table_columns
from edgecnn.reporting.views import View, view_values, views_of
from edgecnn.reporting.wording import (
    Fact,
    doubts,
    facts,
    figures,
    method,
    reason,
    verdicts_of,
    warnings_of,
)

WEB = Path(__file__).with_name("web")
NAMED_FILES = 8
"""Files that a warning names at most; the others are counted."""

TABLE_LEGEND = "Coloured rows: no other file of the setting beats them. A click on a head sorts."


def as_page(contents: Contents) -> str:
    """Return the HTML of a report."""
    settings, rows = contents.settings, contents.rows
    views = [view for setting in settings for view in views_of(setting)]
    script = (WEB / "page.js").read_text(encoding="utf-8")
    library = library_script()
    return Template((WEB / "page.html").read_text(encoding="utf-8")).substitute(
        policy=content_policy(library, script),
        title=in_html(contents.title),
        subtitle=in_html(_subtitle(settings, rows)),
        style=(WEB / "page.css").read_text(encoding="utf-8"),
        notes=_list(contents.notes, "notes quiet") if contents.notes else "",
        answers="\n".join(_answer(view, number) for number, view in enumerate(views)),
        charts="\n".join(_card(chart, rows) for chart in every_chart()),
        table=_table(rows),
        legend=in_html(TABLE_LEGEND),
        warnings=_warnings(rows),
        method=_method(rows),
        data=script_json(_values(settings, views, rows)),
        library=library,
        script=script,
    )


def _values(
    settings: Sequence[Setting], views: Sequence[View], rows: Sequence[ReportRow]
) -> dict[str, Any]:
    """Return the data of the page's script."""
    of_file = [chart for chart in every_chart() if chart.is_of_file]
    return {
        "looks": {
            theme_name: {
                "charts": {
                    name: specifications(Look(rows, leading, dark=dark))
                    for name, leading in _leading_figures(settings).items()
                },
                "colours": colours(rows, dark=dark),
                "config": theme(dark),
            }
            for theme_name, dark in (("light", False), ("dark", True))
        },
        "charts": [
            {"name": c.name, "insteadOf": c.instead_of, "rows": c.row_data, "ofFile": c.is_of_file}
            for c in every_chart()
        ],
        "files": [chart_values(of_file, [row], [row]) for row in rows],
        "settings": [
            {
                "machine": setting.machine,
                "threads": setting.threads_text,
                "data": None if setting.data is None else str(setting.data),
                "schemes": {
                    view.scheme or "": view_values(view, number)
                    for number, view in enumerate(views)
                    if view.setting is setting
                },
            }
            for setting in settings
        ],
    }


def _leading_figures(settings: Sequence[Setting]) -> dict[str, LeadingFigure | None]:
    """Return each figure that the charts have an axis for, by the name that views have it by."""
    return {setting.figure_name: setting.leading for setting in settings}


def _card(chart: Chart, rows: Sequence[ReportRow]) -> str:
    kind = "card wide" if chart.is_wide else "card"
    tall = " tall" if chart.row_data else ""
    details = "\n".join(map(_detail, rows)) if chart.is_of_file else ""
    name, live = ("picked", ' aria-live="polite"') if chart.is_of_file else (chart.name, "")
    largest = size_text(max(row.record.model_bytes for row in rows))
    explanation = chart.explanation.replace("{largest}", largest)
    return f"""
      <section class="{kind}" id="{name}-card"{live}>
        <h2>{in_html(chart.title)}</h2>
        {details}
        <div class="chart{tall}" data-chart="{chart.name}"></div>
        <p class="quiet">{in_html(explanation)}</p>
      </section>"""


def _subtitle(settings: Sequence[Setting], rows: Sequence[ReportRow]) -> str:
    files = len({row.record.model_sha256 for row in rows})
    days = sorted(row.record.measured_at[:10] for row in rows)
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    machines = len({setting.machine for setting in settings})
    return (
        f"{counted(len(rows), 'measurement')} of {counted(files, 'file')} on "
        f"{counted(machines, 'device')}, {when}"
    )


def _name(row: ReportRow) -> str:
    return _isolated(row.name)


def _isolated(name: str) -> str:
    """Return a name escaped, so that its writing direction does not change the rest of the line."""
    return f"<bdi>{in_html(name)}</bdi>"


def _answer(view: View, number: int) -> str:
    answer = view.answer
    ship = (
        f'<p class="ship">Ship <strong>{_name(answer.recommended)}</strong>: '
        f"{in_html(figures(answer.recommended))}.</p>"
        if answer.recommended
        else '<p class="ship">No file can be recommended.</p>'
    )
    best = "".join(
        f'<div><dt>{fact.title}</dt><dd><span class="figure">{in_html(fact.figure)}</span> '
        f"{_name(fact.row)}{_ties(fact)}</dd></div>"
        for fact in facts(view)
    )
    names = ", ".join(map(_name, answer.optimal))
    unsure = in_html(" ".join(doubts(view)))
    doubt = f'<p class="doubt">{unsure}</p>' if unsure else ""
    return f"""
      <section class="card wide answer" data-answer="{number}"{" hidden" * (number > 0)}>
        <h2>Which model to ship</h2>
        {ship}
        {doubt}
        <p class="quiet">{in_html(reason(view))}</p>
        <dl class="facts">{best}</dl>
        <p class="quiet">Not beaten in size, speed and accuracy together: {names}
          ({len(answer.optimal)} of {len(view.rows)}). On {in_html(view.setting.text)}.</p>
        {f'<p class="quiet">{EMULATED_NOTE}</p>' * view.setting.is_emulated}
      </section>"""


def _ties(fact: Fact) -> str:
    return f'<br><span class="quiet">or {in_html(fact.ties)}: within noise</span>' * bool(fact.ties)


def _detail(row: ReportRow) -> str:
    texts = ((field, row.full_text(field)) for field in card_fields())
    items = "".join(
        f'<div><dt title="{_meaning(field)}">{field.title}</dt><dd>{in_html(text)}</dd></div>'
        for field, text in texts
        if text is not None
    )
    warnings = [warning.text for warning in warnings_of([row])]
    return f"""
        <div data-detail="{row.id}" hidden>
          <h3>{_name(row)}</h3>
          <dl class="facts">{items}</dl>
          {_list(warnings, "quiet") if warnings else ""}
        </div>"""


def _table(rows: Sequence[ReportRow]) -> str:
    shown = table_columns(rows)
    heads = "".join(
        f'<th scope="col"{_class(column)} title="{_meaning(column.field)}">'
        f'<button type="button">{column.title}</button></th>'
        for column in shown
    )
    first = f'<th scope="col" class="text"><button type="button">{FILE}</button></th>'
    lines = "\n".join(
        f'<tr data-row="{row.id}">{_name_cell(row)}'
        f"{''.join(_cell(column, row) for column in shown)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{first}{heads}</tr></thead><tbody>\n{lines}\n</tbody></table>"


def _name_cell(row: ReportRow) -> str:
    button = f'<button type="button">{_name(row)}</button>'
    return f'<th scope="row" class="text" data-value="{in_html(row.name)}">{button}</th>'


def _cell(column: Column, row: ReportRow) -> str:
    text = row.cell(column)
    value = column.value(row.record) if text is not None else None
    key = in_html(str("" if value is None else value))
    return f'<td{_class(column)} data-value="{key}">{in_html(text or "-")}</td>'


def _class(column: Column) -> str:
    return ' class="text"' if column.is_text else ""


def _meaning(field: Field) -> str:
    better = f" {field.better.value.capitalize()} is better." if field.better else ""
    return in_html(field.meaning.replace("``", "") + better)


def _warnings(rows: Sequence[ReportRow]) -> str:
    warnings = [*verdicts_of(rows), *warnings_of(rows)]
    if not warnings:
        return '<p class="quiet">Nothing to warn of.</p>'
    items = "".join(
        f'<li>{in_html(each.text)}<br><span class="quiet">{_named(each.files, rows)}</span></li>'
        for each in warnings
    )
    return f'<ul class="plain">{items}</ul>'


def _named(files: Sequence[str], rows: Sequence[ReportRow]) -> str:
    """Name some files of a report."""
    if len(files) > 1 and len(files) == len({row.name for row in rows}):
        return f"all {len(files)} files"
    names = ", ".join(map(_isolated, files[:NAMED_FILES]))
    return f"{names} and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else names


def _method(rows: Sequence[ReportRow]) -> str:
    parts = "".join(
        f"<div><dt>{title}</dt>{''.join(f'<dd>{in_html(line)}</dd>' for line in lines)}</div>"
        for title, lines in method(rows)
    )
    return f'<dl class="facts">{parts}</dl>'


def _list(lines: Iterable[str], kind: str) -> str:
    return f'<ul class="{kind}">{"".join(f"<li>{in_html(line)}</li>" for line in lines)}</ul>'

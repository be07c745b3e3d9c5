"""The report as one page that needs no network; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from edgecnn.core.charts import content_policy, library_script, script_json
from edgecnn.core.text import quoted_if_needed, size_text, three_digits
from edgecnn.reporting.points import MOST_CALLS, MOST_RUNS, calls
from edgecnn.reporting.rows import Row
from edgecnn.reporting.settings import Setting
from edgecnn.reporting.specification import charts, colours, theme
from edgecnn.reporting.tables import FIRST, Column, columns
from edgecnn.reporting.views import View, view_values, views_of
from edgecnn.reporting.wording import (
    EMULATED_NOTE,
    doubts,
    facts,
    figures,
    method,
    place_text,
    reason,
    verdicts_of,
    warnings_of,
)

WEB = Path(__file__).with_name("web")
NAMED = 8
"""Files that a warning names."""

LEGEND = "Coloured rows: no other file of the setting beats them. A click on a head sorts."


def as_page(
    title: str, settings: Sequence[Setting], rows: Sequence[Row], notes: Sequence[str]
) -> str:
    """Return the HTML of a report.

    Args:
        title: Its heading.
        settings: At least one, the one to show first at the front.
        rows: All rows.
        notes: What was left out.
    """
    views = [view for setting in settings for view in views_of(setting)]
    script = (WEB / "page.js").read_text(encoding="utf-8")
    library = library_script()
    return Template((WEB / "page.html").read_text(encoding="utf-8")).substitute(
        policy=content_policy(library, script),
        title=escape(quoted_if_needed(title)),
        subtitle=escape(_subtitle(settings, rows)),
        largest=escape(size_text(max(row.record.model_bytes for row in rows))),
        style=(WEB / "page.css").read_text(encoding="utf-8"),
        notes=_list(notes, "notes quiet") if notes else "",
        answers="\n".join(_answer(view, number) for number, view in enumerate(views)),
        details="\n".join(map(_detail, rows)),
        most_calls=MOST_CALLS,
        most_runs=MOST_RUNS,
        table=_table(rows),
        legend=escape(LEGEND),
        warnings=_warnings(rows),
        method=_method(rows),
        data=script_json(_values(settings, views, rows)),
        library=library,
        script=script,
    )


def _values(
    settings: Sequence[Setting], views: Sequence[View], rows: Sequence[Row]
) -> dict[str, Any]:
    """Return what the page's script works with."""
    return {
        "looks": {
            name: {
                "charts": charts(rows, dark=dark),
                "colours": colours(rows, dark=dark),
                "config": theme(dark),
            }
            for name, dark in (("light", False), ("dark", True))
        },
        "calls": [[] if row.latency_ms is None else calls(row) for row in rows],
        "noCalls": [EMULATED_NOTE if row.latency_ms is None else "" for row in rows],
        "settings": [
            {
                "machine": setting.machine,
                "threads": setting.threads,
                "data": setting.data,
                "schemes": {
                    view.scheme or "": view_values(view, number)
                    for number, view in enumerate(views)
                    if view.setting is setting
                },
            }
            for setting in settings
        ],
    }


def _subtitle(settings: Sequence[Setting], rows: Sequence[Row]) -> str:
    files = len({row.record.model_sha256 for row in rows})
    days = sorted(row.record.measured_at[:10] for row in rows)
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    machines = len({setting.machine for setting in settings})
    return (
        f"{_count(len(rows), 'measurement')} of {_count(files, 'file')} on "
        f"{_count(machines, 'device')}, {quoted_if_needed(when)}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _name(row: Row) -> str:
    return _isolated(row.name)


def _isolated(name: str) -> str:
    """Escape a name; one in another direction leaves the rest of its line as it is."""
    return f"<bdi>{escape(name)}</bdi>"


def _answer(view: View, number: int) -> str:
    found = view.answer
    ship = (
        f'<p class="ship">Ship <strong>{_name(found.recommended)}</strong>: '
        f"{escape(figures(found.recommended))}.</p>"
        if found.recommended
        else '<p class="ship">No file can be recommended.</p>'
    )
    best = "".join(
        f'<div><dt>{one.title}</dt><dd><span class="figure">{escape(one.figure)}</span> '
        f"{_name(one.row)}</dd></div>"
        for one in facts(found)
    )
    names = ", ".join(map(_name, found.optimal))
    return f"""
      <section class="card wide answer" data-answer="{number}"{" hidden" * (number > 0)}>
        <h2>Which model to ship</h2>
        {ship}
        <p class="quiet">{escape(reason(found))} {escape(" ".join(doubts(found)))}</p>
        <dl class="facts">{best}</dl>
        <p class="quiet">Not beaten in size, speed and accuracy together: {names}
          ({len(found.optimal)} of {len(view.rows)}). On {escape(place_text(view.setting))}.</p>
        {f'<p class="quiet">{EMULATED_NOTE}</p>' * view.setting.is_emulated}
      </section>"""


def _detail(row: Row) -> str:
    record = row.record
    shown = [
        ("size", size_text(record.model_bytes)),
        ("top-1", row.accuracy_text),
    ]
    if row.latency_ms is not None:
        percentiles = (record.latency_p50_ms, record.latency_p90_ms, record.latency_p99_ms)
        texts = " / ".join(map(three_digits, percentiles))
        shown.append(("verdict on its time", record.verdict))
        shown.append(("50th / 90th / 99th percentile", f"{texts} ms"))
        if row.latency_interval:
            shown.append(("99 % interval of the median", f"{row.latency_interval} ms"))
    items = "".join(
        f"<div><dt>{title}</dt><dd>{escape(text)}</dd></div>" for title, text in shown if text
    )
    warnings = [one.text for one in warnings_of([row])]
    return f"""
        <div data-detail="{row.id}" hidden>
          <h3>{_name(row)}</h3>
          <dl class="facts">{items}</dl>
          {_list(warnings, "quiet") if warnings else ""}
        </div>"""


def _table(rows: Sequence[Row]) -> str:
    shown = columns(rows)
    heads = "".join(
        f'<th scope="col"{_class(column)}><button type="button">{column.title}</button></th>'
        for column in shown
    )
    lines = "\n".join(
        f'<tr data-row="{row.id}">{"".join(_cell(column, row) for column in shown)}</tr>'
        for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n{lines}\n</tbody></table>"


def _cell(column: Column, row: Row) -> str:
    value = column.value(row)
    key = escape(str("" if value is None else value))
    if column is FIRST:
        name = f'<button type="button">{_name(row)}</button>'
        return f'<th scope="row" class="text" data-value="{key}">{name}</th>'
    shown = escape(quoted_if_needed(column.shown(row)))
    return f'<td{_class(column)} data-value="{key}">{shown}</td>'


def _class(column: Column) -> str:
    return ' class="text"' if column.is_text else ""


def _warnings(rows: Sequence[Row]) -> str:
    found = [*verdicts_of(rows), *warnings_of(rows)]
    if not found:
        return '<p class="quiet">Nothing to warn of.</p>'
    items = "".join(
        f'<li>{escape(one.text)}<br><span class="quiet">{_named(one.files, rows)}</span></li>'
        for one in found
    )
    return f'<ul class="plain">{items}</ul>'


def _named(files: Sequence[str], rows: Sequence[Row]) -> str:
    """Name some files of a report."""
    if len(files) > 1 and len(files) == len({row.name for row in rows}):
        return f"all {len(files)} files"
    names = ", ".join(map(_isolated, files[:NAMED]))
    return f"{names} and {len(files) - NAMED} more" if len(files) > NAMED else names


def _method(rows: Sequence[Row]) -> str:
    parts = "".join(
        f"<div><dt>{title}</dt>{''.join(f'<dd>{escape(line)}</dd>' for line in lines)}</div>"
        for title, lines in method(rows)
    )
    return f'<dl class="facts">{parts}</dl>'


def _list(lines: Iterable[str], kind: str) -> str:
    return f'<ul class="{kind}">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'

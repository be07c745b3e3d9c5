"""``edgecnn.report``: writes measurements as one page, document, table or picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.charts import chart_bytes, form_of_target
from edgecnn.core.errors import InputError
from edgecnn.core.files import replacing
from edgecnn.records.filter import Filter, FilterKeywords
from edgecnn.reporting.contents import Contents
from edgecnn.reporting.document import as_document
from edgecnn.reporting.findings.rows import ReportRow, make_rows
from edgecnn.reporting.findings.selection import REPORT_LIMIT, select
from edgecnn.reporting.findings.settings import Setting, find_settings
from edgecnn.reporting.page import as_page
from edgecnn.reporting.picture import as_picture
from edgecnn.reporting.tables import as_csv
from edgecnn.reporting.views import View, views_of
from edgecnn.store.keeping import open_existing

if TYPE_CHECKING:
    from typing_extensions import Unpack

REPORT_FORMS = ("html", "md", "csv", "png", "svg")
REPORT_TITLE = "Measured models"


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Args:
        path: Path of the report's file.
        rows: The measurements in the report.
        view: The view that the report shows first, with its answer.
        notes: What was left out of the report, and why.
    """

    path: Path
    rows: tuple[ReportRow, ...]
    view: View
    notes: tuple[str, ...]


def report(
    references: str | Sequence[str] = (),
    *,
    output: str | Path = "report.html",
    format: str | None = None,
    title: str = REPORT_TITLE,
    limit: int = REPORT_LIMIT,
    store: str | Path | None = None,
    **filters: Unpack[FilterKeywords],
) -> Report:
    """Write one file about measurements: size, speed and accuracy, and which model to ship.

    Args:
        references: ``.json`` files of ``bench --json``, and results in the store by number, tag or
            model; empty for all results in the store.
        output: Path of the file to write.
        format: ``html``, ``md``, ``csv``, ``png`` or ``svg``; None takes it from the file's ending.
        title: Heading of the report.
        limit: Number of results at most; of each kind of measurement the newest result is taken.
        store: Database of results, as for ``edgecnn results``.
        filters: What a result must have; :class:`edgecnn.records.filter.FilterKeywords` says.

    Returns:
        The report that was written.

    Raises:
        InputError: There is nothing to report on, or an option cannot be used.
        MissingExtraError: The packages that draw charts, or those of the store, are not installed.
        StoreError: The store is locked, damaged, or cannot be reached.

    Example:
        >>> report("results.json", output="report.html").view.answer.recommended.name
        'mobilenet_v2_int8.tflite'
    """
    chosen = [references] if isinstance(references, str) else list(references)
    target = Path(output)
    form = form_of_target(target, chosen, what="a report", forms=REPORT_FORMS, form=format)
    if limit < 1:
        raise InputError("--limit must be at least 1")
    criteria = Filter.of(**filters)
    selection = select(chosen, criteria, limit, lambda: open_existing(store))
    rows = make_rows(selection.records)
    settings = find_settings(rows)
    view = views_of(settings[0])[0]
    notes = [*selection.notes, *_not_shown(form, settings)]
    content = _content(form, Contents(title, settings, rows, notes))
    with replacing(target) as temporary:
        temporary.write_bytes(content)
    return Report(target, tuple(rows), view, tuple(notes))


def _content(form: str, contents: Contents) -> bytes:
    if form in ("png", "svg"):
        title, view = contents.title, views_of(contents.settings[0])[0]
        return chart_bytes(as_picture(title, view), form, title)
    if form == "csv":
        text = as_csv(contents.rows)
    else:
        text = as_page(contents) if form == "html" else as_document(contents)
    return text.encode("utf-8", "backslashreplace")


def _not_shown(form: str, settings: Sequence[Setting]) -> list[str]:
    """Return a note on the settings that a picture leaves out, since it shows one alone."""
    if form not in ("png", "svg") or len(settings) == 1:
        return []
    return [
        f"a picture shows one setting of {len(settings)}: --device, --threads and --model choose "
        "another, and the page has all"
    ]

"""``edgecnn.report``: measurements in, one file out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.charts import chart_bytes, form_of_target
from edgecnn.core.errors import InputError
from edgecnn.core.files import replacing
from edgecnn.records.filter import Filter
from edgecnn.reporting.document import as_document
from edgecnn.reporting.page import as_page
from edgecnn.reporting.picture import as_picture
from edgecnn.reporting.rows import ReportRow, make_rows
from edgecnn.reporting.selection import REPORT_LIMIT, select
from edgecnn.reporting.settings import Setting, find_settings
from edgecnn.reporting.tables import as_csv
from edgecnn.reporting.views import View, views_of
from edgecnn.store.keeping import open_existing

REPORT_FORMS = ("html", "md", "csv", "png", "svg")
REPORT_TITLE = "Measured models"


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Args:
        path: The file.
        rows: The measurements in the report.
        view: What the report shows first, with its answer.
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
    model: str | None = None,
    device: str | None = None,
    scheme: str | None = None,
    threads: int | None = None,
    tag: str | None = None,
    since: str | None = None,
    limit: int = REPORT_LIMIT,
    store: str | Path | None = None,
) -> Report:
    """Write what was measured as one file: size, speed and accuracy, and which model to ship.

    Args:
        references: ``.json`` files of ``bench --json``, and results that are kept, by number, tag
            or model; where there is none, all that is kept.
        output: The file to write.
        format: ``html``, ``md``, ``csv``, ``png`` or ``svg``; None takes it from the file's ending.
        title: Heading of the report.
        model: Only this file, by path or name; ``*`` stands for any characters.
        device: Only measurements on this device.
        scheme: Only this quantisation scheme.
        threads: Only this thread count.
        tag: Only results with this tag.
        since: Only measurements of this moment or later: ``2026-11-25``, or an age as ``7d``.
        limit: How many measurements at most, the newest of each kind.
        store: Database of results, as for ``edgecnn results``.

    Returns:
        The report that was written.

    Raises:
        InputError: There is nothing to report on, or an option cannot be used.
        MissingExtraError: What draws charts, or the store, is not installed.
        StoreError: The store is locked, damaged, or cannot be reached.

    Example:
        >>> report("results.json", output="report.html").view.answer.recommended.name
        'mobilenet_v2_int8.tflite'
    """
    given = [references] if isinstance(references, str) else list(references)
    target = Path(output)
    form = form_of_target(target, given, what="a report", forms=REPORT_FORMS, form=format)
    if limit < 1:
        raise InputError("--limit must be at least 1")
    wanted = Filter.of(
        model=model, device=device, scheme=scheme, threads=threads, tag=tag, since=since
    )
    selection = select(given, wanted, limit, lambda: open_existing(store))
    rows = make_rows(selection.records)
    settings = find_settings(rows)
    view = views_of(settings[0])[0]
    notes = [*selection.notes, *_not_shown(form, settings)]
    content = _content(form, title, settings, rows, notes)
    with replacing(target) as temporary:
        temporary.write_bytes(content)
    return Report(target, tuple(rows), view, tuple(notes))


def _content(
    form: str,
    title: str,
    settings: Sequence[Setting],
    rows: Sequence[ReportRow],
    notes: Sequence[str],
) -> bytes:
    if form == "html":
        return as_page(title, settings, rows, notes).encode("utf-8", "backslashreplace")
    if form == "md":
        return as_document(title, settings, rows, notes).encode("utf-8", "backslashreplace")
    if form == "csv":
        return as_csv(rows).encode("utf-8", "backslashreplace")
    return chart_bytes(as_picture(title, views_of(settings[0])[0]), form, title)


def _not_shown(form: str, settings: Sequence[Setting]) -> list[str]:
    """Return a note on the settings that a picture leaves out, since it shows one alone."""
    if form not in ("png", "svg") or len(settings) == 1:
        return []
    return [
        f"a picture shows one setting of {len(settings)}: --device, --threads and --model choose "
        "another, and the page has all"
    ]

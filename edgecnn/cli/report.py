"""``edgecnn report``: writes what was measured as one page that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import OutputFile
from edgecnn.cli.output import say
from edgecnn.cli.results import filter_options

if TYPE_CHECKING:
    from edgecnn.reporting.report import Report


@click.command("report")
@click.argument("references", metavar="[RESULTS]...", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    metavar="FILE",
    help="The file to write.  [default: report.html]",
)
@click.option(
    "--format",
    type=click.Choice(["html", "md", "csv", "png", "svg"]),
    help="What to write.  [default: as the file's ending says]",
)
@click.option("--title", metavar="TEXT", help="Its heading.")
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many results, the newest.  [default: 100]",
)
def report_command(
    references: tuple[str, ...], output: str | None, format: str | None, **options: Any
) -> None:
    """Write one page: size, speed and accuracy of what was measured, and which model to ship.

    Beside that stands what noise leaves open: files that the intervals do not tell from it.

    RESULTS are .json files of 'bench --json', or the numbers, tags or models of results that are
    kept; without, all that is kept. Of each file and scheme the newest result is taken on each data
    set and under each set of conditions: device, runtime, threads, CPUs, protocol.

    \b
    Example:
      edgecnn report
      edgecnn report results.json -o report.html
      edgecnn report --device pi --since 7d -o report.md
      edgecnn report results.json -o report.png
    """
    from edgecnn import report

    chosen = {name: value for name, value in options.items() if value is not None}
    written = report(
        references, output=output or f"report.{format or 'html'}", format=format, **chosen
    )
    _print(written)


def _print(written: Report) -> None:
    from edgecnn.reporting.wording import doubts, figures, reason

    answer = written.view.answer
    say(f"{written.path}: {len(written.rows)} result(s)")
    if row := answer.recommended:
        say(f"ship {row.name}: {figures(row)} ({written.view.setting.text})")
    say(" ".join([reason(written.view), *doubts(written.view)]))
    for note in written.notes:
        say(f"note: {note}")

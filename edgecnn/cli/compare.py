"""``edgecnn compare``: what changed between two measurements, and whether it is too much."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecnn.cli.options import STANDARD_OUTPUT, OutputFile, store_option
from edgecnn.cli.output import print_whole, say, say_document

if TYPE_CHECKING:
    from edgecnn.comparison.compare import ComparedPair, Comparison


@click.command("compare")
@click.argument("base")
@click.argument("new")
@click.option(
    "--fail-if",
    multiple=True,
    metavar="CONDITION",
    help="'latency_p50_ms > +5%', 'top1 < -0.5', ...: exit code 1 where that is sure, 2 where it "
    "cannot be told.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Compare other devices, runtimes, threads, CPUs, protocols or data.",
)
@click.option(
    "--markdown", type=OutputFile(), metavar="FILE|-", help="Write Markdown, for a pull request."
)
@click.option(
    "--junit", type=OutputFile(), metavar="FILE|-", help="Write the conditions as JUnit XML."
)
@store_option
def compare_command(
    base: str,
    new: str,
    fail_if: tuple[str, ...],
    force: bool,
    markdown: str | None,
    junit: str | None,
    store: str | None,
) -> int:
    """Say what changed from BASE to NEW, where that is sure.

    Each is a .json file of 'bench --json', the number or a tag of results that are kept, or a
    model: its latest result. Files that classified the same images are compared image by image.

    \b
    Example:
      edgecnn compare before.tflite after.tflite
      edgecnn compare before.json after.json --fail-if 'latency_p50_ms > +5%'
      edgecnn compare v1 v2 --fail-if 'top1 < -0.5' --markdown changes.md --junit gates.xml
    """
    from edgecnn import compare
    from edgecnn.comparison.documents import as_junit, as_markdown
    from edgecnn.core.errors import InputError
    from edgecnn.core.files import check_target

    targets = [target for target in (markdown, junit) if target is not None]
    if targets.count(STANDARD_OUTPUT) > 1:
        raise InputError("only one of --markdown and --junit can be '-'")
    for target in targets:
        if target != STANDARD_OUTPUT:
            check_target(Path(target), [base, new])
    comparison = compare(base, new, fail_if=fail_if, force=force, store=store)
    if markdown is not None:
        _write(markdown, as_markdown(comparison))
    if junit is not None:
        _write(junit, as_junit(comparison))
    if STANDARD_OUTPUT not in targets:
        _print(comparison)
    return comparison.exit_code


def _write(target: str, text: str) -> None:
    from edgecnn.core.files import replacing

    if target == STANDARD_OUTPUT:
        say_document(text)
        return
    with replacing(Path(target)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _print(comparison: Comparison) -> None:
    for compared in comparison.pairs:
        _print_pair(compared)
    for name in comparison.left_out:
        say(f"note: measured on one side only: {name}")


def _print_pair(compared: ComparedPair) -> None:
    from edgecnn.cli.table import add_cells, plain_table
    from edgecnn.comparison.changes import CHANGE_TITLES

    pair = compared.pair
    counts = f"{len(pair.base)} and {len(pair.new)} run(s)"
    when = f"{pair.base[0].measured_at[:16]} and {pair.new[0].measured_at[:16]}"
    say(f"{pair.name}: {counts}, {when}")
    for difference in pair.differences:
        say(f"note: not alike: {difference}")
    for note in pair.notes:
        say(f"note: {note}")
    table = plain_table(CHANGE_TITLES, right=("base", "new", "change"), folded=CHANGE_TITLES)
    for change in compared.changes:
        add_cells(table, change.cells)
    print_whole(table)
    for note in compared.notes:
        say(f"note: {note}")
    for judged in compared.gates:
        say(f"{judged.outcome}: fail if {judged.gate.text} ({judged.reason})")

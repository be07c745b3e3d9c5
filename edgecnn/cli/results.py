"""``edgecnn results``: lists, shows, exports and deletes what was measured before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from edgecnn.cli.failures import print_error
from edgecnn.cli.options import OptionGroup, OutputFile, json_option, option_group, store_option
from edgecnn.cli.output import ask, document_stream, print_whole, say, say_json
from edgecnn.core.errors import InputError
from edgecnn.core.escaping import in_csv
from edgecnn.core.files import check_target, replacing
from edgecnn.core.json_writing import json_text
from edgecnn.core.text import first_few
from edgecnn.records.filter import Filter
from edgecnn.store.keeping import open_existing, open_store

if TYPE_CHECKING:
    from edgecnn.store.store import DamagedResultError, KeptRecord, ListedRecord, Store

LIST_LIMIT = 50
"""Results that a list shows unless --limit says another number."""

LONG_FIELDS = ("turn_runs", "latency_samples_ms")
"""Fields of a record that hold many numbers: they are printed as JSON only."""


@click.group("results")
def results_command() -> None:
    """List, show, export and delete what was measured before.

    Each 'edgecnn bench' keeps its results in a database: a SQLite file in the user's data folder,
    or what --store or EDGECNN_STORE says.

    \b
    Example:
      edgecnn results list --model model.tflite
      edgecnn results export --format csv -o results.csv
    """


filter_options: OptionGroup[Any] = option_group(
    click.option("--model", metavar="NAME", help="File, path or name; * is any text."),
    click.option("--device", metavar="NAME", help="Measured on this device."),
    click.option("--scheme", metavar="SCHEME", help="int8, float32, ..."),
    click.option("--threads", type=int, metavar="N", help="Threads of the runtime."),
    click.option("--tag", metavar="TAG", help="Has this tag."),
    click.option("--since", metavar="TIME", help="From then on: 2026-11-25, or an age: 7d, 12h."),
    store_option,
)
"""Options that choose results; a command takes them as ``**filters`` and ``store``."""


def limit_option(default: int | None) -> OptionGroup[Any]:
    """Return the option ``--limit``.

    Args:
        default: Limit where the user gives none; None for no limit.
    """
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        metavar="N",
        help="At most so many, the latest first.",
    )


@results_command.command("list")
@filter_options
@limit_option(LIST_LIMIT)
@json_option(help="Print a JSON array, without samples.")
def list_command(limit: int, as_json: bool, store: str | None, **filters: Any) -> int:
    """List results, the latest first.

    Results that are damaged are named, with exit code 1; the others are listed.

    \b
    Example:
      edgecnn results list --model model.tflite --since 7d
    """
    criteria, results, damaged = Filter.of(**filters), open_existing(store), _Damaged()
    # One more than is shown tells whether there are more, and counting all would take long.
    listed = results.listed(criteria, limit + 1, damaged.append) if results else []
    if as_json:
        say_json([result.to_dict() for result in listed[:limit]])
    elif listed:
        _print_table(listed[:limit])
        if len(listed) + len(damaged) > limit:
            say(f"and older ones: --limit shows more than {limit}")
    elif not damaged:
        say(_no_results_text(criteria, results))
    return damaged.told()


@results_command.command("show")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@store_option
@json_option(help="Print the record as JSON, with its samples.")
def show_command(number: int, store: str | None, as_json: bool) -> None:
    """Show all that is known of one result.

    \b
    Example:
      edgecnn results show 12
    """
    kept = open_store(store, create=False).get(number)
    if as_json:
        say_json(kept.to_dict())
        return
    values = {"id": kept.id, "tags": ", ".join(kept.tags) or None, **kept.record.to_dict()}
    warnings = values.pop("warnings")
    lists = {name: values.pop(name) for name in LONG_FIELDS}
    width = max(map(len, values))
    for name, value in values.items():
        if value is not None:
            say(f"{name:{width}}  {_value_text(value)}")
    for name, numbers in lists.items():
        if numbers is not None:
            say(f"{name:{width}}  {len(numbers)} values: --json prints them")
    for warning in warnings:
        say(f"note: {_value_text(warning['message'])}: {_value_text(warning['advice'])}")


@results_command.command("export")
@filter_options
@limit_option(None)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="JSON has the samples, CSV has not.",
)
@click.option(
    "-o", "--output", type=OutputFile(), metavar="FILE", help="Write to a file.  [default: print]"
)
def export_command(
    limit: int | None, form: str, output: str | None, store: str | None, **filters: Any
) -> int:
    """Write results as JSON or CSV, the latest first.

    Results that are damaged are named, with exit code 1; the others are written.

    \b
    Example:
      edgecnn results export --tag before -o before.json
      edgecnn results export --format csv -o results.csv
    """
    write = _write_csv if form == "csv" else _write_json
    results, damaged = open_store(store, create=False), _Damaged()
    if output is not None:
        check_target(Path(output), [results.file] if results.file else ())
    with _output_file(output) as file:
        write(file, results.records(Filter.of(**filters), limit, damaged.append))
    return damaged.told()


@results_command.command("delete")
@click.argument("numbers", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))
@filter_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_command(numbers: tuple[int, ...], yes: bool, store: str | None, **filters: Any) -> None:
    """Delete results for good: by number, or all that the filters name.

    \b
    Example:
      edgecnn results delete 12 13
      edgecnn results delete --tag before --yes
    """
    criteria = Filter.of(ids=numbers, **filters)
    if criteria.is_empty:
        raise InputError("say which results to delete: numbers, or a filter as --tag before")
    results = open_store(store, create=False)
    count = results.count(criteria)
    if count == 0:
        raise InputError(_no_results_text(criteria, results))
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"{count} result(s) would be deleted: --yes does it without asking")
        ask(f"Delete {count} result(s) for good?")
    say(f"{results.delete(criteria)} result(s) deleted")


class _Damaged(list["DamagedResultError"]):
    """The damaged results that a command met."""

    def told(self) -> int:
        """Print a line that names them, and return the exit code of the command."""
        if not self:
            return 0
        first, text = self[0], None
        if len(self) > 1:
            numbers = first_few(str(error.number) for error in self)
            text = (
                f"{len(self)} results are damaged, {numbers}: {first.reason} in {first.number}; "
                "'edgecnn results delete ID...' removes them"
            )
        print_error(first, text)
        return first.exit_code


def _no_results_text(criteria: Filter, results: Store | None) -> str:
    place = f" in {results.name}" if results else ""
    if criteria.is_empty:
        return f"no results yet{place}: 'edgecnn bench' keeps them"
    return f"no such result{place}"


def _print_table(listed: list[ListedRecord]) -> None:
    from edgecnn.cli.table import MODEL_COLUMN, add_cells, plain_table
    from edgecnn.records.columns import columns
    from edgecnn.records.fields import ShownIn
    from edgecnn.records.record import FIELDS

    moment, shown = FIELDS["measured_at"], columns(ShownIn.LIST, listed)
    titles = ["id", moment.title, MODEL_COLUMN, *(column.title for column in shown), "tags"]
    numbers = ["id", *(column.title for column in shown if not column.is_text)]
    table = plain_table(titles, numbers, folded=[title for title in titles if title not in numbers])
    for result in listed:
        name, tags = Path(result.model).name, ", ".join(result.tags)
        cells = (column.text(result) for column in shown)
        add_cells(table, [str(result.id), moment.text_of(result), name, *cells, tags])
    print_whole(table)


def _value_text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "x".join(map(str, value))
    return str(value)


@contextmanager
def _output_file(output: str | None) -> Iterator[IO[str]]:
    if output is None:
        yield document_stream()
        return
    with (
        replacing(Path(output)) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


def _write_json(file: IO[str], records: Iterator[KeptRecord]) -> None:
    separator = "["
    for kept in records:
        file.write(f"{separator}\n{json_text(kept.to_dict())}")
        separator = ","
    file.write("[]\n" if separator == "[" else "\n]\n")


def _write_csv(file: IO[str], records: Iterator[KeptRecord]) -> None:
    import csv

    from edgecnn.records.record import FIELDS

    names = ["id", "tags", *(name for name in FIELDS if name not in LONG_FIELDS)]
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for kept in records:
        values = kept.to_dict()
        values["tags"] = " ".join(kept.tags)
        values["input_shape"] = "x".join(map(str, kept.record.input_shape))
        values["warnings"] = " ".join(warning.code for warning in kept.record.warnings)
        writer.writerow({name: in_csv(values[name]) for name in names})

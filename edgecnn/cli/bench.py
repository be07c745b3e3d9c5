"""``edgecnn bench``: options in, one library call, a table and records out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from edgecnn.cli.accuracy_output import AccuracyOutput, accuracy_options
from edgecnn.cli.failures import Failures
from edgecnn.cli.options import (
    STANDARD_OUTPUT,
    CountList,
    building_options,
    preprocessing_options,
    store_option,
)
from edgecnn.cli.progress import PhaseProgress, can_ask
from edgecnn.cli.table import print_whole, records_table
from edgecnn.core.errors import EdgecnnError, InputError, MissingExtraError, StoreError
from edgecnn.core.files import check_target, write_json
from edgecnn.core.text import quoted_if_needed
from edgecnn.records.record import Record
from edgecnn.store.keeping import Keeper, check_tag, chosen_store, open_store

__all__ = ["bench_command", "records_table"]


NOTHING_KEPT = Keeper(None)


@click.command("bench")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--device",
    "devices",
    multiple=True,
    default=("desktop",),
    show_default="desktop",
    metavar="NAME|[USER@]HOST[:PORT]",
    help="Where to run: desktop, pi, a name of 'edgecnn devices', or a machine over SSH; several "
    "are measured at once.",
)
@click.option(
    "-t",
    "--threads",
    type=CountList(),
    default="1",
    show_default=True,
    metavar="N[,N...]",
    help="Thread counts, each measured by itself.",
)
@click.option("--runs", type=int, default=50, show_default=True, help="Timed calls at least.")
@click.option(
    "--min-time",
    "min_time_s",
    type=float,
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds of timing at least.",
)
@click.option(
    "--warmup", type=int, metavar="N", help="Calls before the timed.  [default: until steady]"
)
@click.option(
    "--mlperf",
    is_flag=True,
    help="As MLPerf's single-stream scenario: 1,024 calls and 60 s at least, and p90 counts.",
)
@click.option(
    "--cpus",
    type=CountList(0, "CPUs"),
    metavar="N[,N...]",
    help="Keep the model on these CPUs of the device.",
)
@click.option(
    "--cooldown",
    metavar="S|TC|TC,S",
    help="Rest before each model: seconds (30), until a temperature (55C), or at most (55C,120s).",
)
@click.option(
    "-d",
    "--data",
    metavar="DATA",
    help="Labelled images for accuracy: class folders, images/ with val_map.txt, an .npz with x "
    "and y, or 'digits'.",
)
@preprocessing_options
@click.option(
    "--label-offset", type=int, metavar="N", help="Output of class 0.  [default: found by itself]"
)
@click.option(
    "--images",
    type=int,
    metavar="N",
    help="With --data: so many only, drawn evenly.  [default: all]",
)
@accuracy_options
@click.option(
    "-q",
    "--quantize",
    "schemes",
    multiple=True,
    metavar="SCHEME",
    help="For a name: float32, float16, dynamic, int8, int16x8 or all.  [default: int8]",
)
@building_options
@click.option(
    "-c", "--calibrate", metavar="DATA", help="For a name with weights: images for int8, int16x8."
)
@click.option("--json", "json_target", metavar="FILE|-", help="Write the records as a JSON array.")
@store_option
@click.option("--no-store", is_flag=True, help="Keep nothing in the database of results.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="A word to find these results by, later."
)
def bench_command(
    models: tuple[str, ...],
    devices: tuple[str, ...],
    threads: tuple[int, ...],
    runs: int,
    min_time_s: float,
    warmup: int | None,
    mlperf: bool,
    cpus: tuple[int, ...] | None,
    cooldown: str | None,
    data: str | None,
    preprocess: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    label_offset: int | None,
    images: int | None,
    against: str | None,
    details: bool,
    accuracy_json: str | None,
    schemes: tuple[str, ...],
    weights: str | None,
    alpha: float,
    size: tuple[int, int] | None,
    classes: int | None,
    calibrate: str | None,
    json_target: str | None,
    store: str | None,
    no_store: bool,
    tags: tuple[str, ...],
) -> int:
    """Measure .tflite files, or architectures by name: size, latency, memory, accuracy.

    \b
    Example:
      edgecnn bench model.tflite --threads 1,2
      edgecnn bench mobilenet_v1 mobilenet_v2 --quantize float32,int8
      edgecnn bench model.tflite --data photos/ --json results.json
      edgecnn bench int8.tflite --data photos/ --against float32.tflite --details
      edgecnn bench model.tflite --device pi --device desktop
      edgecnn bench model.tflite --tag before
      edgecnn bench model.tflite --mlperf --cpus 0
    """
    from edgecnn import bench

    failures = Failures()
    keeper = _keeper(store, no_store, tags, failures)
    read = (*models, against) if against else models
    answers = AccuracyOutput(accuracy_json, details, data, read, json_target)
    output = Output(json_target, models, devices, keeper)

    def add(record: Record) -> None:
        output.add(record)
        answers.write()

    try:
        with PhaseProgress() as progress:
            bench(
                models,
                device=devices,
                threads=threads,
                runs=runs,
                min_time_s=min_time_s,
                warmup=warmup,
                mlperf=mlperf,
                cpus=cpus,
                cooldown=cooldown,
                data=data,
                preprocess=preprocess,
                mean=mean,
                std=std,
                label_offset=label_offset,
                images=images,
                against=against,
                quantize=schemes or None,
                weights=weights,
                alpha=alpha,
                size=size,
                classes=classes,
                calibrate=calibrate,
                on_progress=progress,
                on_record=add,
                on_accuracy=answers.add,
                on_failure=failures.add,
                ask_password=progress.ask_password if can_ask() else None,
            )
    finally:
        # Ctrl-C and errors come by here too: what is measured is kept.
        output.show()
        answers.show()
        try:
            keeper.finish()
        except EdgecnnError as error:
            failures.add(error)
    return failures.exit_code


def _keeper(store: str | None, no_store: bool, tags: tuple[str, ...], failures: Failures) -> Keeper:
    """Open the store before anything is measured; only one that the user chose must be there."""
    if no_store:
        if store or tags:
            raise InputError("--no-store goes with neither --store nor --tag")
        return Keeper(None)
    for tag in tags:
        check_tag(tag)
    try:
        return Keeper(open_store(store), tags)
    except MissingExtraError as error:
        if chosen_store(store) or tags:
            raise
        click.echo(f"note: results are not kept: {error}, or --no-store", err=True)
    except EdgecnnError as error:
        if chosen_store(store) or tags:
            raise
        failures.add(StoreError(f"results are not kept: {error} (--no-store keeps none)"))
    return Keeper(None)


class Output:
    """Where records go: a table, and JSON if asked for.

    Args:
        json_target: A file, ``"-"`` for standard output (then there is no table), or None.
        models: What is measured; the file must not be one of them.
        devices: Where, in the order in which records are shown.
        keeper: Keeps each record in the store.

    Raises:
        InputError: The file cannot be written, found out before anything is measured.
    """

    def __init__(
        self,
        json_target: str | None,
        models: Sequence[str],
        devices: Sequence[str] = (),
        keeper: Keeper = NOTHING_KEPT,
    ) -> None:
        self._keeper = keeper
        self._records: list[Record] = []
        self._order = {name: number for number, name in enumerate(dict.fromkeys(devices))}
        self._to_stdout = json_target == STANDARD_OUTPUT
        self._file = None if json_target is None or self._to_stdout else Path(json_target)
        if self._file is not None:
            check_target(self._file, models)

    def add(self, record: Record) -> None:
        """Keep a record; the file holds it from now on, whatever happens to the next model."""
        # Before the file: what that shows as done is in the store.
        self._keeper.add(record)
        self._records.append(record)
        self._records.sort(key=lambda one: self._order.get(one.device, len(self._order)))
        if self._file is not None:
            write_json(self._file, [r.to_dict() for r in self._records])

    def show(self) -> None:
        """Print what there is."""
        if self._to_stdout:
            click.echo(json.dumps([record.to_dict() for record in self._records], indent=2))
        elif self._records:
            print_records(self._records)


def print_records(records: list[Record]) -> None:
    """Print a table of records and their warnings on standard output.

    Nothing is cut where output goes to a file or a pipe.
    """
    console = Console(highlight=False)
    print_whole(records_table(records, console.width if console.is_terminal else None))
    for line in warning_lines(records):
        click.echo(line)


def warning_lines(records: list[Record]) -> list[str]:
    """Return one line a warning, with the models that it is about."""
    models: dict[str, list[str]] = {}
    for record in records:
        for warning in record.warnings:
            text = f"{warning.message}: {warning.advice}"
            models.setdefault(text, []).append(quoted_if_needed(Path(record.model).name))
    return [f"note: {', '.join(dict.fromkeys(names))}: {text}" for text, names in models.items()]

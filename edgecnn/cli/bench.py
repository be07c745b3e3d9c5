"""``edgecnn bench``: measures models, and shows, writes and keeps their records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgecnn.cli.accuracy_output import AccuracyOutput, accuracy_options
from edgecnn.cli.failures import Failures
from edgecnn.cli.options import (
    STANDARD_OUTPUT,
    CountList,
    building_options,
    calibrate_option,
    input_shapes_option,
    json_file_option,
    preprocessing_options,
    signature_option,
    store_option,
    task_option,
)
from edgecnn.cli.output import print_whole, say, say_json, terminal_width, warn
from edgecnn.cli.progress import PhaseProgress
from edgecnn.cli.table import records_table
from edgecnn.core.errors import EdgecnnError, InputError, MissingExtraError, StoreError
from edgecnn.core.files import check_target, is_stream, write_json
from edgecnn.records.record import Record
from edgecnn.store.keeping import Keeper, is_store_chosen, open_store
from edgecnn.store.tags import check_tag

NO_KEEPER = Keeper(None)


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
    help="Labelled data for accuracy: class folders, a list of images with labels (.txt, .csv, "
    ".json), images with masks, an .npz, arrays, or 'digits'.",
)
@preprocessing_options
@click.option(
    "--labels",
    metavar="FILE",
    help="With --data: names of the outputs, one a line.  [default: those packed in the file]",
)
@click.option(
    "--label-offset",
    type=int,
    metavar="N",
    help="Output of class 0.  [default: by names, or as the data numbers its classes]",
)
@click.option(
    "--images",
    type=int,
    metavar="N",
    help="With --data: so many only, drawn evenly.  [default: all]",
)
@task_option
@click.option(
    "--anchors",
    metavar="FILE",
    help="With boxes as --data: anchors of a detector whose outputs are offsets from them and "
    "scores (.npy, .npz, .csv, .json).",
)
@click.option(
    "--anchor-order",
    type=click.Choice(["cyxhw", "cxywh", "yxyx", "xyxy"]),
    help="What the four numbers of an anchor are: centre and sides, or corners.",
)
@click.option(
    "--box-order",
    type=click.Choice(["yxhw", "xywh"]),
    help="The order of the offsets in the output of boxes.",
)
@click.option(
    "--variances",
    metavar="ssd|V,V,V,V",
    help="Factors of these offsets, in their order; ssd: 0.1,0.1,0.2,0.2.",
)
@accuracy_options
@click.option(
    "-q",
    "--quantize",
    multiple=True,
    metavar="SCHEME",
    help="For a name: float32, float16, dynamic, int8, int16x8 or all.  [default: int8]",
)
@building_options("weights", "alpha", "size", "classes")
@input_shapes_option
@signature_option
@calibrate_option(help="For a name with weights: images for int8, int16x8.")
@json_file_option(help="Write the records as a JSON array.")
@store_option
@click.option("--no-store", is_flag=True, help="Keep nothing in the database of results.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="A word to find these results by, later."
)
def bench_command(
    models: tuple[str, ...],
    devices: tuple[str, ...],
    data: str | None,
    task: tuple[str, ...],
    against: str | None,
    details: bool,
    accuracy_json: str | None,
    json_target: str | None,
    store: str | None,
    no_store: bool,
    tags: tuple[str, ...],
    **options: Any,
) -> int:
    """Measure .tflite files, or architectures by name: size, latency, memory, accuracy.

    \b
    Example:
      edgecnn bench model.tflite --threads 1,2
      edgecnn bench mobilenet_v1 mobilenet_v2 --quantize float32,int8
      edgecnn bench model.tflite --data photos/ --json results.json
      edgecnn bench model.tflite --data photos/ --labels labels.txt
      edgecnn bench int8.tflite --data photos/ --against float32.tflite --details
      edgecnn bench unet.tflite --data VOC2012/
      edgecnn bench ssd.tflite --data coco/ --anchors anchors.npy --anchor-order cyxhw \
        --box-order yxhw --variances ssd --label-offset 1
      edgecnn bench model.tflite --device pi --device desktop
      edgecnn bench model.tflite --tag before
      edgecnn bench model.tflite --mlperf --cpus 0
      edgecnn bench any_size.tflite --size 224
      edgecnn bench language.tflite --signature decode --input-shape tokens=1,16
    """
    from edgecnn import bench

    failures = Failures()
    keeper = _keeper(store, no_store, tags, failures)
    named = [options[name] for name in ("labels", "anchors", "calibrate")]
    others = (against, data, *named, options["build"].weights)
    inputs = [*models, *(each for each in (*others, keeper.file) if each)]
    answers = AccuracyOutput(accuracy_json, details, data, inputs, json_target)
    output = RecordOutput(json_target, inputs, devices, keeper)

    def add(record: Record) -> None:
        output.add(record)
        answers.write()

    try:
        with PhaseProgress() as progress:
            bench(
                models,
                device=devices,
                data=data,
                task=task or None,
                against=against,
                on_progress=progress,
                on_record=add,
                on_accuracy=answers.add,
                on_failure=failures.add,
                ask_password=progress.ask_password,
                **options,
            )
    finally:
        # After Ctrl-C and errors, too: what is measured is shown and kept.
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
        return NO_KEEPER
    for tag in tags:
        check_tag(tag)
    try:
        return Keeper(open_store(store), tags)
    except EdgecnnError as error:
        if is_store_chosen(store) or tags:
            raise
        if isinstance(error, MissingExtraError):
            warn(f"note: results are not kept: {error}, or --no-store")
        else:
            failures.add(StoreError(f"results are not kept: {error} (--no-store keeps none)"))
    return NO_KEEPER


class RecordOutput:
    """Where the records of a bench go: the store, a table, and JSON if the user asked for it.

    Args:
        json_target: Path of the JSON file, ``"-"`` for standard output (then there is no table), or
            None for no JSON.
        inputs: Files that are read, or written by others; the JSON file must not be one of them.
        devices: Names of the devices, in the order in which records are shown.
        keeper: Keeps each record in the store.

    Raises:
        InputError: The file cannot be written; that is found out before anything is measured.
    """

    def __init__(
        self,
        json_target: str | None,
        inputs: Sequence[str | Path],
        devices: Sequence[str] = (),
        keeper: Keeper = NO_KEEPER,
    ) -> None:
        self._keeper = keeper
        self._records: list[Record] = []
        self._order = {name: number for number, name in enumerate(dict.fromkeys(devices))}
        self._to_stdout = json_target == STANDARD_OUTPUT
        self._file = None if json_target is None or self._to_stdout else Path(json_target)
        if self._file is not None:
            check_target(self._file, inputs)
        self._is_stream = self._file is not None and is_stream(self._file)

    def add(self, record: Record) -> None:
        """Keep a record; a file holds it from now on, whatever happens to the next model."""
        # The store comes before the file: each record that the file shows is in the store.
        self._keeper.add(record)
        self._records.append(record)
        self._records.sort(key=lambda record: self._order.get(record.device, len(self._order)))
        if not self._is_stream:
            self._write()

    def _write(self) -> None:
        if self._file is not None:
            write_json(self._file, [record.to_dict() for record in self._records])

    def show(self) -> None:
        """Print the records so far, and write them to a file that takes one content only."""
        if self._is_stream:
            self._write()
        if self._to_stdout:
            say_json([record.to_dict() for record in self._records])
        elif self._records:
            print_records(self._records)


def print_records(records: list[Record]) -> None:
    """Print a table of records and their warnings on standard output.

    Nothing is cut where output goes to a file or a pipe.
    """
    print_whole(records_table(records, terminal_width()))
    for line in (*figure_lines(records), *warning_lines(records), *batch_lines(records)):
        say(line)


def figure_lines(records: list[Record]) -> list[str]:
    """Return a line for each file whose accuracy has figures of its own, with all of them."""
    lines: dict[str, None] = {}
    for record in records:
        if record.figures:
            figures = ", ".join(map(str, record.figures))
            line = (
                f"{Path(record.model).name}: {record.images:,} samples of {record.data}: {figures}"
            )
            if record.against_figures and record.against:
                others = ", ".join(map(str, record.against_figures))
                line += f"; {Path(record.against).name}: {others}"
            lines[line] = None
    return list(lines)


def warning_lines(records: list[Record]) -> list[str]:
    """Return a line for each warning, with the names of the models that it is about."""
    models: dict[str, list[str]] = {}
    for record in records:
        for warning in record.warnings:
            text = f"{warning.message}: {warning.advice}"
            models.setdefault(text, []).append(Path(record.model).name)
    return [f"note: {', '.join(dict.fromkeys(names))}: {text}" for text, names in models.items()]


def batch_lines(records: list[Record]) -> list[str]:
    """Return a line with the files that leave the batch open, or none."""
    files = [Path(record.model).name for record in records if record.has_open_batch]
    if not files:
        return []
    names = ", ".join(dict.fromkeys(files))
    return [f"note: {names}: the batch is open: timed with a batch of 1 (--input-shape: another)"]

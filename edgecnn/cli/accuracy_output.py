"""Options of ``edgecnn bench`` for the answers behind an accuracy, and where these go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import STANDARD_OUTPUT, OptionGroup, OutputFile, option_group
from edgecnn.core.errors import InputError
from edgecnn.core.files import check_target, is_stream, replacing

if TYPE_CHECKING:
    from edgecnn.accuracy.kinds.result import AnyAccuracy
    from edgecnn.records.record import Record

accuracy_options: OptionGroup[Any] = option_group(
    click.option(
        "--against",
        metavar="FILE",
        help="With --data: a .tflite file that classifies the same images, for comparison.",
    ),
    click.option(
        "--details",
        is_flag=True,
        help="With --data: show classes, confusions, calibration and the worst images.",
    ),
    click.option(
        "--accuracy-json",
        type=OutputFile(),
        metavar="FILE",
        help="With --data: write classes, confusions, calibration and each answer as JSON.",
    ),
)


class AccuracyOutput:
    """Where the answers behind each accuracy go: a JSON file and the terminal, if asked for.

    Args:
        target: Path of the JSON file; None for no file.
        details: Whether to print the answers.
        data: The data, as the user named it; None for no data.
        inputs: Files that are read, or written by others, which must not be overwritten.
        records: Where the records are written as JSON, ``"-"`` for standard output.

    Raises:
        InputError: There is no data, or the file cannot be written; that is found out before
            anything is measured.
    """

    def __init__(
        self,
        target: str | None,
        details: bool,
        data: str | None,
        inputs: Sequence[str | Path],
        records: str | None = None,
    ) -> None:
        self._file = None if target is None else Path(target)
        self._details = details
        self._accuracies: list[tuple[Record, AnyAccuracy]] = []
        for name, given in (("--accuracy-json", target is not None), ("--details", details)):
            if given and data is None:
                raise InputError(f"{name} goes with --data, whose answers it is about")
        if details and records == STANDARD_OUTPUT:
            raise InputError("--details and --json - both print: give --json a file")
        if self._file is not None:
            if records is not None and self._file.resolve() == Path(records).resolve():
                raise InputError("--json and --accuracy-json name the same file: name two")
            check_target(self._file, inputs)
        self._is_stream = self._file is not None and is_stream(self._file)

    def add(self, record: Record, accuracy: AnyAccuracy) -> None:
        """Keep what classifying one model's images gave; any thread may call this.

        Args:
            record: Record of the model.
            accuracy: What classifying the images gave.
        """
        if self._file is not None or self._details:
            self._accuracies.append((record, accuracy))

    def write(self) -> None:
        """Write a file anew with all answers so far; a stream gets them at the end."""
        if not self._is_stream:
            self._write()

    def _write(self) -> None:
        if self._file is None or not self._accuracies:
            return
        from edgecnn.accuracy.kinds.document import any_document, as_json

        with replacing(self._file) as temporary:
            text = as_json(any_document(*accuracy) for accuracy in list(self._accuracies))
            temporary.write_text(text, encoding="utf-8")

    def show(self) -> None:
        """Print all answers so far, and write them to a stream, if the user asked for it."""
        if self._is_stream:
            self._write()
        if not self._details or not self._accuracies:
            return
        from edgecnn.cli.accuracy_text import print_details

        for accuracy in self._accuracies:
            print_details(*accuracy)

"""``edgecnn metadata``: show, set or strip what a ``.tflite`` file says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import preprocessing_options
from edgecnn.core.text import quoted_if_needed

if TYPE_CHECKING:
    from edgecnn.model_metadata.overview import Shown
    from edgecnn.model_metadata.public_metadata import TensorMetadata

SHOWN_LABELS = 5
SHOWN_CHARACTERS_OF_METADATA = 200
"""Of a text that somebody wrote into a file; ``--json`` has it whole."""

LOOKED_AT = 10
"""Times as many characters are looked at for what can be shown: the others may be blanks."""

output_option = click.option(
    "-o", "--output", metavar="FILE", help="Where the result goes; default: the file itself."
)


@click.group("metadata")
def metadata_command() -> None:
    """Show, set or strip the public metadata of any .tflite file.

    That is what app libraries read: the normalisation of the input, the labels, the author.

    \b
    Example:
      edgecnn metadata show model.tflite
      edgecnn metadata set model.tflite --labels labels.txt --author "Ada Lovelace"
    """


@metadata_command.command("show")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with everything.")
def show_command(file: str, as_json: bool) -> None:
    """Show a file's metadata, labels and packed files.

    \b
    Example:
      edgecnn metadata show model.tflite
    """
    from edgecnn import metadata

    shown = metadata(file)
    if as_json:
        click.echo(json.dumps(shown.to_dict(), indent=2))
    else:
        _print(shown)


@metadata_command.command("set")
@click.argument("file")
@click.option("--name", metavar="TEXT", help="Of the model.")
@click.option("--description", metavar="TEXT", help="What the model does.")
@click.option("--author", metavar="TEXT", help="Who made the model.")
@click.option("--license", metavar="TEXT", help="Of the model: its name or its text.")
@click.option("--model-version", metavar="TEXT", help="Of the model.")
@click.option("--labels", metavar="FILE", help="Names of the classes, one a line, as UTF-8 text.")
@preprocessing_options
@output_option
def set_command(
    file: str,
    name: str | None,
    description: str | None,
    author: str | None,
    license: str | None,
    model_version: str | None,
    labels: str | None,
    preprocess: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    output: str | None,
) -> None:
    """Set what is named; everything else that the file says stays.

    \b
    Example:
      edgecnn metadata set model.tflite --labels labels.txt --mean 127.5 --std 127.5
      edgecnn metadata set model.tflite --license Apache-2.0 -o licensed.tflite
    """
    from edgecnn import set_metadata
    from edgecnn.data.preprocessing import Preprocessing
    from edgecnn.model_metadata.user_metadata import About

    notes = set_metadata(
        file,
        output,
        name=name,
        about=About.of(labels, author, license, model_version, description),
        preprocessing=Preprocessing.of(preprocess, mean, std),
    )
    click.echo(f"{quoted_if_needed(output or file)} is written")
    for note in notes:
        click.echo(f"  note: {note}")


@metadata_command.command("strip")
@click.argument("file")
@click.option("--all", "everything", is_flag=True, help="Also what edgecnn keeps for itself.")
@output_option
def strip_command(file: str, everything: bool, output: str | None) -> None:
    """Take the public metadata and all packed files out: labels, golden sample and others.

    \b
    Example:
      edgecnn metadata strip model.tflite -o bare.tflite
    """
    from edgecnn import strip_metadata
    from edgecnn.golden.sample import GOLDEN_FILE

    gone = strip_metadata(file, output, everything=everything)
    line = f"{quoted_if_needed(output or file)} is written, {gone.saved_bytes} bytes smaller"
    if gone.packed_files:
        line += f", without {', '.join(map(_printable, gone.packed_files))}"
    click.echo(line)
    if GOLDEN_FILE in gone.packed_files:
        click.echo("  note: it has no golden sample any more: edgecnn verify cannot check it")


def _print(shown: Shown) -> None:
    from rich.table import Table
    from rich.text import Text

    from edgecnn.cli.table import print_whole

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _rows(shown):
        # Text, not str: what stands in a file is no markup.
        table.add_row(Text(label, "bold"), Text(_printable(text)))
    print_whole(table)


def _rows(shown: Shown) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if shown.metadata is None:
        rows.append(("metadata", "none"))
    else:
        texts = ("name", "description", "version", "author", "license", "min_parser_version")
        named = [(text, getattr(shown.metadata, text)) for text in texts]
        rows += [(label.replace("_", " "), text) for label, text in named if text]
        rows += [("input", _described(tensor)) for tensor in shown.metadata.inputs]
        rows += [("output", _described(tensor)) for tensor in shown.metadata.outputs]
    if shown.labels is not None:
        names = ", ".join(shown.labels[:SHOWN_LABELS])
        more = ", ..." if len(shown.labels) > SHOWN_LABELS else ""
        rows.append(("labels", f"{len(shown.labels)}: {names}{more}"))
    said = {file.name: file.description for file in shown.metadata.files} if shown.metadata else {}
    rows += [
        ("packed", ": ".join(filter(None, (f"{name}, {size} bytes", said.get(name)))))
        for name, size in shown.packed_files.items()
    ]
    rows += [("buffer", f"{name}, {size} bytes") for name, size in shown.buffers.items()]
    return rows


def _described(tensor: TensorMetadata) -> str:
    parts = [tensor.name, tensor.color_space or ""]
    if tensor.mean and tensor.std:
        parts.append(f"mean {_numbers(tensor.mean)}, std {_numbers(tensor.std)}")
    if tensor.minimum and tensor.maximum:
        parts.append(f"{_numbers(tensor.minimum)} to {_numbers(tensor.maximum)}")
    return ": ".join(filter(None, (", ".join(filter(None, parts)), tensor.description)))


def _numbers(values: tuple[Any, ...]) -> str:
    more = " ..." if len(values) > SHOWN_LABELS else ""
    return " ".join(f"{value:g}" for value in values[:SHOWN_LABELS]) + more


def _printable(text: str) -> str:
    """Make one line of a text of any content, and not a long one."""
    line = " ".join(text[: LOOKED_AT * SHOWN_CHARACTERS_OF_METADATA].split())
    line = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )
    is_whole = (
        len(line) <= SHOWN_CHARACTERS_OF_METADATA
        and len(text) <= LOOKED_AT * SHOWN_CHARACTERS_OF_METADATA
    )
    return line if is_whole else f"{line[:SHOWN_CHARACTERS_OF_METADATA]}..."

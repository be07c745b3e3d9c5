"""``edgecnn metadata``: show, set or strip what a ``.tflite`` file says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import (
    OutputFile,
    author_option,
    description_option,
    json_option,
    labels_option,
    license_option,
    model_version_option,
    normalization_options,
)
from edgecnn.cli.output import say, say_json
from edgecnn.core.text import first_few, shortened

if TYPE_CHECKING:
    from edgecnn.model_metadata.overview import MetadataOverview
    from edgecnn.model_metadata.public_metadata import TensorMetadata

SHOWN_CHARACTERS_OF_METADATA = 200
"""Characters that are shown of a text in a file; ``--json`` has the whole text."""

output_option = click.option(
    "-o",
    "--output",
    type=OutputFile(),
    metavar="FILE",
    help="Where the result goes; default: the file itself.",
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
@json_option(help="Print a JSON object with everything.")
def show_command(file: str, as_json: bool) -> None:
    """Show a file's metadata, labels and packed files.

    \b
    Example:
      edgecnn metadata show model.tflite
    """
    from edgecnn import metadata

    shown = metadata(file)
    if as_json:
        say_json(shown.to_dict())
    else:
        _print(shown)


@metadata_command.command("set")
@click.argument("file")
@click.option("--name", metavar="TEXT", help="Of the model.")
@description_option
@author_option(help="Who made the model.")
@license_option
@model_version_option
@labels_option
@normalization_options
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
    say(f"{output or file} is written")
    for note in notes:
        say(f"  note: {note}")


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

    stripped = strip_metadata(file, output, everything=everything)
    line = f"{output or file} is written, {stripped.saved_bytes} bytes smaller"
    if stripped.packed_files:
        line += f", without {', '.join(map(_short, stripped.packed_files))}"
    say(line)
    if GOLDEN_FILE in stripped.packed_files:
        say("  note: it has no golden sample any more: edgecnn verify cannot check it")


def _print(shown: MetadataOverview) -> None:
    from edgecnn.cli.table import print_pairs

    print_pairs((label, "bold", _short(text)) for label, text in _rows(shown))


def _rows(shown: MetadataOverview) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if shown.metadata is None:
        rows.append(("metadata", "none"))
    else:
        texts = ("name", "description", "version", "author", "license", "min_parser_version")
        named = [(text, getattr(shown.metadata, text)) for text in texts]
        rows += [(label.replace("_", " "), text) for label, text in named if text]
        rows += [("input", _tensor_text(tensor)) for tensor in shown.metadata.inputs]
        rows += [("output", _tensor_text(tensor)) for tensor in shown.metadata.outputs]
    if shown.labels is not None:
        rows.append(("labels", f"{len(shown.labels)}: {first_few(shown.labels)}"))
    files = shown.metadata.files if shown.metadata else ()
    descriptions = {file.name: file.description for file in files}
    rows += [
        ("packed", ": ".join(filter(None, (f"{name}, {size} bytes", descriptions.get(name)))))
        for name, size in shown.packed_files.items()
    ]
    rows += [("buffer", f"{name}, {size} bytes") for name, size in shown.buffers.items()]
    return rows


def _tensor_text(tensor: TensorMetadata) -> str:
    parts = [tensor.name, tensor.color_space or ""]
    if tensor.mean and tensor.std:
        parts.append(f"mean {_numbers(tensor.mean)}, std {_numbers(tensor.std)}")
    if tensor.minimum and tensor.maximum:
        parts.append(f"{_numbers(tensor.minimum)} to {_numbers(tensor.maximum)}")
    return ": ".join(filter(None, (", ".join(filter(None, parts)), tensor.description)))


def _numbers(values: tuple[Any, ...]) -> str:
    return first_few((f"{value:g}" for value in values), " ")


def _short(text: str) -> str:
    return shortened(text, SHOWN_CHARACTERS_OF_METADATA)

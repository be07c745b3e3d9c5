"""``edgecnn convert``: converts each source, and says in a few lines what each file is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.failures import Failures
from edgecnn.cli.options import (
    CALIBRATION_DATA,
    OutputFile,
    activation_options,
    author_option,
    building_options,
    calibrate_option,
    custom_objects_option,
    description_option,
    input_shapes_option,
    json_option,
    labels_option,
    license_option,
    model_version_option,
    preprocessing_options,
    samples_option,
    signature_option,
    task_option,
    trust_option,
)
from edgecnn.cli.output import say_json
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import exists, quoted
from edgecnn.core.text import size_text
from edgecnn.quantize.budget.verdict import describe_budget
from edgecnn.quantize.recovery.advice import describe_proof

if TYPE_CHECKING:
    from edgecnn.quantize.result import Conversion


LABEL_NOTES = ("labels: ", "no labels: ")
"""How warnings begin that tell of the labels, which all files of a source have in common."""


@click.command("convert")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "-q",
    "--quantize",
    multiple=True,
    default=("int8",),
    show_default=True,
    metavar="SCHEME",
    help="float32, float16, dynamic, int8, int16x8 or all; repeat it or separate with commas.",
)
@click.option(
    "-o", "--output", type=OutputFile(), metavar="PATH", help="A file, or an existing folder."
)
@calibrate_option(help=CALIBRATION_DATA)
@samples_option
@click.option(
    "--recover",
    metavar="off|fast|full",
    default="fast",
    show_default=True,
    help="How int8 and int16x8 get the float model's accuracy back.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="STEP",
    help="Leave a step of recovery out, to see what it gains; repeat it for more.",
)
@click.option(
    "--max-drop",
    type=float,
    metavar="POINTS",
    help="What int8 may lose of top-1, or of agreement where there are no labels; of numbers in "
    "percent of their variance: the cheapest layers that keep it within stay in float32.",
)
@click.option(
    "--all-int8",
    is_flag=True,
    help="Leave no op of an int8 file in float32; its input and output are int8, too.",
)
@click.option(
    "--target",
    metavar="ethos-u|tflm|edgetpu",
    help="An integer-only file for a microcontroller or an accelerator, proved by its own tool.",
)
@click.option(
    "--target-cpu",
    metavar="CPU",
    help="arm64, x86-vnni or x86-avx2: whose speed decides which layers of int8 may stay in "
    "float32.  [default: arm64]",
)
@click.option(
    "--device",
    metavar="NAME|[USER@]HOST[:PORT]",
    help="Decide that by measuring there: desktop, pi, a name of 'edgecnn devices', or a machine "
    "over SSH.",
)
@preprocessing_options
@click.option("--input-type", metavar="TYPE", help="uint8 (int8's default), int8 or float32.")
@click.option(
    "--output-type", metavar="TYPE", help="float32 (the default), or int8's int8 or uint8."
)
@building_options("weights", "alpha", "size", "classes", "softmax")
@signature_option
@input_shapes_option
@custom_objects_option
@task_option
@activation_options
@trust_option
@labels_option
@author_option(help="For the file's metadata, as the next three.")
@license_option
@model_version_option
@description_option
@json_option(help="Print the results as a JSON array.")
def convert_command(
    sources: tuple[str, ...], output: str | None, as_json: bool, **options: Any
) -> int:
    """Make quantised .tflite files from an architecture's name, a .keras or .h5 file, a SavedModel
    folder, a float .tflite file, or an .onnx or .pt2 file.

    \b
    Example:
      edgecnn convert mobilenet_v2 --quantize int8,float32
      edgecnn convert my_model.keras --preprocess tf --calibrate photos/ --labels labels.txt
      edgecnn convert my_model.keras --preprocess tf --calibrate photos/ --max-drop 0.5
    """  # noqa: D205
    from edgecnn import convert

    results: list[Conversion] = []
    failures = Failures()
    refuse_shared_output(sources, output)

    def keep(result: Conversion) -> None:
        results.append(result)
        if not as_json:
            progress.say(*conversion_lines(result, results[:-1]))

    try:
        with PhaseProgress() as progress:
            for source in sources:
                try:
                    convert(
                        source,
                        output=output,
                        on_progress=progress,
                        on_result=keep,
                        ask_password=progress.ask_password,
                        **options,
                    )
                except EdgecnnError as error:
                    failures.add(error)
    finally:
        if as_json:
            say_json([result.to_dict() for result in results])
    return failures.exit_code


def refuse_shared_output(sources: tuple[str, ...], output: str | None) -> None:
    """Raise InputError if two sources would be written to the same file."""
    from edgecnn.importing.input_format import output_stem

    names = [output_stem(Path(source)) for source in sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(
            f"files of two sources would be named {quoted(twice)}: convert them one at a time"
        )
    if len(sources) < 2 or output is None:
        return
    if not (exists(Path(output)) and Path(output).is_dir()):
        raise InputError(
            f"{len(sources)} sources need a folder: {quoted(output)} is not an existing one"
        )


def conversion_lines(result: Conversion, earlier: Sequence[Conversion] = ()) -> list[str]:
    """Return a few lines about a new file: path, size, ops by dtype, seconds, warnings.

    Args:
        result: The new file.
        earlier: Files that were told of before: what all files of a source have in common, their
            images and labels, is not said again.
    """
    ops = ", ".join(f"{count} {dtype}" for dtype, count in result.ops_by_dtype.items())
    lines = [
        f"{result.path}  {size_text(result.bytes)}  {result.scheme}, "
        f"{result.input_dtype} in, {result.output_dtype} out  ops: {ops}  {result.seconds:.1f} s"
    ]
    told = {line for one in earlier if one.source == result.source for line in _source_lines(one)}
    source_lines = _source_lines(result)
    lines += [line for line in source_lines if line not in told]
    if result.proof is not None:
        lines.append(f"  {describe_proof(result.proof)}")
    if result.budget_outcome is not None:
        lines += [f"  {line}" for line in describe_budget(result.budget_outcome)]
    if result.target_proof is not None:
        lines.append(f"  {result.target_proof.target}: {result.target_proof.summary}")
    notes = [_note(warning) for warning in result.warnings]
    return [*lines, *(note for note in notes if note not in source_lines)]


def _source_lines(result: Conversion) -> list[str]:
    """Return what is told of a file that does not depend on its scheme."""
    lines = [] if result.images is None else [f"  images: {result.images}"]
    lines += [] if result.preprocessing is None else [f"  preprocessing: {result.preprocessing}"]
    lines += [] if result.answers is None else [f"  answers: {result.answers}"]
    lines += [] if result.labels is None else [f"  labels: {result.labels}"]
    return lines + [_note(text) for text in result.warnings if text.startswith(LABEL_NOTES)]


def _note(warning: str) -> str:
    return f"  note: {warning}"

"""``edgecnn sensitivity``: what int8 costs in each layer, as a table with advice or JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import (
    CALIBRATION_DATA,
    OutputFile,
    building_options,
    calibrate_option,
    custom_objects_option,
    input_shapes_option,
    json_option,
    preprocessing_options,
    samples_option,
    signature_option,
    task_option,
    trust_option,
)
from edgecnn.cli.output import print_whole, say, say_json
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.text import sample_noun

if TYPE_CHECKING:
    from edgecnn.quantize.sensitivity.result import LayerSensitivity, Sensitivity


@click.command("sensitivity")
@click.argument("model")
@calibrate_option(help=CALIBRATION_DATA)
@samples_option
@click.option(
    "--images", type=int, default=32, show_default=True, help="Other images, to measure on."
)
@click.option(
    "--plot", type=OutputFile(), metavar="FILE", help="Write a chart: .png, .svg or .html."
)
@preprocessing_options
@building_options("weights", "alpha", "size", "classes")
@signature_option
@input_shapes_option
@custom_objects_option
@task_option
@trust_option
@json_option(help="Print a JSON object.")
def sensitivity_command(model: str, as_json: bool, **options: Any) -> None:
    """Say for each layer what quantising it alone to int8 costs, the worst first.

    MODEL is a registered name, a .keras, .h5, .onnx, .pt2 or float .tflite file, or a
    SavedModel folder.

    \b
    Example:
      edgecnn sensitivity my_model.keras --preprocess tf --calibrate photos/ --plot noise.png
    """
    from edgecnn import sensitivity

    with PhaseProgress() as progress:
        result = sensitivity(model, on_progress=progress, **options)
    if as_json:
        say_json(result.to_dict())
    else:
        _print(result)


def _print(result: Sensitivity) -> None:
    from edgecnn.cli.table import add_cells, list_table

    numbers = ("weights dB", "activation dB", "both dB", "agreement %", "noise %")
    table = list_table(["layer", "kind"], numbers, folded=["layer"])
    for layer in result.layers:
        add_cells(table, _cells(layer))
    print_whole(table)
    say(*_lines(result))


def _cells(layer: LayerSensitivity) -> list[str]:
    return [
        layer.layer,
        layer.kind,
        _decibels(layer.weights_db),
        _decibels(layer.activation_db),
        _decibels(layer.both_db),
        _percent(layer.agreement),
        _percent(layer.share),
    ]


def _lines(result: Sensitivity) -> list[str]:
    return [
        "",
        f"{result.model}: the plain int8 file of all layers: {result.plain_words}; the sum of the "
        f"layers alone: {_decibels(result.sum_db)} dB",
        f"calibrated on {result.calibration_images} "
        f"{sample_noun(are_images=result.are_images)}s, measured on {result.images}",
        *(f"- {advice}" for advice in result.advice),
        *(f"note: {warning}" for warning in result.warnings),
    ]


def _decibels(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.1f}" if math.isfinite(ratio) else "equal"


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f}"

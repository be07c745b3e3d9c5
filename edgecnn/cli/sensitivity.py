"""``edgecnn sensitivity``: options in, one library call, a table and advice out."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import (
    building_options,
    calibrate_option,
    preprocessing_options,
    samples_option,
    trust_option,
)
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.text import quoted_if_needed

if TYPE_CHECKING:
    from edgecnn.quantize.sensitivity.result import LayerSensitivity, Sensitivity


@click.command("sensitivity")
@click.argument("model")
@calibrate_option
@samples_option
@click.option(
    "--images", type=int, default=32, show_default=True, help="Other images, to measure on."
)
@click.option("--plot", metavar="FILE", help="Write a chart: .png, .svg or .html.")
@preprocessing_options
@building_options
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def sensitivity_command(model: str, as_json: bool, **options: Any) -> None:
    """Say for each layer what quantising it alone to int8 costs, the worst first.

    MODEL is a registered name, a .keras or .h5 file, or a SavedModel folder.

    \b
    Example:
      edgecnn sensitivity my_model.keras --preprocess tf --calibrate photos/ --plot noise.png
    """
    from edgecnn import sensitivity

    with PhaseProgress() as progress:
        result = sensitivity(model, on_progress=progress, **options)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
    else:
        _print(result)


def _print(result: Sensitivity) -> None:
    from rich.table import Table
    from rich.text import Text

    from edgecnn.cli.table import print_whole

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    # Text, not str: a layer's name with square brackets is no markup.
    table.add_column("layer", overflow="fold")
    table.add_column("kind", no_wrap=True)
    for heading in ("weights dB", "activation dB", "both dB", "agreement %", "noise %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in result.layers:
        table.add_row(Text(layer.layer), Text(layer.kind), *_cells(layer))
    print_whole(table)
    for line in _lines(result):
        click.echo(line)


def _cells(layer: LayerSensitivity) -> list[str]:
    return [
        _decibels(layer.weights_db),
        _decibels(layer.activation_db),
        _decibels(layer.both_db),
        _percent(layer.agreement),
        _percent(layer.share),
    ]


def _lines(result: Sensitivity) -> list[str]:
    name = quoted_if_needed(result.model)
    agrees = (
        ""
        if result.plain_agreement is None
        else f", agrees on {_percent(result.plain_agreement)} %"
    )
    return [
        "",
        f"{name}: the plain int8 file of all layers: {_decibels(result.plain_db)} dB{agrees}; "
        f"the sum of the layers alone: {_decibels(result.sum_db)} dB",
        f"calibrated on {result.calibration_images} images, measured on {result.images}",
        *(f"- {advice}" for advice in result.advice),
        *(f"note: {warning}" for warning in result.warnings),
    ]


def _decibels(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.1f}" if math.isfinite(ratio) else "equal"


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f}"

"""``edgecnn summary``: the layers or ops of one model, as a table or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.options import (
    building_options,
    custom_objects_option,
    json_option,
    trust_option,
)
from edgecnn.cli.output import cell, print_whole, say, say_json
from edgecnn.core.text import counted, first_few, size_text

if TYPE_CHECKING:
    from edgecnn.inspection.summary import ModelSummary
    from edgecnn.tflite.cost import CostRow


@click.command("summary")
@click.argument("model")
@building_options("alpha", "size", "classes")
@custom_objects_option
@trust_option
@json_option(help="Print a JSON object.")
def summary_command(model: str, as_json: bool, **options: Any) -> None:
    """List the layers or ops of a model: output, parameters, MACs, bytes, share.

    MODEL is a registered name, a .keras or .h5 file, or a .tflite file.

    \b
    Example:
      edgecnn summary mobilenet_v2 --alpha 0.5 --size 96
      edgecnn summary model.tflite --json
    """
    from edgecnn import summarize

    summary = summarize(model, **options)
    if as_json:
        say_json(summary.to_dict())
    else:
        _print_table(summary)


def _print_table(summary: ModelSummary) -> None:
    from edgecnn.cli.table import list_table

    name = "op" if summary.format == "tflite" else "layer"
    table = list_table([name, "kind"], ["output", "params", "MACs", "%", "bytes", "%"], [name])
    for row in summary.rows:
        shape = "x".join("?" if side is None else str(side) for side in row.output_shape[1:])
        table.add_row(cell(row.name), cell(row.kind), shape, *_row_costs(row, summary))
    table.add_section()
    total = _costs(summary.parameters, summary.macs, summary.bytes, summary)
    table.add_row("total", f"{len(summary.rows)} in all", "", *total, style="bold")
    print_whole(table)
    if summary.file_bytes is not None:
        say(f"{summary.model}: {size_text(summary.file_bytes)} with its structure")
    if summary.elsewhere_bytes:
        held = f"{summary.elsewhere_parameters:,} parameters"
        say(f"note: {held} of the total are in graphs that its first signature does not run")
    if summary.open_loops:
        say(f"note: one step is counted of {counted(summary.open_loops, 'loop')} of unknown length")
    if summary.is_hidden:
        say("note: it is compiled for the Edge TPU, whose op hides the layers")
    elif summary.uncounted_ops:
        names = first_few(summary.uncounted_ops)
        say(f"note: multiply-adds of {names} are not counted")


def _row_costs(row: CostRow, summary: ModelSummary) -> list[str]:
    macs = None if row.kind in summary.uncounted_ops else row.macs
    parameters = None if macs is None and summary.is_hidden else row.parameters
    return _costs(parameters, macs, row.bytes, summary)


def _costs(parameters: int | None, macs: int | None, size: int, summary: ModelSummary) -> list[str]:
    whole = None if summary.uncounted_ops else summary.macs
    return [
        "?" if parameters is None else _compact(parameters, 1000, "kMG"),
        "?" if macs is None else _compact(macs, 1000, "kMG"),
        "?" if macs is None or whole is None else _share(macs, whole),
        _compact(size, 1024, "KMG"),
        _share(size, summary.bytes),
    ]


def _compact(value: int, step: int, units: str) -> str:
    """Return a number as three digits and a unit, so that a row fits a narrow terminal."""
    if value < step:
        return str(value) if value else "-"
    number, unit = value / step, 0
    while number >= step and unit + 1 < len(units):
        number, unit = number / step, unit + 1
    return f"{number:.{max(0, 3 - len(str(int(number))))}f}{units[unit]}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if part else "-"

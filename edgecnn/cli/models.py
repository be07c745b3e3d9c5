"""``edgecnn models``: the registered architectures as a table or JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from edgecnn.cli.options import json_option
from edgecnn.cli.output import print_whole, say_json
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from edgecnn.models.spec import ModelSpec


ORDERS: dict[str, Callable[[ModelSpec], tuple[str | int, ...]]] = {
    "year": lambda spec: (spec.year, spec.family, spec.macs),
    "family": lambda spec: (spec.family, spec.macs),
    "cost": lambda spec: (spec.macs, spec.parameters),
}


@click.command("models")
@click.argument("pattern", required=False)
@click.option(
    "--sort",
    "order",
    type=click.Choice(list(ORDERS)),
    default="year",
    show_default=True,
    help="Order: by year of the paper, by family, or by multiply-adds.",
)
@json_option(help="Print a JSON array.")
def models_command(pattern: str | None, order: str, as_json: bool) -> None:
    """List the architectures: parameters, multiply-adds (MACs), published accuracy.

    PATTERN is a part of a name or a glob.

    \b
    Example:
      edgecnn models mobilenet --sort cost
    """
    from edgecnn.models.registry import list_models

    specs = list_models(pattern)
    if not specs:
        raise InputError(f"no model matches {pattern!r}: 'edgecnn models' lists them all")
    specs.sort(key=ORDERS[order])
    if as_json:
        say_json([spec.to_dict() for spec in specs])
    else:
        _print_table(specs)


def _print_table(specs: list[ModelSpec]) -> None:
    from edgecnn.cli.table import add_cells, list_table

    table = list_table(["name", "family"], ["year", "params", "MACs", "input", "top-1"])
    for spec in specs:
        cells = (
            spec.name,
            spec.family,
            str(spec.year),
            f"{spec.parameters / 1e6:.2f} M",
            f"{spec.macs / 1e6:,.0f} M",
            f"{spec.input.height}x{spec.input.width}",
            None if spec.top1_percent is None else f"{spec.top1_percent:.1f} %",
        )
        add_cells(table, cells)
    print_whole(table)

"""``edgecnn inspect``: what ``.tflite`` files are, and which clients take them as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.failures import Failures
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.text import quoted_if_needed, size_text

if TYPE_CHECKING:
    from edgecnn.inspection.inputs_outputs import End, Normalization
    from edgecnn.inspection.inspect import Inspection

SHOWN_LABELS = 5
SHOWN_KINDS = 12
SHOWN_ENDS = 8
SHOWN_CHARACTERS_OF_FILE = 160
"""Of a text that somebody wrote into a file; ``--json`` has it whole."""

ROW_STYLES = {"drop-in for": "green", "not for": "red", "note": "yellow"}

Row = tuple[str, str]


@click.command("inspect")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with everything.")
@click.option("--check", is_flag=True, help="Exit with 1 where a client can't take a file as is.")
def inspect_command(files: tuple[str, ...], as_json: bool, check: bool) -> int:
    """Say what .tflite files are: inputs, ops, cost, metadata, runtimes, clients, oddities.

    FILE may be anyone's; nothing of it is run.

    \b
    Example:
      edgecnn inspect model.tflite
      edgecnn inspect --check --json model.tflite
    """
    from edgecnn import inspect

    found: list[Inspection] = []
    failures = Failures()
    for file in files:
        try:
            found.append(inspect(file))
        except EdgecnnError as error:
            failures.add(error)
        else:
            if not as_json:
                _print(found[-1], is_first=len(found) == 1)
    if as_json:
        click.echo(json.dumps([each.to_dict() for each in found], indent=2))
    shut_out = check and not all(each.is_drop_in for each in found)
    return failures.exit_code or int(shut_out)


def _print(found: Inspection, *, is_first: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from edgecnn.cli.table import print_whole

    if not is_first:
        click.echo()
    size = f"{size_text(found.bytes)}, {found.scheme}"
    click.echo(f"{quoted_if_needed(found.path)}  {size}")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    last = ""
    for label, text in _rows(found):
        style = ROW_STYLES.get(label, "bold")
        # Text, not str: what stands in a file is no markup.
        table.add_row(Text(label if label != last else "", style), Text(text))
        last = label
    print_whole(table)


def _rows(found: Inspection) -> Iterator[Row]:
    yield from _ends("input", found.inputs)
    yield from _ends("output", found.outputs)
    if found.classes is not None:
        yield "answers", f"{found.activation or 'logits'} of {found.classes:,} classes"
    if found.labels is not None:
        first = "; ".join(_shown(label, 30) for label in found.labels[:SHOWN_LABELS])
        more = "; ..." if len(found.labels) > SHOWN_LABELS else ""
        yield "labels", f"{len(found.labels):,}: {first}{more}"
    yield "cost", _cost(found)
    yield "memory", _memory(found)
    yield "ops", _operators(found.operators)
    yield from _origin(found)
    yield "runtime", _runtime(found)
    yield from _clients(found)
    for oddity in found.oddities:
        yield "note", oddity.text
    yield "each op", "edgecnn summary FILE"


def _ends(label: str, ends: Sequence[End]) -> Iterator[Row]:
    for end in ends[:SHOWN_ENDS]:
        shape = "x".join(map(str, end.shape)) or "single number"
        parts = [f"{_shown(end.name, 60) or 'without a name'}: {end.dtype} {shape}"]
        if len(end.scale) == 1:
            parts.append(f"scale {end.scale[0]:.4g}")
            parts += [f"zero point {point}" for point in end.zero_point[:1]]
        elif end.scale:
            parts.append(f"{len(end.scale)} scales")
        if end.shape_signature:
            parts.append("open shape")
        yield label, ", ".join(parts)
        if end.normalization is not None:
            yield label, _normalization(end.normalization, end.dtype)
    if len(ends) > SHOWN_ENDS:
        yield label, f"and {len(ends) - SHOWN_ENDS} more"


def _normalization(found: Normalization, dtype: str) -> str:
    mean, std = _numbers(found.mean), _numbers(found.std)
    formula = f"(pixel - {mean}) / {std}"
    if (mean, std) == ("0", "1"):
        formula = "pixels from 0 to 255"
    takes = f"pixels as they are, which stand for {formula}" if dtype == "uint8" else formula
    order = f" in {found.color_order}" if found.color_order else ""
    return f"takes {takes}{order}, says {found.source}"


def _numbers(values: tuple[float, ...]) -> str:
    shown = [f"{value:.6g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"


def _cost(found: Inspection) -> str:
    costs = found.costs
    weights = size_text(costs.weight_bytes)
    millions = f"{costs.parameters / 1e6:,.2f} M parameters, {costs.macs / 1e6:,.1f} M MACs"
    return f"{millions}, {weights} of weights"


def _memory(found: Inspection) -> str:
    costs = found.costs
    if costs.activation_bytes is None:
        return "too many tensors to plan their memory"
    text = f"about {size_text(costs.activation_bytes)} for activations at once"
    if costs.widened_bytes:
        text += f", {size_text(costs.widened_bytes)} for weights as float32"
    return text


def _operators(operators: dict[str, dict[str, int]]) -> str:
    parts = []
    for kind, precisions in list(operators.items())[:SHOWN_KINDS]:
        total = sum(precisions.values())
        each = [f"{count} {name}" for name, count in precisions.items()]
        detail = f"({', '.join(each)})" if len(each) > 1 else next(iter(precisions))
        parts.append(f"{total} {_shown(kind, 60)} {detail}")
    if len(operators) > SHOWN_KINDS:
        parts.append(f"{len(operators) - SHOWN_KINDS} more kinds")
    total = sum(sum(precisions.values()) for precisions in operators.values())
    return f"{total:,}: {', '.join(parts)}"


def _origin(found: Inspection) -> Iterator[Row]:
    about = found.metadata
    if about is not None:
        texts = (about.name, about.version, about.author, about.license, about.description)
        yield "metadata", "; ".join(_shown(text) for text in texts if text) or "without a name"
    for signature in found.signatures[:SHOWN_ENDS]:
        inputs, outputs = (", ".join(_shown(n, 40) for n in names[:SHOWN_ENDS])
                           for names in (signature.inputs, signature.outputs))  # fmt: skip
        yield "signature", f"{_shown(signature.name, 60)}({inputs}) -> {outputs}"
    if found.subgraphs != 1:
        yield "subgraphs", f"{found.subgraphs:,}"
    if found.packed_files:
        names = ", ".join(_shown(name, 60) for name in found.packed_files[:SHOWN_ENDS])
        more = len(found.packed_files) - SHOWN_ENDS
        yield "packed", f"{names} and {more} more" if more > 0 else names
    yield from _makers(found)


def _makers(found: Inspection) -> Iterator[Row]:
    if found.description:
        yield "made by", _shown(found.description)
    if found.made_by is not None:
        parts = [f"{key} {found.made_by[key]}" for key in ("edgecnn", "source", "weights")
                 if isinstance(found.made_by.get(key), str)]  # fmt: skip
        if parts:
            yield "made by", _shown(", ".join(parts))
    yield from _golden(found.golden or {})


def _golden(golden: dict[str, Any]) -> Iterator[Row]:
    if golden:
        yield "golden", f"{golden['samples']} pictures with answers: edgecnn verify FILE"
    provenance = golden.get("provenance")
    for key, value in (
        list(provenance.items())[:SHOWN_KINDS] if isinstance(provenance, dict) else ()
    ):
        text = value if isinstance(value, str) else json.dumps(value)
        yield "golden", f"{_shown(key, 40)}: {_shown(text)}"


def _runtime(found: Inspection) -> str:
    oldest = found.oldest_runtime
    if oldest.version is None:
        return "it is not known which takes it"
    because = f" ({oldest.because})" if oldest.because else ""
    return f"{oldest.version} or later{because}"


def _clients(found: Inspection) -> Iterator[Row]:
    taking = [verdict.client for verdict in found.clients if verdict.ok]
    if taking:
        yield "drop-in for", ", ".join(taking)
    reasons: dict[tuple[str, ...], list[str]] = {}
    for verdict in found.clients:
        if not verdict.ok:
            reasons.setdefault(verdict.reasons, []).append(verdict.client)
    for why, clients in reasons.items():
        yield "not for", f"{', '.join(clients)}: {'; '.join(why)}"


def _shown(text: str, limit: int = SHOWN_CHARACTERS_OF_FILE) -> str:
    """Show a text that stands in a file: short, in one line, without control characters."""
    line = " ".join(text[: 2 * limit].split())
    shown = quoted_if_needed(line)
    return shown if len(shown) <= limit and len(text) <= 2 * limit else f"{shown[:limit]}..."

"""``edgecnn profile``: each op's time on a device, and what limits it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecnn.cli.options import (
    STANDARD_OUTPUT,
    device_option,
    file_size_option,
    input_shapes_option,
    json_file_option,
    signature_option,
    threads_option,
)
from edgecnn.cli.output import cell, print_whole, say, say_json
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.text import counted, size_text

if TYPE_CHECKING:
    from rich.table import Table

    from edgecnn.profiling.result import KindTime, OpTime, Profile

SLOWEST = 10


@click.command("profile")
@click.argument("file")
@device_option
@threads_option
@click.option(
    "--all", "show_all", is_flag=True, help=f"List all ops, not the {SLOWEST} slowest alone."
)
@file_size_option
@input_shapes_option
@signature_option
@json_file_option(help="Write everything as a JSON object.")
def profile_command(
    file: str,
    device: str,
    threads: int,
    show_all: bool,
    size: tuple[int, int] | None,
    input_shapes: dict[str, tuple[int, ...]],
    signature: str | None,
    json_target: str | None,
) -> None:
    """Time each op of a .tflite file on a device, and say what limits it.

    Beside each stands its share of what the device can do at best with its multiply-adds and bytes:
    compute-bound, memory-bound, kernel-bound (neither, the kernel itself) or overhead-bound.

    \b
    Example:
      edgecnn profile model.tflite
      edgecnn profile model.tflite --device pi --all
      edgecnn profile model.tflite --json profile.json
      edgecnn profile any_size.tflite --size 224
    """
    from edgecnn import profile
    from edgecnn.core.files import check_target, write_json

    if json_target not in (None, STANDARD_OUTPUT):
        check_target(Path(json_target), [file])
    with PhaseProgress() as progress:
        result = profile(
            file,
            device=device,
            threads=threads,
            size=size,
            input_shapes=input_shapes,
            signature=signature,
            on_progress=progress,
            ask_password=progress.ask_password,
        )
    if json_target == STANDARD_OUTPUT:
        say_json(result.to_dict())
        return
    if json_target is not None:
        write_json(Path(json_target), result.to_dict())
    _print(result, show_all)


def _print(result: Profile, show_all: bool) -> None:
    print_whole(_kinds_table(result))
    for kind in result.kinds:
        if kind.advice is not None:
            say(f"  {kind.kind}: {kind.advice}")
    shown = result.ops if show_all else result.slowest[:SLOWEST]
    say()
    print_whole(_ops_table(shown))
    say()
    say(*_summary_lines(result))


def _kinds_table(result: Profile) -> Table:
    table = _table("op", "count")
    for kind in result.kinds:
        table.add_row(cell(kind.kind), str(kind.count), *_figures(kind))
    return table


def _ops_table(ops: tuple[OpTime, ...]) -> Table:
    table = _table("layer", "op", "output")
    for op in ops:
        shape = "x".join(map(str, op.output_shape[1:]))
        table.add_row(cell(op.name), cell(op.kind), cell(shape), *_figures(op))
    return table


def _table(*titles: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in titles:
        is_text = title in ("layer", "op")
        table.add_column(title, justify="left" if is_text else "right", overflow="fold")
    for title in ("ms", "%", "MMAC", "GMAC/s", "GB/s", "of best"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("bound", no_wrap=True)
    return table


def _figures(timed: KindTime | OpTime) -> list[str]:
    return [
        _number(timed.time_ms, 3),
        _number(timed.share_percent, 1),
        f"{timed.macs / 1e6:.1f}" if timed.macs else "-",
        _number(timed.gmacs_per_s, 1),
        _number(timed.gbytes_per_s, 1),
        "-" if timed.roof_percent is None else f"{timed.roof_percent:.0f} %",
        timed.bound or "-",
    ]


def _call_text(result: Profile) -> str:
    """Return what was chosen of how the file is called, as the end of a line."""
    texts = []
    if result.signature is not None:
        texts.append(f"signature {result.signature}")
    if result.input_shapes is not None:
        texts.append(f"input {result.input_shapes}")
    if result.has_open_batch:
        texts.append("batch 1 (the file leaves it open)")
    return "".join(f", {text}" for text in texts)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _summary_lines(result: Profile) -> list[str]:
    emulated = " (emulated)" if result.emulated else ""
    threads = counted(result.threads, "thread")
    cpu = result.board or result.cpu
    lines = [
        f"{result.device}: {cpu}{emulated}, {result.architecture}, {result.runtime} "
        f"{result.runtime_version}, {threads}{_call_text(result)}"
    ]
    if result.ops_ms is not None and result.running_p50_ms is not None:
        percent = 100 * result.ops_ms / result.running_p50_ms
        lines.append(
            f"{len(result.ops)} ops take {result.ops_ms:.2f} ms, the whole model "
            f"{result.running_p50_ms:.2f} ms (p50): {percent:.0f} %"
        )
    if result.limits is not None:
        best = result.limits
        copies = ", ".join(f"{c.gbytes_per_s:.1f} ({size_text(c.bytes)})" for c in best.copies)
        lines.append(
            f"at best: {best.float32_gmacs_per_s:.1f} GMAC/s in float32, "
            f"{best.int8_gmacs_per_s:.1f} in int8; GB/s of a copy: {copies}"
        )
    return [*lines, *(f"note: {note}" for note in result.notes)]

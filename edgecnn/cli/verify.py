"""``edgecnn verify``: whether files answer on a device as they did when they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgecnn.cli.failures import Failures
from edgecnn.cli.options import device_option, json_option, threads_option
from edgecnn.cli.output import say_json
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.text import counted, machine_text

if TYPE_CHECKING:
    from edgecnn.golden.compare import GoldenComparison
    from edgecnn.golden.verify import Verification


@click.command("verify")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@device_option
@threads_option
@click.option(
    "--export",
    "folder",
    metavar="FOLDER",
    help="Write the pictures as PNG, and expected.json with the best classes of each.",
)
@json_option(help="Print a JSON array.")
def verify_command(
    files: tuple[str, ...], device: str, threads: int, folder: str | None, as_json: bool
) -> int:
    """Verify that .tflite files answer here as they did when they were made.

    Each file that edgecnn converts holds the answers to three pictures. They are asked for again:
    identical (every bit), close (rounding), or different, which is exit code 1.

    \b
    Example:
      edgecnn verify model.tflite
      edgecnn verify model.tflite --device pi
      edgecnn verify model.tflite --export golden/
    """
    from edgecnn.golden.compare import DIFFERENT
    from edgecnn.golden.verify import verify_each

    if folder is not None:
        _export(files, folder)
    failures = Failures()
    results: list[Verification] = []
    with PhaseProgress() as progress:
        for result in verify_each(
            files, device, threads, ask_password=progress.ask_password, on_progress=progress
        ):
            if isinstance(result, EdgecnnError):
                failures.add(result)
                continue
            results.append(result)
            if not as_json:
                progress.say(*verification_lines(result))
    if as_json:
        say_json([result.to_dict() for result in results])
    return 1 if any(r.verdict == DIFFERENT for r in results) else failures.exit_code


def _export(files: tuple[str, ...], folder: str) -> None:
    from edgecnn.golden.export import export_sample

    if len(files) > 1:
        raise InputError("--export takes one file: its pictures have the same names in each")
    export_sample(files[0], folder)


def verification_lines(result: Verification) -> list[str]:
    """Return a file's verdict, what it was made with, and a line for each picture that differs."""
    threads = counted(result.threads, "thread")
    machine = machine_text(result.architecture, result.bits)
    setting = f"{result.runtime} {result.runtime_version}, {machine}, {threads}"
    made = [str(result.made.get(key)) for key in ("runtime", "runtime_version", "architecture")]
    lines = [
        f"{result.path}: {result.verdict} on {result.device} ({setting}){_differences(result)}",
        f"  made with {' '.join(made)}",
    ]
    different = (sample for sample in result.samples if sample.verdict == "different")
    return [*lines, *(f"  {_picture_text(sample)}" for sample in different)]


def _differences(result: Verification) -> str:
    count = len(result.samples)
    if result.verdict == "identical":
        return f", {count} answers bit for bit"
    difference = result.largest_difference
    if difference is None:
        return ", with answers that are NaN or infinite"
    return (
        f", scores differ by {difference:.2g} at most ({result.tolerance.score:g} is "
        f"allowed), same top-1 on {result.same_top1} of {count}"
    )


def _picture_text(sample: GoldenComparison) -> str:
    if sample.largest_difference is None:
        return f"{sample.pattern}: not finite"
    text = f"{sample.pattern}: "
    if not sample.same_top1:
        text += f"class {sample.top1} is first with {sample.score:.3f}, "
        text += f"it was {sample.golden_top1} with {sample.golden_score:.3f}; "
    return f"{text}class {sample.at} differs the most, by {sample.largest_difference:.3f}"

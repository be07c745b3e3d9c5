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
    help="Write what goes in (PNG, or .npz of arrays), and expected.json with the answers.",
)
@json_option(help="Print a JSON array.")
def verify_command(
    files: tuple[str, ...], device: str, threads: int, folder: str | None, as_json: bool
) -> int:
    """Verify that .tflite files answer here as they did when they were made.

    Each file that edgecnn converts holds the answers to three pictures, or to three samples of
    arrays. They are asked for again: identical (every bit), close (rounding), or different, which
    is exit code 1.

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
        raise InputError("--export takes one file: its samples have the same names in each")
    export_sample(files[0], folder)


def verification_lines(result: Verification) -> list[str]:
    """Return a file's verdict, what it was made with, and a line for each answer that differs."""
    threads = counted(result.threads, "thread")
    machine = machine_text(result.architecture, result.bits)
    setting = f"{result.runtime} {result.runtime_version}, {machine}, {threads}"
    made = [str(result.made.get(key)) for key in ("runtime", "runtime_version", "architecture")]
    lines = [
        f"{result.path}: {result.verdict} on {result.device} ({setting}){_differences(result)}",
        f"  made with {' '.join(made)}",
    ]
    different = (sample for sample in result.samples if sample.verdict == "different")
    has_several = len(_by_output(result)) > 1
    return [*lines, *(f"  {_answer_text(each, with_name=has_several)}" for each in different)]


NUMBERS_OF = {
    "classes": "scores",
    "labels": "scores",
    "probability": "probabilities",
    "numbers": "numbers",
    "embedding": "numbers",
    "image": "pixels",
}
"""Kind of an output -> what its numbers are called; of other kinds values."""


def _by_output(result: Verification) -> dict[str, list[GoldenComparison]]:
    outputs: dict[str, list[GoldenComparison]] = {}
    for sample in result.samples:
        outputs.setdefault(sample.output, []).append(sample)
    return outputs


def _differences(result: Verification) -> str:
    count = len(result.samples)
    if result.verdict == "identical":
        return f", {count} answers bit for bit"
    if result.largest_difference is None:
        return ", with answers that are NaN or infinite"
    outputs = _by_output(result)
    texts = [
        (f"{name}: " if len(outputs) > 1 else "") + _difference(samples, result.tolerance.score)
        for name, samples in outputs.items()
    ]
    return f", {'; '.join(texts)}"


def _difference(samples: list[GoldenComparison], allowed: float) -> str:
    """Say how far the answers of an output differ, and what is allowed."""
    shares = [each.differing_share for each in samples if each.differing_share is not None]
    if shares:
        return f"{max(shares):.1%} of its indices differ ({allowed:.1%} is allowed)"
    difference = max(each.largest_difference or 0.0 for each in samples)
    are_scores = samples[0].top1 is not None
    limit = allowed if are_scores else allowed * max(each.unit for each in samples)
    what = NUMBERS_OF.get(samples[0].kind, "values")
    text = f"{what} differ by {difference:.2g} at most ({limit:.3g} is allowed)"
    if not are_scores or samples[0].kind == "probability":
        return text
    same = sum(each.same_top1 for each in samples)
    first = "top-1" if what == "scores" else "greatest value"
    return f"{text}, same {first} on {same} of {len(samples)}"


def _answer_text(sample: GoldenComparison, *, with_name: bool) -> str:
    name = f"{sample.pattern}, {sample.output}: " if with_name else f"{sample.pattern}: "
    if sample.largest_difference is None:
        return f"{name}not finite"
    text, one = name, "class" if sample.kind in ("classes", "labels") else "value"
    if sample.top1 is not None and not sample.same_top1:
        text += f"{one} {sample.top1} is first with {sample.score:.3f}, "
        text += f"it was {sample.golden_top1} with {sample.golden_score:.3f}; "
    return f"{text}{one} {sample.at} differs the most, by {sample.largest_difference:.3g}"

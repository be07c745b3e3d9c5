"""``edgecnn snippet``: print a program that uses a file."""

from __future__ import annotations

from pathlib import Path

import click

from edgecnn.cli.options import preprocessing_options
from edgecnn.core.text import quoted_if_needed
from edgecnn.data.preprocessing import Preprocessing


@click.command("snippet")
@click.argument("model", metavar="FILE")
@click.option(
    "--for",
    "platform",
    metavar="python|android|ios|web",
    required=True,
    help="Python; Kotlin and Swift with MediaPipe Tasks; a page with LiteRT.js.",
)
@preprocessing_options
@click.option("-o", "--output", metavar="PATH", help="Write it there instead of printing it.")
def snippet_command(
    model: str,
    platform: str,
    preprocess: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    output: str | None,
) -> None:
    """Print a minimal program that classifies images with a .tflite file.

    Types, sizes, normalisation and labels are filled in from the file.

    \b
    Example:
      edgecnn snippet model.tflite --for python -o classify.py
      edgecnn snippet model.tflite --for android -o Classifier.kt
    """
    from edgecnn import snippet
    from edgecnn.core.files import check_target, replacing

    program = snippet(model, platform, Preprocessing.of(preprocess, mean, std))
    if output is None:
        click.echo(program, nl=False)
        return
    target = Path(output)
    check_target(target, [model])
    with replacing(target) as partial:
        partial.write_text(program, "utf-8")
    click.echo(quoted_if_needed(target))

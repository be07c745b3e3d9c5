"""``edgecnn snippet``: print a program that uses a file."""

from __future__ import annotations

from pathlib import Path

import click

from edgecnn.cli.options import file_size_option, preprocessing_options, signature_option
from edgecnn.core.text import quoted_if_needed
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.tflite.calls import CallOptions


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
@file_size_option
@signature_option
@click.option("-o", "--output", metavar="PATH", help="Write it there instead of printing it.")
def snippet_command(
    model: str,
    platform: str,
    preprocess: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    size: tuple[int, int] | None,
    signature: str | None,
    output: str | None,
) -> None:
    """Print a minimal program that classifies images with a .tflite file.

    Types, sizes, normalisation and labels are filled in from the file.

    \b
    Example:
      edgecnn snippet model.tflite --for python -o classify.py
      edgecnn snippet model.tflite --for android -o Classifier.kt
      edgecnn snippet any_size.tflite --for python --size 224
    """
    from edgecnn import snippet
    from edgecnn.core.files import check_target, replacing

    options = CallOptions(size, signature=signature)
    program = snippet(model, platform, Preprocessing.of(preprocess, mean, std), options)
    if output is None:
        click.echo(program, nl=False)
        return
    target = Path(output)
    check_target(target, [model])
    with replacing(target) as partial:
        partial.write_text(program, "utf-8")
    click.echo(quoted_if_needed(target))

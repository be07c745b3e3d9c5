"""``edgecnn snippet``: print a program that uses a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecnn.cli.options import (
    OutputFile,
    file_size_option,
    file_task_option,
    preprocessing_of,
    preprocessing_options,
    signature_option,
)
from edgecnn.cli.output import say, say_document
from edgecnn.tflite.calls import CallOptions


@click.command("snippet")
@click.argument("model", metavar="FILE")
@click.option(
    "--for",
    "platform",
    metavar="python|android|ios|web|tflm|c-array",
    required=True,
    help="Python; Kotlin and Swift with MediaPipe Tasks; a page with LiteRT.js; C++ for TensorFlow "
    "Lite Micro, and the model as a C array for it.",
)
@preprocessing_options
@file_size_option
@signature_option
@file_task_option
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    metavar="PATH",
    help="Write it there instead of printing it.",
)
def snippet_command(
    model: str,
    platform: str,
    size: tuple[int, int] | None,
    signature: str | None,
    task: str | None,
    output: str | None,
    **options: Any,
) -> None:
    """Print a minimal program that classifies images with a .tflite file.

    Types, sizes, normalisation, geometry and labels are filled in from the file.

    \b
    Example:
      edgecnn snippet model.tflite --for python -o classify.py
      edgecnn snippet model.tflite --for android -o Classifier.kt
      edgecnn snippet any_size.tflite --for python --size 224
      edgecnn snippet model.tflite --for c-array -o model.h
    """
    from edgecnn import snippet
    from edgecnn.core.files import check_target, replacing

    call = CallOptions(size, signature=signature)
    program = snippet(model, platform, preprocessing_of(options), call, task)
    if output is None:
        say_document(program)
        return
    target = Path(output)
    check_target(target, [model])
    with replacing(target) as partial:
        partial.write_text(program, "utf-8")
    say(target)

"""``edgecnn try``: classify images with a file in the terminal, or on a page in the browser."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.failures import Failures
from edgecnn.cli.options import (
    file_size_option,
    file_task_option,
    json_option,
    preprocessing_of,
    preprocessing_options,
    signature_option,
)
from edgecnn.cli.output import encoding, say, say_json, warn
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.tflite.calls import CallOptions

if TYPE_CHECKING:
    from edgecnn.classification.classifier import Classifier
    from edgecnn.classification.terminal import Classification

BAR_COLUMNS = 20
EIGHTHS = " ▏▎▍▌▋▊▉"
"""The left part of a column that is filled, for each number of eighths from 0 to 7."""


@click.command("try")
@click.argument("model", metavar="FILE", required=False)
@click.argument("images", metavar="[IMAGE...]", nargs=-1)
@click.option("--top", type=int, default=5, show_default=True, help="Classes to show.")
@preprocessing_options
@file_size_option
@signature_option
@file_task_option
@json_option(help="Print a JSON array.")
@click.option("--web", is_flag=True, help="Serve a page that runs the file in the browser.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="With --web.  [default: any]"
)
@click.option("--no-browser", is_flag=True, help="With --web: do not open the browser.")
@click.option(
    "--fetch-web-assets",
    is_flag=True,
    help="Fetch what --web needs (LiteRT.js, 28 MB) by npm into the cache, once.",
)
def try_command(
    model: str | None,
    images: tuple[str, ...],
    top: int,
    size: tuple[int, int] | None,
    signature: str | None,
    task: str | None,
    as_json: bool,
    web: bool,
    port: int,
    no_browser: bool,
    fetch_web_assets: bool,
    **options: Any,
) -> int:
    """Try a .tflite file: classify images with it, here or in the browser.

    FILE may be anybody's: its own labels, normalisation and geometry are used.

    \b
    Example:
      edgecnn try model.tflite photo.jpg
      edgecnn try any_size.tflite photo.jpg --size 224
      edgecnn try --fetch-web-assets
      edgecnn try model.tflite --web
    """
    from edgecnn.classification.classifier import read_classifier

    if fetch_web_assets:
        _fetch()
        if model is None:
            return 0
    if model is None:
        raise InputError("Missing argument 'FILE': name a .tflite file")
    if web:
        _refuse(images, as_json)
    elif not images and not fetch_web_assets:
        raise InputError("no images to classify: name image files, or try it in the browser: --web")
    call = CallOptions(size, signature=signature)
    classifier = read_classifier(model, preprocessing_of(options), call, task)
    for note in classifier.notes:
        warn(f"note: {note}")
    if web:
        _serve(classifier, port, not no_browser)
        return 0
    return _classify(classifier, images, top, as_json)


def _fetch() -> None:
    from edgecnn.classification.assets import fetch_web_assets

    folder = fetch_web_assets(on_progress=warn)
    say(f"LiteRT.js is in {folder}")


def _refuse(images: tuple[str, ...], as_json: bool) -> None:
    if images:
        raise InputError("--web takes no images here: choose them on the page")
    if as_json:
        raise InputError("--web prints no JSON: leave out --json")


def _serve(classifier: Classifier, port: int, open_browser: bool) -> None:
    from edgecnn.classification.server import open_in_browser, serving
    from edgecnn.core.interruption import ended_by_interruption

    # Ctrl-C may come as soon as users see that it ends the server.
    with serving(classifier, port) as server, ended_by_interruption():
        say(f"{classifier.title} in the browser: {server.url} (end with Ctrl-C)")
        say(_geometry(classifier))
        if open_browser:
            open_in_browser(server.url)
        server.wait()


def _classify(classifier: Classifier, images: tuple[str, ...], top: int, as_json: bool) -> int:
    from edgecnn.classification.terminal import each_classification

    failures, documents = Failures(), []
    for classification in each_classification(classifier, images, top):
        documents.append(classification.to_dict())
        if classification.error is not None:
            failures.add(EdgecnnError(classification.error))
        elif not as_json:
            say(*_lines(classification, classifier.gives_probabilities))
    if as_json:
        say_json(documents)
    elif any("top" in document for document in documents):
        say(_geometry(classifier))
    return failures.exit_code


def _geometry(classifier: Classifier) -> str:
    return f"images: {classifier.spec.geometry_text}"


def _lines(classification: Classification, are_probabilities: bool) -> list[str]:
    """Return an image's name, and below it a line for each class: score, bar, label."""
    lines = [classification.image]
    best = classification.top[0].score
    for scored in classification.top:
        # A logit is no share of anything: its bar is the likelihood relative to the best class'.
        share = scored.score if are_probabilities else math.exp(scored.score - best)
        score = f"{100 * scored.score:6.1f} %" if are_probabilities else f"{scored.score:8.2f}"
        bar = bar_text(share, BAR_COLUMNS, encoding())
        lines.append(f"{score}  {bar}  {scored.label}")
    return lines


def bar_text(share: float, columns: int, encoding: str | None) -> str:
    """Return a bar in eighths of a column; in whole columns where the encoding has letters only.

    Args:
        share: Share of the width that the bar fills, 0 to 1.
        columns: Width of a full bar, in letters.
        encoding: Name of the output's encoding.

    Example:
        >>> bar_text(0.5, 4, "ascii")
        '##  '
    """
    share = min(max(share, 0.0), 1.0)
    if not (encoding or "").lower().startswith("utf"):
        return ("#" * round(share * columns)).ljust(columns)
    whole, rest = divmod(round(share * columns * len(EIGHTHS)), len(EIGHTHS))
    return ("█" * whole + EIGHTHS[rest].strip()).ljust(columns)

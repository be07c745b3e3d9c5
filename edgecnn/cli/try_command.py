"""``edgecnn try``: classify images with a file in the terminal, or on a page in the browser."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import click

from edgecnn.cli.failures import Failures
from edgecnn.cli.options import preprocessing_options
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.text import quoted_if_needed
from edgecnn.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    from edgecnn.classification.classifier import Classifier
    from edgecnn.classification.terminal import Classification

BAR_COLUMNS = 20
EIGHTHS = " ▏▎▍▌▋▊▉"


@click.command("try")
@click.argument("model", metavar="FILE", required=False)
@click.argument("images", metavar="[IMAGE...]", nargs=-1)
@click.option("--top", type=int, default=5, show_default=True, help="Classes to show.")
@preprocessing_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
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
    preprocess: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    as_json: bool,
    web: bool,
    port: int,
    no_browser: bool,
    fetch_web_assets: bool,
) -> int:
    """Try a .tflite file: classify images with it, here or in the browser.

    FILE may be anybody's: its own labels and normalisation are used.

    \b
    Example:
      edgecnn try model.tflite photo.jpg
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
    classifier = read_classifier(model, Preprocessing.of(preprocess, mean, std))
    for note in classifier.notes:
        click.echo(f"note: {note}", err=True)
    if web:
        _serve(classifier, port, not no_browser)
        return 0
    return _classify(classifier, images, top, as_json)


def _fetch() -> None:
    from edgecnn.classification.assets import fetch_web_assets

    folder = fetch_web_assets(on_progress=lambda text: click.echo(text, err=True))
    click.echo(f"LiteRT.js is in {quoted_if_needed(folder)}")


def _refuse(images: tuple[str, ...], as_json: bool) -> None:
    if images:
        raise InputError("--web takes no images here: choose them on the page")
    if as_json:
        raise InputError("--web prints no JSON: leave out --json")


def _serve(classifier: Classifier, port: int, open_browser: bool) -> None:
    from edgecnn.classification.server import open_in_browser, serving
    from edgecnn.core.interruption import ended_by_interruption

    # Ctrl-C may come as soon as users see that it is the end.
    with serving(classifier, port) as server, ended_by_interruption():
        click.echo(f"{classifier.title} in the browser: {server.url} (end with Ctrl-C)")
        if open_browser:
            open_in_browser(server.url)
        server.wait()


def _classify(classifier: Classifier, images: tuple[str, ...], top: int, as_json: bool) -> int:
    from edgecnn.classification.terminal import each_classification

    failures, done = Failures(), []
    percent = classifier.gives_probabilities
    for found in each_classification(classifier, images, top):
        done.append(found.to_dict())
        if found.error is not None:
            failures.add(EdgecnnError(found.error))
        elif not as_json:
            click.echo(_block(found, percent))
    if as_json:
        click.echo(json.dumps(done, indent=2))
    return failures.exit_code


def _block(found: Classification, are_probabilities: bool) -> str:
    """Show an image's name, and below it a line for each class: score, bar, label."""
    lines = [quoted_if_needed(found.image)]
    best = found.top[0].score
    for scored in found.top:
        # The likelihood beside the best class', where a logit is no share of anything.
        share = scored.score if are_probabilities else math.exp(scored.score - best)
        score = f"{100 * scored.score:6.1f} %" if are_probabilities else f"{scored.score:8.2f}"
        bar = bar_text(share, BAR_COLUMNS, sys.stdout.encoding)
        lines.append(f"{score}  {bar}  {quoted_if_needed(scored.label)}")
    return "\n".join(lines)


def bar_text(share: float, columns: int, encoding: str | None) -> str:
    """Draw a bar in eighths of a column; in whole columns where the output has letters only.

    Args:
        share: 0 to 1.
        columns: Width of the whole.
        encoding: Of the output.

    Example:
        >>> bar_text(0.5, 4, "ascii")
        '##  '
    """
    share = min(max(share, 0.0), 1.0)
    if not (encoding or "").lower().startswith("utf"):
        return ("#" * round(share * columns)).ljust(columns)
    eighths = round(share * columns * len(EIGHTHS))
    whole, rest = divmod(eighths, len(EIGHTHS))
    return ("█" * whole + EIGHTHS[rest].strip()).ljust(columns)

"""``edgecnn demo``: the whole job, offline, on the built-in digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecnn.cli.output import say
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.errors import MissingExtraError
from edgecnn.core.escaping import printable
from edgecnn.core.files import check_writable_folder, exists

if TYPE_CHECKING:
    from edgecnn.demo.run import DemoModel
    from edgecnn.demo.training import TrainingResult


@click.command("demo")
@click.option(
    "-o",
    "--output",
    default="edgecnn-demo",
    show_default=True,
    metavar="FOLDER",
    help="Where the files go; made if it does not exist.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=90.0, show_default=True,
    help="Time limit of each of the two trainings.",
)  # fmt: skip
def demo_command(output: str, seconds: float) -> None:
    """Train two small networks on handwritten digits, convert them in every scheme, measure all.

    Needs no network and about three minutes on two cores.

    \b
    Example:
      edgecnn demo --output edgecnn-demo
    """
    from edgecnn.cli.bench import print_records
    from edgecnn.demo.run import run_demo

    folder = Path(output)
    check_writable_folder(folder if exists(folder) else folder.absolute().parent)
    _require_tensorflow()
    say("1,797 handwritten digits, 8x8 pixels: four fifths to train on, one to judge by")
    with PhaseProgress() as progress:

        def on_trained(model: DemoModel, result: TrainingResult) -> None:
            progress.say(*training_lines(model, result))

        records = run_demo(folder, progress, on_trained, seconds)
    say()
    print_records(records)
    say(*_what_next(folder).split("\n"))


def _require_tensorflow() -> None:
    from importlib.util import find_spec

    if find_spec("tensorflow") is None:
        raise MissingExtraError("TensorFlow", "convert")


def training_lines(model: DemoModel, result: TrainingResult) -> list[str]:
    """Return lines of what a training came to, and whether it was stopped before it was done.

    Example:
        >>> result = TrainingResult(97.0, epochs=26.0, seconds=71.2)
        >>> training_lines(MODELS[0], result)[0].partition(":")[2]
        ' 97.0 % of the held-out digits right'
    """
    lines = [
        f"trained {model.name} (alpha {model.alpha:g}, {model.role}) in {result.seconds:.0f} s: "
        f"{result.top1_percent:.1f} % of the held-out digits right"
    ]
    if result.epochs < model.epochs:
        lines.append(
            f"  note: its time was over after {result.epochs:.1f} of {model.epochs} epochs: "
            "edgecnn demo --seconds 600 gives it more"
        )
    return lines


def _what_next(folder: Path) -> str:
    return f"""
The files and the figures (results.json) are in {printable(folder)}. What next:
  edgecnn bench mobilenet_v2 mobilenet_v3_small --quantize int8,float32   which one is faster here?
  edgecnn convert YOUR.keras --preprocess tf --calibrate YOUR_PHOTOS/     a model of your own
  edgecnn models                                                          what there is"""

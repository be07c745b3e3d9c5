"""The whole job on the built-in digits: trains two small networks, converts and measures them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.files import folder_beside, folder_of_outputs, place, write_json
from edgecnn.core.progress import Progress
from edgecnn.demo.training import TrainingPlan, TrainingResult, train
from edgecnn.measure.bench import bench
from edgecnn.quantize.convert import convert
from edgecnn.quantize.result import Conversion
from edgecnn.records.record import Record

SIZE = 32
"""Height and width of the networks' input, in pixels."""

CLASSES = 10
RESULTS = "results.json"
TRAIN_DATA, TEST_DATA = "builtin:digits-train", "builtin:digits"


@dataclass(frozen=True)
class DemoModel:
    """A network of the demo, narrow enough to train in a minute on two cores.

    Args:
        name: Name of the architecture.
        alpha: Width multiplier.
        epochs: Passes over the training data.
        learning_rate: Learning rate at the start.
        role: What the network stands for, in a few words for the user.
    """

    name: str
    alpha: float
    epochs: int
    learning_rate: float
    role: str


MODELS = (
    DemoModel("mobilenet_v2", 0.35, 26, 3e-3, "made for mobile devices"),
    DemoModel("resnet50", 0.25, 12, 2e-3, "the baseline"),
)


def run_demo(
    folder: Path,
    on_progress: Progress,
    on_trained: Callable[[DemoModel, TrainingResult], None],
    seconds: float,
) -> list[Record]:
    """Train, convert to every scheme, and measure with accuracy on the held-out digits.

    Args:
        folder: Folder of the ``.keras`` and ``.tflite`` files and of ``results.json``; made if
            absent.
        on_progress: Called with (phase, done, total).
        on_trained: Called with each network and what came of its training.
        seconds: Time limit of each training.

    Returns:
        The record of each file.

    Raises:
        EdgecnnError: A step failed; what was finished before is in the folder.

    Example:
        >>> run_demo(Path("edgecnn-demo"), on_progress, on_trained, 90.0)[0].top1_percent
        97.3
    """
    with folder_of_outputs(folder):
        files = _make_files(folder, on_progress, on_trained, seconds)
    records: list[Record] = []

    def keep(record: Record) -> None:
        records.append(record)
        write_json(folder / RESULTS, [kept.to_dict() for kept in records])

    bench(files, data=TEST_DATA, on_progress=on_progress, on_record=keep)
    return records


def _make_files(
    folder: Path,
    on_progress: Progress,
    on_trained: Callable[[DemoModel, TrainingResult], None],
    seconds: float,
) -> list[Path]:
    files: list[Path] = []
    for model in MODELS:
        weights = folder / f"{model.name}.keras"
        on_trained(model, _train(model, weights, on_progress, seconds))
        files += [result.path for result in _convert(model, weights, on_progress)]
    return files


def _train(model: DemoModel, target: Path, on_progress: Progress, seconds: float) -> TrainingResult:
    plan = TrainingPlan(
        model=model.name,
        alpha=model.alpha,
        size=SIZE,
        train_data=TRAIN_DATA,
        test_data=TEST_DATA,
        classes=CLASSES,
        epochs=model.epochs,
        seconds=seconds,
        learning_rate=model.learning_rate,
    )

    def report(fraction: float) -> None:
        on_progress(f"train {model.name}", round(1000 * fraction), 1000)

    with folder_beside(target) as folder:
        trained = folder / target.name
        result = train(plan, trained, report)
        place(trained, target)
    return result


def _convert(model: DemoModel, weights: Path, on_progress: Progress) -> list[Conversion]:
    return convert(
        model.name,
        quantize="all",
        calibrate=TRAIN_DATA,
        weights=weights,
        alpha=model.alpha,
        size=SIZE,
        classes=CLASSES,
        output=weights.parent,
        on_progress=on_progress,
    )

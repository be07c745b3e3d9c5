"""The whole job on the built-in digits: train two small networks, convert, measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.files import write_json
from edgecnn.demo.training import TrainingPlan, TrainingResult, train
from edgecnn.measure.bench import bench
from edgecnn.quantize.convert import convert
from edgecnn.quantize.result import Conversion
from edgecnn.records.record import Record

SECONDS = 90.0
"""Time limit of each training."""

SIZE = 32
CLASSES = 10
RESULTS = "results.json"


@dataclass(frozen=True)
class DemoModel:
    """A network of the demo, narrow enough to train in a minute on two cores."""

    name: str
    alpha: float
    epochs: int
    learning_rate: float
    role: str


MODELS = (
    DemoModel("mobilenet_v2", 0.35, 26, 3e-3, "made for mobile devices"),
    DemoModel("resnet50", 0.25, 12, 2e-3, "the baseline"),
)


@dataclass(frozen=True)
class DemoEvents:
    """What the demo tells while it works: progress, and what is finished."""

    progress: Callable[[str, int, int], None]
    trained: Callable[[DemoModel, TrainingResult], None]
    converted: Callable[[Conversion], None]
    measured: Callable[[Record], None]


def run_demo(folder: Path, events: DemoEvents, seconds: float = SECONDS) -> list[Record]:
    """Train, convert to every scheme, and measure with accuracy on the held-out digits.

    Args:
        folder: Where the ``.keras`` and ``.tflite`` files and ``results.json`` go; made if absent.
        events: Told of each step.
        seconds: Time limit of each training.

    Returns:
        One Record a file.

    Raises:
        EdgecnnError: A step failed; what was finished before is in the folder.

    Example:
        >>> run_demo(Path("edgecnn-demo"), events)[0].top1_percent
        97.3
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for model in MODELS:
        weights = _train(model, folder, events, seconds)
        files += [result.path for result in _convert(model, weights, folder, events)]
    records: list[Record] = []

    def keep(record: Record) -> None:
        records.append(record)
        write_json(folder / RESULTS, [kept.to_dict() for kept in records])
        events.measured(record)

    bench(files, data="builtin:digits", on_progress=events.progress, on_record=keep)
    return records


def _train(model: DemoModel, folder: Path, events: DemoEvents, seconds: float) -> Path:
    target = folder / f"{model.name}.keras"
    plan = TrainingPlan(
        model=model.name,
        alpha=model.alpha,
        size=SIZE,
        train_data="builtin:digits-train",
        test_data="builtin:digits",
        classes=CLASSES,
        epochs=model.epochs,
        seconds=seconds,
        learning_rate=model.learning_rate,
    )

    def report(fraction: float) -> None:
        events.progress(f"train {model.name}", round(1000 * fraction), 1000)

    events.trained(model, train(plan, target, report))
    return target


def _convert(model: DemoModel, weights: Path, folder: Path, events: DemoEvents) -> list[Conversion]:
    return convert(
        model.name,
        quantize="all",
        calibrate="builtin:digits-train",
        weights=weights,
        alpha=model.alpha,
        size=SIZE,
        classes=CLASSES,
        output=folder,
        on_progress=events.progress,
        on_result=events.converted,
    )

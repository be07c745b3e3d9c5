"""Models of other kinds than photographs' classes: drawn data, minutes of training, their figures.

    python benchmarks/drawn_tasks.py --out FOLDER [--only unet ssd]

Draws each data set as files into FOLDER/data, in the formats that users have (PASCAL VOC,
Cityscapes, COCO, YOLO, CSV, class folders, pairs, .npz and .npy), trains each network into
FOLDER/models/NAME.keras, and prints the figures of its answers on the test part, computed from
Keras' answers without edgecnn. What is in FOLDER already is used again.

With --int8, an int8 file of each is made by ``edgecnn convert``, with the training part to
calibrate on, and one by the plain TFLiteConverter; their figures on the test part stand beside
those of Keras. With --commands, FOLDER/commands/NAME.md says what every command prints on it.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from drawn.commands import transcript
from drawn.figures import ERROR
from drawn.files_made import answers_of, of_edgecnn, plain
from drawn.samples import TEST, Place
from drawn.tasks import TASKS, Task
from drawn.training import answers, model_of

COLUMNS = ("model", "what", "parameters", "Keras, float", "s")
INT8_COLUMNS = ("model", "what", "Keras, float", "int8", "bytes", "plain int8", "bytes")


def main() -> None:
    """Draw, train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="train badly, in seconds")
    parser.add_argument("--int8", action="store_true", help="compare int8 files with Keras")
    parser.add_argument("--commands", action="store_true", help="keep what commands print")
    options = parser.parse_args()
    place = Place(options.out.resolve(), options.quick)
    if options.commands:
        return write_transcripts([TASKS[name] for name in options.only], place)
    columns = INT8_COLUMNS if options.int8 else COLUMNS
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name in options.only:
        task = TASKS[name]
        print((int8_line if options.int8 else line)(task, place), flush=True)


def line(task: Task, place: Place) -> str:
    """Return a task's line of the table; its model is made if it is not there."""
    start = time.perf_counter()
    model = model_of(task, place)
    samples = task.data.read(place.data(task.data), TEST)
    figures = task.figures(answers(model, task.scaled(samples.inputs)), samples.truth)
    seconds = time.perf_counter() - start
    cells = [task.name, task.what, f"{model.count_params():,}", _text(figures), f"{seconds:.0f}"]
    return f"| {' | '.join(cells)} |"


def write_transcripts(tasks: list[Task], place: Place) -> None:
    """Write what every command prints on the tasks whose models are there."""
    folder = place.root / "commands"
    folder.mkdir(exist_ok=True)
    for task in tasks:
        if place.model(task.name).exists():
            (folder / f"{task.name}.md").write_text(transcript(task, place))
            print(folder / f"{task.name}.md", flush=True)


def int8_line(task: Task, place: Place) -> str:
    """Return a task's line of the table of int8 files."""
    model = model_of(task, place)
    samples = task.data.read(place.data(task.data), TEST)
    inputs = task.scaled(samples.inputs)
    floats = task.figures(answers(model, inputs), samples.truth)
    ours, printed = of_edgecnn(task, place)
    theirs, complaint = plain(task, place)
    cells = [task.name, task.what, _text(floats)]
    for path, refusal in ((ours, printed), (theirs, complaint)):
        if path is None:
            cells += [refusal.splitlines()[-1], "-"]
            continue
        figures = task.figures(answers_of(path, inputs, model.output_names), samples.truth)
        lost = [_change(name, value, floats[name]) for name, value in figures.items()]
        cells += [", ".join(lost), f"{path.stat().st_size:,}"]
    return f"| {' | '.join(cells)} |"


def _change(name: str, value: float, of_float: float) -> str:
    """Return how far a figure is from that of Keras: in its own unit, an error in % of itself."""
    if name == ERROR:
        return f"{name} {100 * (value / of_float - 1):+.2f} % of it"
    return f"{name.removesuffix(' %')} {value - of_float:+.2f}"


def _text(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


if __name__ == "__main__":
    main()

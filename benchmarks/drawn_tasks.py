"""Models of other kinds than photographs' classes: drawn data, minutes of training, their figures.

    python benchmarks/drawn_tasks.py --out FOLDER [--only unet ssd]

Draws each data set as files into FOLDER/data, in the formats that users have (PASCAL VOC,
Cityscapes, COCO, YOLO, CSV, class folders, pairs, .npz and .npy), trains each network into
FOLDER/models/NAME.keras, and prints the figures of its answers on the test part, computed from
Keras' answers without edgecnn. What is in FOLDER already is used again.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from drawn.samples import TEST, draw_all
from drawn.tasks import TASKS, Task
from drawn.training import answers, model_of


def main() -> None:
    """Draw, train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), metavar="NAME")
    options = parser.parse_args()
    print("| model | what | parameters | Keras, float | s |\n|---|---|---|---|---|")
    for name in options.only:
        print(line(TASKS[name], options.out), flush=True)


def line(task: Task, root: Path) -> str:
    """Return a task's line of the table; its model is made if it is not there."""
    start = time.perf_counter()
    model = model_of(task, root)
    samples = task.data.read(draw_all(task.data, root / "data"), TEST)
    figures = task.figures(answers(model, task.scaled(samples.inputs)), samples.truth)
    text = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
    seconds = time.perf_counter() - start
    return f"| {task.name} | {task.what} | {model.count_params():,} | {text} | {seconds:.0f} |"


if __name__ == "__main__":
    main()

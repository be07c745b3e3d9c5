"""Images a second of ``edgecnn bench --data``, against a plain loop over the same images.

The loop is what one would write: Pillow decodes, scales and crops, numpy normalises, the
interpreter runs with one thread, image by image. The files must want such a crop. The loop is timed
in a process of its own from the first image to the last, its model loaded. Ours is timed the same
way, from a runner that has the model loaded to the last answer: what it starts beside that is in
its time. Both take turns, the order changing, and the median of the pairs' ratios counts.

Example:
    python benchmarks/accuracy_throughput.py model_int8.tflite --data photos --pairs 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.core.cpu_limits import usable_cores
from edgecnn.data.image_files import ImageFiles
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.desktop import Desktop
from edgecnn.measure.accuracy import AccuracyTask
from edgecnn.measure.parallel_classification import RunnerSource
from edgecnn.tflite.reading import read_model

LIMIT = 1.7
"""On two cores: 2 less what cannot overlap."""

PLAIN_LOOP = """
import json, sys, time
import numpy as np
from PIL import Image
from ai_edge_litert.interpreter import Interpreter
asked = json.load(sys.stdin)
interpreter = Interpreter(asked["model"], num_threads=1)
interpreter.allocate_tensors()
entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
height, width = entry["shape"][1:3]
mean, std = (np.array(values, np.float32) for values in (asked["mean"], asked["std"]))
right, begin = 0, time.perf_counter()
for path, label in asked["images"]:
    image = Image.open(path).convert("RGB")
    scale = min(height, width) / asked["crop"] / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    pixels = np.asarray(image.crop((left, top, left + width, top + height)))
    if entry["dtype"] == np.float32:
        pixels = (pixels.astype(np.float32) - mean) / std
    interpreter.set_tensor(entry["index"], pixels[None])
    interpreter.invoke()
    right += int(interpreter.get_tensor(end["index"])[0].argmax()) == label
print(json.dumps([time.perf_counter() - begin, right]))
"""


def plain_loop(model: Path, task: AccuracyTask) -> tuple[float, int]:
    """Return the seconds that the loop takes, and how many answers are right."""
    data, placed = task.dataset, task.deployed(None)
    assert isinstance(data, ImageFiles)
    assert data.labels is not None
    outputs = placed.classes.of(data.labels)
    images = [(str(data.paths[i]), outputs[i]) for i in task.indices]
    spec = placed.spec
    asked = {"model": str(model), "images": images, "crop": spec.crop_fraction}
    asked |= {"mean": spec.mean, "std": spec.std}
    command = [sys.executable, "-c", PLAIN_LOOP]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, right = json.loads(done.stdout)
    return seconds, right


def ours(model: Path, task: AccuracyTask, threads: int) -> tuple[float, int]:
    """Return the seconds that edgecnn takes, and how many answers are right."""
    device = Desktop()
    most = device.most_runners(threads)
    runners = RunnerSource(lambda: device.start("running it"), str(model.resolve()), threads, most)
    with runners.start() as session:
        session.load(runners.place, threads)
        begin = time.perf_counter()
        accuracy = task.run(session, more=runners)
        return time.perf_counter() - begin, int(accuracy.answers.correct.sum())


def compare(model: Path, task: AccuracyTask, threads: int, pairs: int) -> float:
    """Print one line a pair, and return the median of the ratios."""
    ratios, images = [], len(task.indices)
    for number in range(pairs):
        results = {}
        for side in ("plain", "ours") if number % 2 else ("ours", "plain"):
            is_plain = side == "plain"
            results[side] = plain_loop(model, task) if is_plain else ours(model, task, threads)
        rates = {side: images / seconds for side, (seconds, _) in results.items()}
        ratios.append(rates["ours"] / rates["plain"])
        right = f"{results['ours'][1]} and {results['plain'][1]} of {images} right"
        print(
            f"{model.name:36} {rates['ours']:9.0f} /s {rates['plain']:9.0f} /s {ratios[-1]:7.2f}"
            f"   {right}",
            flush=True,
        )
    return statistics.median(ratios)


def main() -> int:
    """Compare all models; exit 1 if one is below the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help=".tflite files")
    parser.add_argument("--data", required=True, help="a folder of labelled image files")
    parser.add_argument("--preprocess", help="for files that do not say it")
    parser.add_argument("--images", type=int, help="so many only")
    parser.add_argument("--threads", type=int, default=1, help="of each of our runners")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    dataset = open_labelled(options.data)
    how = Preprocessing.of(options.preprocess, resize="crop", interpolation="bilinear")
    print(f"{usable_cores()} cores, runners with {options.threads} thread(s)")
    print(f"{'model':36} {'edgecnn':>12} {'plain loop':>12} {'ratio':>7}")
    worst = float("inf")
    for model in options.models:
        task = AccuracyTask(read_model(model), dataset, how, images=options.images)
        median = compare(model, task, options.threads, options.pairs)
        print(f"{model.name:36} median {median:.2f}")
        worst = min(worst, median)
    print(f"lowest median {worst:.2f}, limit {LIMIT}")
    return 0 if worst >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

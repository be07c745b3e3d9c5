"""How long `edgecnn convert` takes against a plain TFLiteConverter script, run in alternation.

    python benchmarks/convert.py [--pairs 5] [--models mobilenet_v1,mobilenet_v2] [--recover full]

Both sides convert the same Keras file (random weights, 224x224) with the same 100 images, each in a
fresh process. "whole" is the process from start to end; "work" is that less the seconds of
TensorFlow's import, on both sides; "peak" is the largest resident memory of a process of that
side. Ratios are ours over theirs, pair by pair; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

KERAS_MODELS = {
    "mobilenet_v1": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
}
INT8_BOUNDS = {"off": 0.6, "fast": 1.0, "full": 3.0}
"""Of the ratio of work, for each level of accuracy recovery."""

IMAGES = 100
SIZE = 224

MAKE_MODEL = """
import inspect, sys, keras, numpy
name, size, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
builder = getattr(keras.applications, name)
options = {"weights": None, "input_shape": (size, size, 3)}
if "include_preprocessing" in inspect.signature(builder).parameters:
    options["include_preprocessing"] = False
model = builder(**options)
generator = numpy.random.default_rng(0)
for layer in model.layers:
    # A fresh one has no offset, which converters would leave out; a trained one always has.
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.set_weights([w + generator.normal(0, 0.05, w.shape) for w in layer.get_weights()])
model.save(target)
"""

PLAIN_SCRIPT = """
import time
start = time.perf_counter()
import json, sys
import numpy as np
import tensorflow as tf
tf.constant(0)
import_s = time.perf_counter() - start
from PIL import Image
source, scheme, images, target = sys.argv[1:]
model = tf.keras.models.load_model(source, compile=False)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
if scheme == "int8":
    from pathlib import Path
    def representative_dataset():
        for path in sorted(Path(images).iterdir()):
            pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
            yield [pixels[None] / 127.5 - 1]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
open(target, "wb").write(converter.convert())
print(json.dumps({"import_s": import_s}))
"""


@dataclass(frozen=True)
class Side:
    """One measured process: seconds without the import, seconds in all, peak memory in bytes."""

    work_s: float
    whole_s: float
    peak_bytes: int


def main() -> None:
    """Measure and print the table; exit 1 if a ratio is above its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--models", default="mobilenet_v1,mobilenet_v2,mobilenet_v3_small")
    parser.add_argument("--schemes", default="float32,int8")
    parser.add_argument("--recover", choices=INT8_BOUNDS, default="fast", help="level for int8")
    options = parser.parse_args()
    bounds = {"float32": 0.4, "int8": INT8_BOUNDS[options.recover]}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        images = make_images(Path(folder) / "images", IMAGES, SIZE)
        for name in options.models.split(","):
            source = Path(folder) / f"{name}.keras"
            make_model(KERAS_MODELS[name], SIZE, source)
            for scheme in options.schemes.split(","):
                pairs = [
                    (
                        ours(source, scheme, images, options.recover),
                        plain(source, scheme, images),
                    )
                    for _ in range(options.pairs)
                ]
                rows.append((name, scheme, pairs))
    show(rows)
    sys.exit(any(ratio(pairs, "work_s") > bounds[scheme] for _, scheme, pairs in rows))


def make_model(keras_name: str, size: int, target: Path) -> None:
    """Save Keras' own model with random weights, without preprocessing where it can be."""
    run([sys.executable, "-c", MAKE_MODEL, keras_name, str(size), str(target)])


def make_images(folder: Path, count: int, size: int) -> Path:
    """Write smooth random square pictures as PNG files: the same decoding work on both sides."""
    from PIL import Image

    folder.mkdir()
    generator = np.random.Generator(np.random.PCG64(0))
    for number in range(count):
        coarse = generator.integers(0, 256, (14, 14, 3), np.uint8)
        Image.fromarray(coarse).resize((size, size)).save(folder / f"{number:03}.png")
    return folder


def ours(source: Path, scheme: str, images: Path, recover: str) -> Side:
    """Measure the whole command."""
    target = source.with_suffix(".ours.tflite")
    command = [sys.executable, "-m", "edgecnn", "convert", str(source), "--quantize", scheme]
    command += [
        "--recover",
        recover,
        "--preprocess",
        "tf",
        "--calibrate",
        str(images),
        "-o",
        str(target),
        "--json",
    ]
    output, whole_s, peak = run(command)
    import_s = json.loads(output)[0]["phase_seconds"]["import"]
    return Side(whole_s - import_s, whole_s, peak)


def plain(source: Path, scheme: str, images: Path) -> Side:
    """Measure the plain script."""
    target = source.with_suffix(".plain.tflite")
    command = [sys.executable, "-c", PLAIN_SCRIPT, str(source), scheme, str(images), str(target)]
    output, whole_s, peak = run(command)
    import_s = json.loads(output.splitlines()[-1])["import_s"]
    return Side(whole_s - import_s, whole_s, peak)


def run(command: list[str]) -> tuple[str, float, int]:
    """Run a command; return its output, its seconds, and the peak of its largest process."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    peaks: list[int] = []
    watcher = threading.Thread(target=watch, args=(process, peaks))
    watcher.start()
    output, errors = process.communicate()
    whole_s = time.perf_counter() - start
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{command[:5]} failed:\n{errors}")
    return output, whole_s, max(peaks, default=0)


def watch(process: subprocess.Popen[str], peaks: list[int]) -> None:
    """Collect the peak memory of a process and its descendants until it ends."""
    while process.poll() is None:
        peaks.extend(peak_of(pid) for pid in family(process.pid))
        time.sleep(0.02)


def family(pid: int) -> list[int]:
    """Return a process' id and those of its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        found += [member for child in children for member in family(child)]
    return found


def peak_of(pid: int) -> int:
    """Return a process' peak resident memory in bytes, 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def ratio(pairs: list[tuple[Side, Side]], figure: str) -> float:
    """Return the median over the pairs of ours over theirs."""
    return statistics.median(getattr(a, figure) / getattr(b, figure) for a, b in pairs)


def show(rows: list[tuple[str, str, list[tuple[Side, Side]]]]) -> None:
    """Print medians and ratios."""
    headings = ("model", "scheme", "work s", "plain", "ratio", "whole s", "plain", "ratio", "peak")
    table = Table(*headings, box=None)
    for name, scheme, pairs in rows:
        cells = [name, scheme]
        for figure in ("work_s", "whole_s"):
            for side in (0, 1):
                median = statistics.median(getattr(pair[side], figure) for pair in pairs)
                cells.append(f"{median:.2f}")
            cells.append(f"{ratio(pairs, figure):.2f}")
        table.add_row(*cells, f"{ratio(pairs, 'peak_bytes'):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

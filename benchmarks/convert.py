"""What `edgecnn convert` costs against a plain TFLiteConverter script, run in alternation.

    python benchmarks/convert.py [--pairs 5] [--models mobilenet_v1,mobilenet_v2] [--recover full]

Both sides convert the same Keras file (random weights, 224x224) with the same 100 images, each in a
fresh process; with `--sources tflite` ours converts its own float32 `.tflite` file of the model,
without TensorFlow. "work" is the processor time of a side, of all its processes and threads, less
that of TensorFlow's import, which a process of its own measures in each pair; nothing is taken off
where TensorFlow is not imported. "whole" is the time from start to end, and "peak" the largest
resident memory of a process of that side. Ratios are ours over theirs, pair by pair; medians are
shown.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
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
INT8_BOUNDS = {"off": 0.4, "fast": 0.5, "full": 1.0}
"""Of the ratio of work, for each level of accuracy recovery."""
FLOAT32_BOUND = 0.33
TFLITE_BOUND = 0.3
"""Of the ratio of work, where ours needs no TensorFlow."""

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

IMPORT_SCRIPT = """
import tensorflow as tf
tf.constant(0)
"""

PLAIN_SCRIPT = """
import sys
import numpy as np
import tensorflow as tf
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
"""


@dataclass(frozen=True)
class Side:
    """One measured command.

    Args:
        work_s: Processor time of all its processes, without TensorFlow's import.
        whole_s: Time from start to end.
        peak_bytes: Peak memory of its largest process.
    """

    work_s: float
    whole_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Case:
    """What is converted.

    Args:
        name: Name of the model.
        source: The Keras file.
        scheme: Scheme of the file that both sides make.
        given: What ours converts: ``"keras"`` or ``"tflite"``.
        recover: Level of accuracy recovery.
        images: The folder of images.
    """

    name: str
    source: Path
    scheme: str
    given: str
    recover: str
    images: Path

    @property
    def bound(self) -> float:
        """The greatest ratio of work that passes."""
        if self.given == "tflite":
            return TFLITE_BOUND
        return FLOAT32_BOUND if self.scheme == "float32" else INT8_BOUNDS[self.recover]


def main() -> None:
    """Measure and print the table; exit 1 if a ratio is above its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--models", default="mobilenet_v1,mobilenet_v2,mobilenet_v3_small")
    parser.add_argument("--schemes", default="float32,int8")
    parser.add_argument("--sources", default="keras,tflite", help="what ours converts")
    parser.add_argument("--recover", choices=INT8_BOUNDS, default="fast", help="level for int8")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        images = make_images(Path(folder) / "images", IMAGES, SIZE)
        for name in options.models.split(","):
            source = Path(folder) / f"{name}.keras"
            make_model(KERAS_MODELS[name], SIZE, source)
            convert(source, source.with_suffix(".tflite"), "float32", images)
            for scheme in options.schemes.split(","):
                for given in options.sources.split(","):
                    case = Case(name, source, scheme, given, options.recover, images)
                    rows.append((case, [measured_pair(case) for _ in range(options.pairs)]))
    show(rows)
    sys.exit(any(ratio(pairs, "work_s") > case.bound for case, pairs in rows))


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


def measured_pair(case: Case) -> tuple[Side, Side]:
    """Measure ours and theirs, one after the other."""
    import_s = run([sys.executable, "-c", IMPORT_SCRIPT]).work_s
    source = case.source.with_suffix(f".{case.given}")
    target = case.source.with_suffix(".made.tflite")
    our = convert(source, target, case.scheme, case.images, "--recover", case.recover)
    arguments = [case.source, case.scheme, case.images, target]
    their = run([sys.executable, "-c", PLAIN_SCRIPT, *map(str, arguments)])
    spared = import_s if case.given == "keras" else 0.0
    return (
        replace(our, work_s=our.work_s - spared),
        replace(their, work_s=their.work_s - import_s),
    )


def convert(source: Path, target: Path, scheme: str, images: Path, *options: str) -> Side:
    """Measure the whole command."""
    command = [sys.executable, "-m", "edgecnn", "convert", str(source), "--quantize", scheme]
    command += ["--preprocess", "tf", "--calibrate", str(images), "-o", str(target)]
    return run([*command, *options])


def run(command: list[str]) -> Side:
    """Run a command and return what it took, import included."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    # Installed packages have their bytecode, and so has a checkout after its first run.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, start = processor_s(), time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    peaks: list[int] = []
    watcher = threading.Thread(target=watch, args=(process, peaks))
    watcher.start()
    _, errors = process.communicate()
    whole_s = time.perf_counter() - start
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{command[:5]} failed:\n{errors}")
    return Side(processor_s() - before, whole_s, max(peaks, default=0))


def processor_s() -> float:
    """Return the processor time of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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


def show(rows: list[tuple[Case, list[tuple[Side, Side]]]]) -> None:
    """Print medians and ratios."""
    headings = ("model", "scheme", "from", "work s", "plain", "ratio", "whole s", "plain", "ratio")
    table = Table(*headings, "peak", box=None)
    for case, pairs in rows:
        cells = [case.name, case.scheme, case.given]
        for figure in ("work_s", "whole_s"):
            for side in (0, 1):
                median = statistics.median(getattr(pair[side], figure) for pair in pairs)
                cells.append(f"{median:.2f}")
            cells.append(f"{ratio(pairs, figure):.2f}")
        table.add_row(*cells, f"{ratio(pairs, 'peak_bytes'):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

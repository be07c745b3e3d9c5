"""How much accuracy int8 costs: our files beside those of other quantisers, same images for all.

    python benchmarks/fidelity.py --digits FOLDER
    python benchmarks/fidelity.py --models NAME=FILE.keras,tf --calibrate DATA --data DATA

Every way of quantising gets the same Keras file and the same calibration images, normalised as the
model was trained. "top-1" is of the file's output as it is; "agree" the share of images for which
its best class is the float file's; "dB" the signal-to-quantisation-noise ratio (SQNR) of the scores
before softmax; "tied" the share of images for which two of the six best classes have the same
probability; "ratio" the median over single-threaded inferences, in turn with the plain converter's
int8 file, of this file's time over that one's. The float file is the plain converter's.

Images that `edgecnn convert` may have seen, to fit or to choose by, are not evaluated on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from edgecnn.accuracy.class_outputs import find_class_outputs
from edgecnn.accuracy.output_labels import ModelOutputs
from edgecnn.data.datasets import Dataset, open_dataset, sample_indices
from edgecnn.data.geometry import IMAGENET_CROP
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, preset
from edgecnn.data.loader import load_images
from edgecnn.models.build import input_spec
from edgecnn.quantize.calibration.images import MOST_HELD_OUT
from edgecnn.quantize.recovery.advice import RECOVERY_LEVELS
from edgecnn.quantize.recovery.fidelity_kinds import class_divergence, class_noise
from edgecnn.quantize.recovery.proof import decibels_of
from edgecnn.quantize.recovery.steps import STEPS
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.scores import scores as scores_of
from edgecnn.tflite.serialization import read_graph
from edgecnn.tflite.tensors_and_ops import Tensor

Array = npt.NDArray[Any]
SHOWN_CLASSES = 6
"""The five classes that an app shows, and the one that just missed it."""

PLAIN, LITERT, MAKER = "TFLiteConverter", "ai-edge-quantizer", "maker's"
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

PLAIN_SCRIPT = """
import sys, numpy as np
import tensorflow as tf
source, target, *images = sys.argv[1:]
model = tf.keras.models.load_model(source, compile=False)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
if images:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in np.load(images[0]))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
open(target, "wb").write(converter.convert())
"""

QUANTIZER_SCRIPT = """
import sys, numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
source, target, images = sys.argv[1:]
((signature, ends),) = Interpreter(source).get_signature_list().items()
(name,) = ends["inputs"]
side = quantizer.Quantizer(source, recipe.static_wi8_ai8())
ranges = side.calibrate({signature: [{name: image[None]} for image in np.load(images)]})
open(target, "wb").write(side.quantize(ranges).quantized_model)
"""

LOAD_SCRIPT = """
import sys
from ai_edge_litert.interpreter import Interpreter
Interpreter(sys.argv[1]).allocate_tensors()
"""

ALTERNATE = """
import json, sys, time, numpy as np
from ai_edge_litert.interpreter import Interpreter
plain, runs, others = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
def opened(path):
    side = Interpreter(path, num_threads=1)
    side.allocate_tensors()
    entry = side.get_input_details()[0]
    pixels = np.random.default_rng(0).integers(0, 256, entry["shape"])
    image = pixels / 127.5 - 1 if entry["dtype"] == np.float32 else pixels
    side.set_tensor(entry["index"], image.astype(entry["dtype"]))
    return side
ratios = []
for other in others:
    sides, times = (opened(plain), opened(other)), ([], [])
    for number in range(runs + 5):
        for index in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            sides[index].invoke()
            times[index].append(time.perf_counter() - start)
    ratios.append(float(np.median(np.divide(times[1], times[0])[5:])))
print(json.dumps(ratios))
"""


@dataclass(frozen=True)
class Model:
    """A Keras file and its data; without a preprocessing the name is a registered one."""

    name: str
    file: Path
    preprocess: str | None
    calibrate: str
    data: str
    maker: Path | None = None

    def spec(self, height: int, width: int) -> InputSpec:
        """Return how pixels become the model's input; photographs are cut as ImageNet has it."""
        size = (height, width)
        if self.preprocess:
            return preset(self.preprocess, *size).with_geometry(IMAGENET_CROP)
        return input_spec(self.name, size)


@dataclass(frozen=True)
class Answers:
    """What a file answers, a row an image: its best class, scores before softmax, and ties.

    An answer has ties if two of its SHOWN_CLASSES best classes have the same probability.
    """

    best: Array
    scores: Array
    has_ties: Array


@dataclass(frozen=True)
class Way:
    """One way of quantising one model: its file's figures, or why there is no file."""

    name: str
    top1_percent: float | None = None
    agreement_percent: float | None = None
    sqnr_db: float | None = None
    divergence: float | None = None
    tied_percent: float | None = None
    bytes: int | None = None
    latency_ratio: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Row:
    """What is known of one model."""

    model: str
    images: str
    float_top1_percent: float
    ways: list[Way]


def main() -> None:
    """Make the files, measure them, and print the table."""
    parser = option_parser()
    options = parser.parse_args()
    if not options.digits and not options.models:
        return parser.print_help()
    rows = []
    for model in models_of(options):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(model, options, options.keep or Path(folder)))
        if options.json:
            save(options.json, rows)
    show(rows)


def option_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--digits", type=Path, help="folder that train.py --digits made")
    add("--models", nargs="+", default=[], help="NAME=FILE.keras[,preprocess], or a folder")
    add("--calibrate", help="representative data for --models")
    add("--data", help="labelled data for --models")
    add("--maker", nargs="+", default=[], help="NAME=FILE.tflite, quantised by its maker")
    add("--only", nargs="+", help="names of the models to take")
    add("--samples", type=int, default=100, help="calibration images")
    add("--runs", type=int, default=200, help="inferences of each file")
    add("--levels", nargs="+", choices=RECOVERY_LEVELS, default=RECOVERY_LEVELS,
        help="levels of recovery")  # fmt: skip
    add("--without", nargs="+", default=[], metavar="STEP[,STEP]",
        help="also files without these steps of recovery; all: without each in turn")  # fmt: skip
    add("--all-int8", action="store_true", help="no layer of ours stays in float32")
    add("--ours-only", action="store_true", help="leave other quantisers out")
    add("--quantizer-python", help="Python of an environment with ai-edge-quantizer")
    add("--keep", type=Path, help="existing folder to keep the files in")
    add("--json", type=Path, help="write the rows there; other models' stay")
    return parser


def models_of(options: argparse.Namespace) -> list[Model]:
    """Return the models that the options name."""
    sources = [(entry, options.calibrate, options.data) for entry in options.models]
    if options.digits:
        sources.append((str(options.digits), "digits-train", "digits"))
    makers = {name: Path(file) for name, _, file in (m.partition("=") for m in options.maker)}
    found = []
    for entry, *data in sources:
        names = [f"{file.stem}={file}" for file in sorted(Path(entry).glob("*.keras"))]
        for name, _, rest in (each.partition("=") for each in names or [entry]):
            file, _, preprocess = rest.partition(",")
            found.append(Model(name, Path(file), preprocess or None, *data, makers.get(name)))
    return [model for model in found if not options.only or model.name in options.only]


def measure(model: Model, options: argparse.Namespace, folder: Path) -> Row:
    """Make a model's files in every way and compare them."""
    reference = folder / f"{model.name}.float.tflite"
    if failure := call([sys.executable, "-c", PLAIN_SCRIPT, str(model.file), str(reference)]):
        raise SystemExit(f"{model.file}: {failure}")
    entry = read_model(reference)
    spec = model.spec(*entry.inputs[0].shape[1:3])
    outputs = entry.outputs[0].elements
    pixels, wanted, says = evaluation_of(model, spec, options.samples, outputs)
    answers = classify(reference, pixels, spec, False)
    files = make_files(model, spec, reference, options)
    ratios = latency_ratios(files, options.runs)
    ways = []
    for name, path in files.items():
        if isinstance(path, str):
            ways.append(Way(name, failure=path))
            continue
        given = classify(path, pixels, spec, name not in (PLAIN, LITERT))
        figures = (path.stat().st_size, ratios.get(name))
        ways.append(Way(name, *compared(given, answers, wanted), *figures))
    return Row(model.name, says, 100 * float(np.mean(answers.best == wanted)), ways)


def compared(
    given: Answers, answers: Answers, wanted: Array
) -> tuple[float, float, float | None, float, float]:
    """Return top-1, agreement with the float file, SQNR (None: infinite), divergence, ties."""
    top1, agreement = (
        100 * float(np.mean(given.best == right)) for right in (wanted, answers.best)
    )
    ratio = decibels_of(class_noise(given.scores, answers.scores))
    nats = class_divergence(given.scores, answers.scores)
    ties = 100 * float(np.mean(given.has_ties))
    return top1, agreement, ratio if math.isfinite(ratio) else None, nats, ties


def evaluation_of(
    model: Model, spec: InputSpec, samples: int, outputs: int
) -> tuple[Array, Array, str]:
    """Return images that conversion did not see, the outputs that are right, and their name."""
    dataset = open_dataset(model.data)
    indices, name = list(range(len(dataset))), Path(model.data).name
    says = f"all {len(indices)} images of {name}"
    if Path(model.data) == Path(model.calibrate):
        seen = sample_indices(dataset, samples + MOST_HELD_OUT)
        rest = sorted(set(indices) - set(seen))
        says = f"the {len(rest)} images of {name} that conversion did not draw"
        if not rest:
            rest = seen[samples:]
            says = f"the {len(rest)} images of {name} that recovery was chosen by"
        indices = rest
    classes = find_class_outputs(ModelOutputs(outputs), dataset)
    labels = np.asarray(classes.of(dataset.labels or ()))
    return read_pixels(dataset, indices, spec), labels[indices], says


def read_pixels(dataset: Dataset, indices: Sequence[int], spec: InputSpec) -> Array:
    """Return images cut to size; one that cannot be read ends the benchmark."""
    return np.stack([loaded.image for loaded in load_images(dataset, indices, spec)])


def make_files(
    model: Model, spec: InputSpec, reference: Path, options: argparse.Namespace
) -> dict[str, Path | str]:
    """Quantise a model in every way; a text says why there is no file."""
    dataset = open_dataset(model.calibrate)
    pixels = read_pixels(dataset, sample_indices(dataset, options.samples), spec)
    images = reference.with_suffix(".npy")
    np.save(images, spec.normalize(pixels))

    def made(name: str, command: list[str], *rest: str) -> Path | str:
        target = reference.with_name(f"{model.name}.{name}.tflite")
        # The runtime refuses some files, and crashes on others.
        load = [sys.executable, "-c", LOAD_SCRIPT, str(target)]
        return call([*command, str(target), *rest]) or call(load) or target

    python = options.quantizer_python
    plain = [sys.executable, "-c", PLAIN_SCRIPT, str(model.file)]
    litert = [python, "-c", QUANTIZER_SCRIPT, str(reference)]
    ours = [sys.executable, "-m", "edgecnn", "convert", str(model.file), "-q", "int8"]
    ours += ["-c", model.calibrate, "--samples", str(options.samples), *flags(spec)]
    files: dict[str, Path | str] = {}
    if not options.ours_only:
        files[PLAIN] = made("plain", plain, str(images))
        files[LITERT] = made("litert", litert, str(images)) if python else "no --quantizer-python"
    if model.maker:
        files[MAKER] = model.maker
    ours += ["--all-int8"] if options.all_int8 else []
    for level in options.levels:
        files[f"ours, {level}"] = made(level, [*ours, "--recover", level, "-o"])
    for names in left_out_of(options):
        left_out = [flag for name in names.split(",") for flag in ("--without", name)]
        files[f"ours, without {names}"] = made(f"without {names}", [*ours, *left_out, "-o"])
    return files


def left_out_of(options: argparse.Namespace) -> list[str]:
    """Return what is left out, one after the other: ``all`` stands for each step alone."""
    return [name for each in options.without for name in (STEPS if each == "all" else (each,))]


def flags(spec: InputSpec) -> list[str]:
    """Say an InputSpec on the command line."""
    geometry = ["--resize", spec.resize, "--interpolation", spec.interpolation]
    for name in PREPROCESSING:
        if preset(name, spec.height, spec.width).with_geometry(spec.geometry) == spec:
            return ["--preprocess", name, *geometry]
    mean, std = (",".join(map(str, values)) for values in (spec.mean, spec.std))
    return ["--mean", mean, "--std", std, *geometry]


def call(command: list[str]) -> str:
    """Run a command; return the last line of its complaint, nothing if it worked."""
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    complaint = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return complaint[-1][:200] if done.returncode else ""


def classify(path: Path, pixels: Array, spec: InputSpec, takes_pixels: bool) -> Answers:
    """Run a file over images; one of integers takes pixels, or else normalised ones quantised."""
    content = path.read_bytes()
    graph = read_graph(content)
    images = pixels
    if not takes_pixels or graph.input.dtype != "uint8":
        images = quantized(spec.normalize(pixels), graph.input)
    (values,) = run_over_images(content, [images[:, None]])
    rows = values.reshape(len(images), -1)
    highest = np.sort(rows, axis=1)[:, -SHOWN_CLASSES:]
    has_ties = (np.diff(highest, axis=1) == 0).any(axis=1)
    return Answers(rows.argmax(axis=1), scores_of(graph, images[:, None]), has_ties)


def quantized(images: Array, tensor: Tensor) -> Array:
    """Return normalised images as a file's input takes them."""
    if tensor.is_float:
        return images
    limits = np.iinfo(tensor.dtype)
    levels = np.round(images / tensor.scales[0]) + tensor.zero_point
    return np.clip(levels, limits.min, limits.max).astype(tensor.dtype)


def latency_ratios(files: dict[str, Path | str], runs: int) -> dict[str, float]:
    """Time every file in turn with the plain one; nothing without that."""
    made = {name: str(path) for name, path in files.items() if isinstance(path, Path)}
    if PLAIN not in made:
        return {}
    command = [sys.executable, "-c", ALTERNATE, made[PLAIN], str(runs), *made.values()]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return dict(zip(made, json.loads(output), strict=True))


def save(path: Path, rows: list[Row]) -> None:
    """Write the rows as JSON; those of other models stay in the file."""
    kept = {row["model"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    kept |= {row.model: dataclasses.asdict(row) for row in rows}
    path.write_text(json.dumps(list(kept.values()), indent=2) + "\n")


def show(rows: list[Row]) -> None:
    """Print the table, a line a file, and why files are missing."""
    table = Table(
        "model", "float", "int8 by", "top-1", "agree", "dB", "KL", "tied", "KiB", "ratio", box=None
    )
    for row in rows:
        first = [row.model, f"{row.float_top1_percent:.1f}"]
        for way in row.ways:
            figures = (way.top1_percent, way.agreement_percent, way.sqnr_db)
            cells = [*first, way.name]
            cells += ["-" if figure is None else f"{figure:.1f}" for figure in figures]
            cells.append("-" if way.divergence is None else f"{way.divergence:.5f}")
            cells.append("-" if way.tied_percent is None else f"{way.tied_percent:.1f}")
            size = f"{way.bytes / 1024:,.0f}" if way.bytes else "-"
            table.add_row(*cells, size, f"{way.latency_ratio:.2f}" if way.latency_ratio else "-")
            first = ["", ""]
    Console(width=100).print(table)
    for row in rows:
        print(f"{row.model}: evaluated on {row.images}")
        for way in (way for way in row.ways if way.failure):
            print(f"  no file by {way.name}: {way.failure}")


if __name__ == "__main__":
    main()

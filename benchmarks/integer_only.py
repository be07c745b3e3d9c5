"""What files of integers alone cost in accuracy, and what small targets' own tools say of them.

    python benchmarks/integer_only.py NAME=FILE,PREPROCESS,CALIBRATE,DATA[,SAMPLES] ...

Every model is converted in float32, by `edgecnn convert --target ethos-u` and by TFLiteConverter to
a file of integers alone with int8 ends, calibrated on the same images. SAMPLES (100) images are
calibrated on, and those that conversion has not seen, 1,000 at most, are answered: "top-1" where
the images have labels that fit, "agree" the share with the float file's best class, "tied" the
share in which several classes have the best score; of these the first counts. "on the CPU" are the
operators that Vela leaves there, "Vela's estimate" is of its default configuration, "arena" is what
tflite-micro takes on this machine, and "ours" edgecnn's estimate of the activations alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.class_outputs import UnmatchedClassesError, find_class_outputs
from edgecnn.accuracy.output_labels import ModelOutputs
from edgecnn.data.datasets import Dataset, open_dataset, sample_indices
from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.data.loader import load_images
from edgecnn.model_metadata.input_tensors import stated_spec, to_tensor
from edgecnn.quantize.calibration.images import MOST_HELD_OUT
from edgecnn.small_targets.targets import prove, small_target
from edgecnn.tflite.memory import activation_bytes
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.runtime import run_over_images

Array = npt.NDArray[Any]
MOST_IMAGES = 1000
COLUMNS = (
    "model", "file", "top-1", "agree", "tied", "KiB", "on the CPU", "Vela's estimate", "arena",
    "ours",
)  # fmt: skip

PLAIN_SCRIPT = """
import sys, numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
source, target, images = sys.argv[1:]
if source.endswith(".h5"):
    import tf_keras as keras
else:
    keras = tf.keras
model = keras.models.load_model(source, compile=False)
shape = (1, *model.inputs[0].shape[1:])
call = tf.function(lambda image: model(image, training=False))
graph = call.get_concrete_function(tf.TensorSpec(shape, tf.float32))
frozen = convert_variables_to_constants_v2(graph)
converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in np.load(images))
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open(target, "wb").write(converter.convert())
"""


@dataclass(frozen=True)
class Subject:
    """A model and its data."""

    name: str
    file: str
    preprocess: str
    calibrate: str
    data: str
    samples: int = 100

    @classmethod
    def of(cls, text: str) -> Subject:
        """Read what the command line says of a model."""
        name, _, rest = text.partition("=")
        file, preprocess, calibrate, data, *samples = rest.split(",")
        return cls(name, file, preprocess, calibrate, data, *map(int, samples))


def main() -> None:
    """Convert the models, measure their files, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="NAME=FILE,PREPROCESS,CALIBRATE,DATA")
    parser.add_argument("--recover", default="fast")
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for text in options.models:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(Subject.of(text), Path(folder), options.recover):
                print(f"| {' | '.join(row)} |", flush=True)


def rows(subject: Subject, folder: Path, recover: str) -> Iterator[list[str]]:
    """Yield the cells of the table's rows of a model."""
    reference, ours, plain = (folder / f"{name}.tflite" for name in ("float", "ours", "plain"))
    convert = [sys.executable, "-m", "edgecnn", "convert", subject.file]
    convert += ["--preprocess", subject.preprocess]
    run(*convert, "-q", "float32", "-o", str(reference))
    calibrated = ["--calibrate", subject.calibrate, "--samples", str(subject.samples)]
    integers = ["--target", "ethos-u", "--recover", recover]
    run(*convert, *calibrated, *integers, "-o", str(ours))
    entry = read_model(reference)
    spec = preset(subject.preprocess, *entry.inputs[0].shape[1:])
    spec = stated_spec(entry) or spec
    images = folder / "images.npy"
    dataset = open_dataset(subject.calibrate)
    np.save(images, spec.normalize(pixels_of(dataset, drawn(dataset, subject)[0], spec)))
    run(sys.executable, "-c", PLAIN_SCRIPT, subject.file, str(plain), str(images))
    pixels, labels = evaluation(subject, spec, entry.outputs[0].elements)
    wanted = answers(reference, pixels, spec).argmax(axis=1)
    for name, path in (("float32", reference), ("edgecnn", ours), ("TFLiteConverter", plain)):
        yield [subject.name, name, *accuracy(answers(path, pixels, spec), wanted, labels),
               f"{path.stat().st_size / 1024:,.0f}", *told(path, name != "float32")]  # fmt: skip


def accuracy(scores: Array, wanted: Array, labels: Array | None) -> list[str]:
    """Return top-1, agreement and ties of a file's answers, in percent."""
    best, highest = scores.argmax(axis=1), scores.max(axis=1, keepdims=True)
    tied = ((scores == highest).sum(axis=1) > 1).mean()
    top1 = "-" if labels is None else f"{100 * (best == labels).mean():.1f}"
    return [top1, f"{100 * (best == wanted).mean():.1f}", f"{100 * tied:.1f}"]


def told(path: Path, is_of_integers: bool) -> list[str]:
    """Return what Vela and tflite-micro say of a file."""
    model = read_model(path)
    ours = f"{(activation_bytes(model) or 0) / 1024:,.0f} KiB"
    if not is_of_integers:
        return ["-", "-", "-", ours]
    compiled, run_once = (prove(path, model, small_target(name)) for name in ("ethos-u", "tflm"))
    if not (compiled.takes and run_once.takes):
        raise SystemExit(f"{path.name}: {compiled.summary}; {run_once.summary}")
    left, estimate = (compiled.figures[name] for name in ("cpu_operators", "estimated_ms"))
    arena = run_once.figures["arena_bytes"] / 1024
    return [f"{left:.0f}", f"{estimate:.2f} ms", f"{arena:,.0f} KiB", ours]


def answers(path: Path, pixels: Array, spec: InputSpec) -> Array:
    """Return what a file answers, in its own numbers, a row an image."""
    tensor = read_model(path).inputs[0]
    images = np.stack([to_tensor(image, spec, tensor) for image in pixels])
    (values,) = run_over_images(path.read_bytes(), [images[:, None]])
    return values.reshape(len(values), -1)


def evaluation(subject: Subject, spec: InputSpec, outputs: int) -> tuple[Array, Array | None]:
    """Return images that conversion has not seen, and the outputs that are right, if known."""
    dataset = open_dataset(subject.data)
    seen = set()
    if Path(subject.data) == Path(subject.calibrate):
        seen = {index for each in drawn(dataset, subject) for index in each}
    left = [index for index in range(len(dataset)) if index not in seen]
    chosen = sorted(np.random.default_rng(0).permutation(left)[:MOST_IMAGES].tolist())
    pixels = pixels_of(dataset, chosen, spec)
    try:
        classes = find_class_outputs(ModelOutputs(outputs), dataset)
        labels = np.asarray(classes.of(dataset.labels or ()))[chosen]
    except (UnmatchedClassesError, ValueError):
        labels = None
    return pixels, labels


def drawn(dataset: Dataset, subject: Subject) -> tuple[list[int], list[int]]:
    """Return the images that are calibrated on, and those that recovery is proved on."""
    indices = list(sample_indices(dataset, subject.samples + MOST_HELD_OUT))
    return indices[: subject.samples], indices[subject.samples :]


def pixels_of(dataset: Dataset, indices: list[int], spec: InputSpec) -> Array:
    """Return images cut to size."""
    return np.stack([loaded.image for loaded in load_images(dataset, indices, spec)])


def run(*command: str) -> None:
    """Run a command, and stop where it fails."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()

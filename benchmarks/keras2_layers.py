"""Load a Keras 2 file of each layer, of functions of TensorFlow and of networks, and compare.

    python benchmarks/keras2_layers.py [--python PYTHON] [--keras MODULE] [--only NAME ...]
        [--saved-models]

``benchmarks/keras2_files.py`` writes the files in a Python with Keras 2 (by default this one, with
tf_keras; ``--python venv/bin/python --keras tensorflow.keras`` for TensorFlow up to 2.15), with its
answers to random inputs. With --saved-models there is a SavedModel of each as well, which is
converted: this is for cases of one input and one output. A line for each file: the decibels between
these and the answers of the model that edgecnn loads, or why it is refused. The last line counts.
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

from edgecnn.core.errors import EdgecnnError
from edgecnn.importing.environment import CHILD_ENVIRONMENT
from edgecnn.importing.input_format import LoadOptions
from edgecnn.importing.sources import find_source, format_of
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_graph

WRITER = Path(__file__).with_name("keras2_files.py")
LEAST_DB = 100.0
OTHER_DB = {
    "net-mixed-float16": (55.0, "Keras 2 answers in float16, the loaded model in float32"),
    "net-mixed-bfloat16": (35.0, "Keras 2 answers in bfloat16, the loaded model in float32"),
}
"""Case -> least decibels where these are fewer for a reason."""
REFUSED = {
    "DenseFeatures": "Keras 3 has no such layer",
    "Lambda": "code of its own",
    "LocallyConnected1D": "Keras 3 has no such layer",
    "LocallyConnected2D": "Keras 3 has no such layer",
    "RandomFourierFeatures": "Keras 3 has no such layer, and tf_keras can't load its own file",
    "tf-einsum": "Keras 2 leaves the tensors out of the file",
    "tfmot-cluster": "the weights are not plain",
}
"""Case -> why its files are refused."""


@dataclass(frozen=True)
class Loaded:
    """What became of a file.

    Args:
        file: The file's name.
        decibels: Least signal-to-noise ratio of the outputs to Keras 2's; infinity where they are
            the same.
        refusal: Why it was refused; empty where it was loaded.
        notes: What was said of it.
    """

    file: str
    decibels: float
    refusal: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_expected(self) -> bool:
        """Whether it was loaded and answers rightly, or is one of those that are refused."""
        case = self.file.rpartition(".")[0]
        if case in REFUSED or self.refusal:
            return case in REFUSED and bool(self.refusal)
        return self.decibels >= OTHER_DB.get(case, (LEAST_DB, ""))[0]


def write_files(
    folder: Path,
    python: str,
    keras: str,
    only: list[str] | None = None,
    *,
    with_saved_models: bool = False,
) -> str:
    """Write the files of all cases, or of some, and return what the writer said.

    Args:
        folder: Where to.
        python: The Python with Keras 2.
        keras: Keras 2's module there.
        only: The cases; None for all.
        with_saved_models: Whether each is written as a SavedModel, too.
    """
    command = [python, str(WRITER), str(folder), "--keras", keras]
    if with_saved_models:
        command.append("--saved-models")
    if only:
        command += ["--only", *only]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loaded_files(folder: Path) -> Iterator[Loaded]:
    """Load each file of a folder, and compare its answers with those beside it."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".npz":
            continue
        try:
            yield _converted(path) if path.is_dir() else _loaded(path)
        except EdgecnnError as error:
            yield Loaded(path.name, 0.0, str(error))


def _loaded(path: Path) -> Loaded:
    import keras

    source = find_source(str(path))
    model, notes = format_of(source).keras_model(source, LoadOptions(None, {}))
    with np.load(path.with_suffix(".npz")) as stored:
        inputs = [stored[name] for name in sorted(stored) if name.startswith("input")]
        expected = [stored[f"output_{i}"] for i in range(sum("output" in n for n in stored))]
    given = inputs[0] if len(inputs) == 1 else keras.tree.pack_sequence_as(model.input, inputs)
    answers = [np.asarray(each) for each in keras.tree.flatten(model(given, training=False))]
    least = min(_decibels(*pair) for pair in zip(expected, answers, strict=True))
    return Loaded(path.name, least, notes=tuple(notes))


def _converted(folder: Path) -> Loaded:
    """Make a float file of a SavedModel of one input and one output, and run it."""
    source = find_source(str(folder))
    model = format_of(source).load(source, LoadOptions(None, {}))
    file = LoadedFile(write_graph(model.float_graph(None)))
    answers = []
    with np.load(folder.with_name(f"{folder.name}.npz")) as stored:
        for sample in stored["input_0"]:
            file.run([sample[None].astype(model.inputs[0].dtype)])
            answers.append(file.output(0).copy())
        expected = stored["output_0"]
    return Loaded(
        f"{folder.name}.", _decibels(expected, np.concatenate(answers)), notes=model.notes
    )


def _decibels(expected: Any, answer: Any) -> float:
    if expected.shape != answer.shape:
        return float("-inf")
    if expected.dtype.kind not in "fiub":
        return float("inf") if np.array_equal(expected, answer) else float("-inf")
    noise = np.sum((expected.astype(np.float64) - answer.astype(np.float64)) ** 2)
    signal = np.sum(expected.astype(np.float64) ** 2)
    return float("inf") if noise == 0 else float(10 * np.log10(max(signal, 1e-300) / noise))


def main() -> int:
    """Write, load and compare; return 1 if anything is not as expected."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keras", default="tf_keras")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--saved-models", action="store_true")
    options = parser.parse_args()
    os.environ.update(CHILD_ENVIRONMENT)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        saved = options.saved_models
        written = write_files(
            Path(folder), options.python, options.keras, options.only, with_saved_models=saved
        )
        print(written)
        for result in loaded_files(Path(folder)):
            said = result.refusal.replace(f"{folder}/", "") or f"{result.decibels:.1f} dB"
            mark = "" if result.is_expected else "NOT EXPECTED "
            print(f"{result.file:36s} {mark}{said} {'; '.join(result.notes)}", flush=True)
            results.append(result)
    refused = sum(bool(result.refusal) for result in results)
    odd = sum(not result.is_expected for result in results)
    exact = sum(result.decibels == float("inf") for result in results)
    print(
        f"{len(results)} files: {len(results) - refused} loaded ({exact} with the same bits), "
        f"{refused} refused, {odd} not as expected"
    )
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())

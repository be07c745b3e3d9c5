"""A task's int8 files: edgecnn's, by its command, and the plain converter's; what they answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from .samples import TRAIN, Place
from .scenes import Array
from .tasks import TASKS, Task

CALIBRATED = 100
"""Samples that both converters see, of the training part; edgecnn's default."""


def command(*arguments: str | Path, folder: Path | None = None) -> tuple[int, str]:
    """Run an edgecnn command; return its exit status, and its lines of both streams."""
    asked = [sys.executable, "-m", "edgecnn", *map(str, arguments)]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, errors="replace")
    return done.returncode, (done.stdout + done.stderr).strip()


def of_edgecnn(task: Task, place: Place) -> tuple[Path | None, str]:
    """Return edgecnn's int8 file and what the command printed; None where it made none."""
    folder = place.root / "files"
    folder.mkdir(exist_ok=True)
    path = folder / f"{task.name}.tflite"
    if path.exists():
        return path, ""
    asked: list[str | Path] = ["convert", place.model(task.name), "-o", path]
    if task.preprocess:
        asked += ["--preprocess", task.preprocess]
    calibration = place.data(task.data) / task.calibration
    status, said = command(*asked, "--calibrate", calibration, *task.options)
    return (None if status else path), said


def plain(task: Task, place: Place) -> tuple[Path | None, str]:
    """Return TFLiteConverter's int8 file and its complaint; None where it made none.

    A frozen function of one sample is converted, as LSTMs need it; ends are floats, and ops
    without integers stay in floats.
    """
    path = place.root / "plain" / f"{task.name}.tflite"
    if path.exists():
        return path, ""
    path.parent.mkdir(exist_ok=True)
    # A process of its own: the converter ends the one that it runs in where it fails an assertion.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            path.write_bytes(pool.submit(_plain_bytes, task.name, place).result())
        except BrokenProcessPool:
            return None, "its process ended"
        except Exception as error:  # Whatever a converter raises, there is no file of it.
            return None, str(error).strip().splitlines()[-1]
    return path, ""


def _plain_bytes(name: str, place: Place) -> bytes:
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    task = TASKS[name]
    model = keras.saving.load_model(place.model(name))
    samples = task.data.read(place.data(task.data), TRAIN)
    chosen = np.linspace(0, len(samples.inputs[0]) - 1, CALIBRATED).astype(int)
    inputs = task.scaled([each[chosen] for each in samples.inputs])
    specs = [
        tf.TensorSpec((1, *each.shape[1:]), tf.float32, tensor.name)
        for each, tensor in zip(inputs, model.inputs, strict=True)
    ]
    called = tf.function(lambda *given: model(given if len(given) > 1 else given[0]))
    frozen = convert_variables_to_constants_v2(called.get_concrete_function(*specs))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(inputs)
    sets = tf.lite.OpsSet
    converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8, sets.TFLITE_BUILTINS]
    return converter.convert()


def _one_by_one(inputs: Sequence[Array]) -> Iterator[list[Array]]:
    for number in range(len(inputs[0])):
        yield [np.ascontiguousarray(each[number : number + 1]) for each in inputs]


def answers_of(path: Path, inputs: Sequence[Array], names: Sequence[str]) -> list[Array]:
    """Return what a file answers to each sample, as real numbers, in the model's order of outputs.

    Args:
        path: The file, whose batch is 1.
        inputs: An array for each input of the model, as the model takes it; their shapes differ.
        names: Of the model's outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    by_shape = {tuple(each["shape"][1:]): each for each in interpreter.get_input_details()}
    takes = [by_shape[each.shape[1:]] for each in inputs]
    gives = _outputs(interpreter, names)
    said: list[list[Array]] = [[] for _ in gives]
    for number in range(len(inputs[0])):
        for detail, values in zip(takes, inputs, strict=True):
            interpreter.set_tensor(detail["index"], _quantised(detail, values[number][None]))
        interpreter.invoke()
        for answer, detail in zip(said, gives, strict=True):
            answer.append(_real(detail, interpreter.get_tensor(detail["index"])[0]))
    return [np.stack(each) for each in said]


def _outputs(interpreter: Any, names: Sequence[str]) -> list[Any]:
    """Return the details of outputs in the order of a model.

    They have the model's names in a signature. A file without one has Identity, Identity_1, ...
    """
    if interpreter.get_signature_list():
        by_name = interpreter.get_signature_runner().get_output_details()
        return [by_name[name] for name in names]
    return sorted(interpreter.get_output_details(), key=lambda detail: detail["name"])


def _quantised(detail: Any, values: Array) -> Array:
    dtype, (scale, zero) = detail["dtype"], detail["quantization"]
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / scale + zero), limits.min, limits.max).astype(dtype)


def _real(detail: Any, values: Array) -> Array:
    scale, zero = detail["quantization"]
    is_integer = np.issubdtype(detail["dtype"], np.integer) and scale
    return (values.astype(np.float32) - zero) * scale if is_integer else values

"""Readers that start a runtime or TensorFlow: only the campaign has the time for them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import edgecnn
from edgecnn.core.errors import ChildCrashedError
from edgecnn.devices.desktop import Desktop
from edgecnn.importing.input_format import LoadOptions
from edgecnn.importing.sources import find_source, format_of
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.file import TfliteFile

from .byte_mutators import mutated_bytes
from .readers import READERS, Reader

GRAPHS = "saved_model.pb"

running: list[RunnerSession] = []
"""The runner that files are given to, until one ends it."""


def run_once(path: Path) -> None:
    """Run a file once in a runner, as it would be before it is timed."""
    call = TfliteFile(path).call()
    if not running:
        running.append(Desktop().start("running a damaged file"))
    session = running.pop()
    try:
        session.load(str(path), 1, call=call)
        session.check()
    except ChildCrashedError:
        session.kill()
        raise
    except BaseException:
        running.append(session)
        raise
    running.append(session)


def convert_file(path: Path) -> None:
    """Make a float32 file of a file, whose constants and shapes a child works out."""
    with tempfile.TemporaryDirectory() as folder:
        edgecnn.convert(path, quantize="float32", output=folder)


def load_in_tensorflow(path: Path) -> None:
    """Load a model as a child of ``edgecnn convert`` does, up to where it would be traced."""
    source = find_source(str(path))
    format_of(source).load(source, LoadOptions(None, {}))


def import_tensorflow(folder: Path) -> None:
    """Import what loading needs, which is no part of any file's time."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    import keras  # noqa: F401


EXPORT = """
import sys
import tensorflow as tf

class Doubled(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="image")])
    def __call__(self, image):
        return {"scores": tf.nn.softmax(tf.reduce_mean(image, [1, 2]) * 2.0)}

model = Doubled()
tf.saved_model.save(model, sys.argv[1], signatures={"serving_default": model.__call__})
"""


def export(folder: Path) -> None:
    """Write a SavedModel of a few ops."""
    subprocess.run([sys.executable, "-c", EXPORT, str(folder)], check=True, capture_output=True)


@cache
def graphs() -> bytes:
    """The graphs of a SavedModel."""
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder))
        return (Path(folder) / GRAPHS).read_bytes()


def prepare_saved_model(folder: Path) -> None:
    """Write the other files of the SavedModel, and import what loading it needs."""
    damaged = (folder / GRAPHS).read_bytes()
    export(folder)
    (folder / GRAPHS).write_bytes(damaged)
    import_tensorflow(folder)


def load_saved_model(path: Path) -> None:
    """Load the SavedModel in the folder of the graphs."""
    load_in_tensorflow(path.parent)


def loading(name: str) -> Reader:
    return dataclasses.replace(READERS[name], ways=(load_in_tensorflow,), prepare=import_tensorflow)


SLOW_READERS = {
    "running .tflite": dataclasses.replace(READERS[".tflite"], ways=(run_once,)),
    "converting .tflite": dataclasses.replace(READERS[".tflite"], ways=(convert_file,)),
    "loading .keras": loading(".keras"),
    "loading .h5": loading(".h5"),
    "loading .pb": Reader(
        GRAPHS, lambda: [graphs()], mutated_bytes, (load_saved_model,), prepare_saved_model
    ),
}
ALL_READERS = {**READERS, **SLOW_READERS}

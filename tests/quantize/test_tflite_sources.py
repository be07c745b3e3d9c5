"""A float ``.tflite`` file of any maker as the source: every scheme, and no TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.quantize.result import Conversion
from edgecnn.tflite.serialization import read_graph, write_graph

SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")


@pytest.fixture(scope="module")
def stranger(
    small_results: dict[str, Conversion], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The small net's float file with nothing in it that tells where it came from."""
    graph = read_graph(small_results["float32"].path.read_bytes())
    graph.model.metadata, graph.calls = None, ()
    path = tmp_path_factory.mktemp("stranger") / "stranger.tflite"
    path.write_bytes(write_graph(graph))
    return path


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which neither TensorFlow nor Keras can be imported."""
    folder = tmp_path_factory.mktemp("without")
    for name in ("tensorflow", "keras", "h5py"):
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is not there')")
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def made(
    stranger: Path, photos: Path, blocked: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("made")
    command = [
        *(sys.executable, "-m", "edgecnn", "convert", str(stranger), "--quantize", "all"),
        *("--preprocess", "tf", "--calibrate", str(photos), "--samples", "24", "--json"),
        *("-o", str(folder)),
    ]
    done = subprocess.run(command, env=blocked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {each["scheme"]: each for each in json.loads(done.stdout)}


def test_every_scheme_is_made_without_tensorflow(made: dict[str, Any]) -> None:
    assert tuple(made) == SCHEMES
    assert "tensorflow" not in made["int8"]["versions"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_files_are_those_of_the_keras_model(
    scheme: str, made: dict[str, Any], small_results: dict[str, Conversion], run_tflite: Any
) -> None:
    ours, theirs = Path(made[scheme]["path"]), small_results[scheme].path
    assert made[scheme]["operators"] == small_results[scheme].operators
    noise = np.random.default_rng(0).integers(0, 256, (8, *made[scheme]["input_shape"][1:]))
    images = noise if scheme == "int8" else noise / 127.5 - 1
    assert run_tflite(ours, images) == pytest.approx(run_tflite(theirs, images), abs=0.02)


def test_sensitivity_of_a_tflite_file(
    stranger: Path, photos: Path, blocked: dict[str, str]
) -> None:
    command = [
        *(sys.executable, "-m", "edgecnn", "sensitivity", str(stranger), "--preprocess", "tf"),
        *("--calibrate", str(photos), "--json"),
    ]
    done = subprocess.run(command, env=blocked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    graph = read_graph(stranger.read_bytes())
    layers = json.loads(done.stdout)["layers"]
    assert len(layers) >= sum(op.is_weighted for op in graph.ops)


@pytest.mark.parametrize("preset", ["torch", "caffe"])
def test_normalisation_by_channel_goes_into_the_graph(
    preset: str, stranger: Path, tmp_path: Path, run_tflite: Any
) -> None:
    (result,) = edgecnn.convert(stranger, quantize="float32", preprocess=preset, output=tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (4, *result.input_shape[1:])).astype(float)
    if preset == "torch":
        scaled = pixels / 255
        normal = (scaled - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    else:
        normal = pixels[..., ::-1] - [103.939, 116.779, 123.68]
    mean, std = result.input["mean"][0], result.input["std"][0]
    answers = run_tflite(result.path, (pixels - mean) / std)
    assert answers == pytest.approx(run_tflite(stranger, normal), abs=1e-4)


def test_files_have_a_signature_with_the_models_own_names(
    small_results: dict[str, Conversion], small_model: Any
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    names = {"inputs": [small_model.layers[0].name], "outputs": [small_model.layers[-1].name]}
    for scheme in SCHEMES:
        interpreter = Interpreter(str(small_results[scheme].path))
        assert interpreter.get_signature_list() == {"serving_default": names}
        runner = interpreter.get_signature_runner()
        (details,) = runner.get_input_details().values()
        image = np.zeros(details["shape"], details["dtype"])
        answer = runner(**{names["inputs"][0]: image})
        assert list(answer) == names["outputs"]


def test_a_quantised_file_is_refused(small_results: dict[str, Conversion], tmp_path: Path) -> None:
    for scheme in ("float16", "dynamic", "int8", "int16x8"):
        with pytest.raises(InputError, match=f"is quantised already.*{scheme}"):
            edgecnn.convert(small_results[scheme].path, quantize="float32", output=tmp_path)


def test_an_open_size_is_refused(stranger: Path, tmp_path: Path) -> None:
    graph = read_graph(stranger.read_bytes())
    graph.input.extra["shapeSignature"] = np.array([1, -1, -1, 3], np.int32)
    path = tmp_path / "open.tflite"
    path.write_bytes(write_graph(graph))
    with pytest.raises(InputError, match="leaves the size of its images open"):
        edgecnn.convert(path, quantize="float32", preprocess="tf")

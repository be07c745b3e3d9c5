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
from edgecnn.golden.sample import GOLDEN_FILE, read_sample
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.quantize.result import Conversion
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.runtime import LoadedFile
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
    small_results: dict[str, Conversion], small_file: Path, keras: Any
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    # Another process may have made the files, of a model whose input Keras gave another number.
    layers = keras.models.load_model(small_file).layers
    names = {"inputs": [layers[0].name], "outputs": [layers[-1].name]}
    for scheme in SCHEMES:
        interpreter = Interpreter(str(small_results[scheme].path))
        assert interpreter.get_signature_list() == {"serving_default": names}
        runner = interpreter.get_signature_runner()
        (details,) = runner.get_input_details().values()
        image = np.zeros(details["shape"], details["dtype"])
        answer = runner(**{names["inputs"][0]: image})
        assert list(answer) == names["outputs"]


def test_a_quantised_file_is_refused(small_results: dict[str, Conversion], tmp_path: Path) -> None:
    for scheme in ("dynamic", "int8", "int16x8"):
        with pytest.raises(InputError, match=f"is quantised already.*{scheme}"):
            edgecnn.convert(small_results[scheme].path, quantize="float32", output=tmp_path)


def test_float16_weights_are_widened(
    small_results: dict[str, Conversion], tmp_path: Path, run_tflite: Any
) -> None:
    halves = small_results["float16"].path
    (result,) = edgecnn.convert(halves, quantize="float32", output=tmp_path)
    assert "DEQUANTIZE" not in result.operators
    images = np.random.default_rng(2).normal(0, 1, (2, *result.input_shape[1:]))
    assert run_tflite(result.path, images) == pytest.approx(run_tflite(halves, images), abs=1e-5)


def test_an_open_size_must_be_said(
    tflite_models: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    path = tflite_models["open"]
    with pytest.raises(InputError, match=r"leaves the shape of its input open.*, such as size=224"):
        edgecnn.convert(path, quantize="float32", preprocess="tf", output=tmp_path)
    (int8,) = edgecnn.convert(
        path, size=48, preprocess="tf", calibrate=photos, samples=12, output=tmp_path
    )
    assert int8.input_shape == (1, 48, 48, 3)
    assert int8.operators["CONV_2D"] == 2 and "SPACE_TO_BATCH_ND" not in int8.operators
    assert int8.proof is not None and not int8.proof.reason
    assert int8.proof.after.sqnr_db > 15


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("greys") / "x.npz"
    np.savez(path, x=np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), np.uint8))
    return path


@pytest.mark.parametrize("name", ["loop", "branch", "variable", "signatures", "several"])
def test_every_scheme_of_files_with_several_graphs(
    name: str, tflite_models: dict[str, Path], greys: Path, tmp_path: Path
) -> None:
    results = edgecnn.convert(
        tflite_models[name],
        quantize="all",
        preprocess="unit",
        calibrate=greys,
        samples=12,
        input_type="float32",
        output=tmp_path,
    )
    image = np.random.default_rng(3).random((1, 8, 8, 1), np.float32)
    expected = first_answer(results[0].path, image)
    least = {"float32": 200, "float16": 50, "dynamic": 25, "int8": 20, "int16x8": 25}
    for result in results:
        noise = first_answer(result.path, image) - expected
        assert sqnr_db(expected, noise) > least[result.scheme], result.scheme
    notes = " ".join(results[0].warnings)
    int8 = next(result for result in results if result.scheme == "int8")
    says = [text for text in int8.warnings if "activations stay in float32" in text]
    assert len(says) == (name in ("loop", "branch"))
    if name == "loop":
        # The weights of the body's layers, 24 x 32 and 96 x 32, are integers; the head is int8.
        found = edgecnn.inspect(int8.path)
        assert found.operators["FULLY_CONNECTED"] == {"dynamic": 1, "float32": 1, "int8": 1}
    assert ("signature 'two' runs a graph of its own" in notes) is (name == "signatures")
    assert ("takes 4 examples in a call: its files take one" in notes) is (name == "several")
    source = read_model(tflite_models[name])
    assert [s.name for s in read_model(results[-1].path).signatures] == [
        s.name for s in source.signatures
    ]


def test_a_file_that_takes_bytes_and_normalises_them(
    tflite_models: dict[str, Path], greys: Path, tmp_path: Path
) -> None:
    results = edgecnn.convert(
        tflite_models["bytes"],
        quantize=["float32", "int8"],
        preprocess="raw",
        calibrate=greys,
        samples=12,
        output=tmp_path,
    )
    pixels = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 1), np.uint8)
    expected = first_answer(tflite_models["bytes"], pixels)
    assert [result.input_dtype for result in results] == ["float32", "uint8"]
    float32, int8 = (
        first_answer(result.path, pixels.astype(result.input_dtype)) for result in results
    )
    assert float32 == pytest.approx(expected, abs=1e-5)
    assert sqnr_db(expected, int8 - expected) > 25


def test_one_signature_is_converted_alone(tflite_models: dict[str, Path], tmp_path: Path) -> None:
    path = tflite_models["signatures"]
    (two,) = edgecnn.convert(path, quantize="float32", signature="two", output=tmp_path)
    model = read_model(two.path)
    assert (model.subgraphs, [each.name for each in model.signatures]) == (1, ["two"])
    assert two.input_shape == (1, 64)
    with pytest.raises(InputError, match="no signature 'three': it has one or two"):
        edgecnn.convert(path, quantize="float32", signature="three", output=tmp_path)


def first_answer(path: Path, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    file = LoadedFile(path.read_bytes())
    file.run([image])
    return np.array(file.output(0))


def sqnr_db(signal: np.ndarray[Any, Any], noise: np.ndarray[Any, Any]) -> float:
    return float(10 * np.log10((signal**2).sum() / max((noise**2).sum(), 1e-30)))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("face_edgetpu", "compiled for the Edge TPU"),
        ("selfie", "its ops Convolution2DTransposeBias are a program's own"),
        ("style_transfer", "is quantised already .dynamic."),
        ("keras_lstm_mnist_ptq", "is quantised already .int8."),
        ("lrt_blockwise_quantized", "is quantised already .int8."),
        ("../peers/invalid/model_invoking_error", "is truncated or corrupt"),
    ],
)
def test_what_cannot_be_a_source_is_refused(
    shared_data: Path, name: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says):
        edgecnn.convert(
            shared_data / "strangers" / f"{name}.tflite", quantize="float32", output=tmp_path
        )


STRANGERS = {
    "face_short": "one image, two answers, float16 weights",
    "mnist_lstm": "an image without a channel, an LSTM with a state",
    "iris": "a row of numbers",
    "two_sig": "three inputs and outputs, two signatures",
    "q_toy_model_with_kv_cache_multi_signature": "a transformer, weights of zeros",
    "swap3": "no op at all",
}
"""Float files of others -> what is unusual about them."""


@pytest.mark.parametrize("name", STRANGERS)
def test_files_of_others_in_every_scheme(shared_data: Path, name: str, tmp_path: Path) -> None:
    path = shared_data / "strangers" / f"{name}.tflite"
    inputs = inputs_of(path)
    is_image = name in ("face_short", "mnist_lstm")
    data, preprocess = tmp_path / "data.npz", "tf" if is_image else None
    np.savez(data, **({"x": pixels(inputs["image"])} if is_image else inputs))
    results = edgecnn.convert(
        path,
        quantize="all",
        preprocess=preprocess,
        calibrate=data,
        samples=12,
        recover="off",
        input_type="float32" if is_image else None,
        output=tmp_path,
    )
    assert [result.scheme for result in results] == list(SCHEMES)
    if name == "mnist_lstm":
        for result in results[2:]:
            # 4 x 20 x (28 + 20) weights of its gates.
            held = edgecnn.inspect(result.path).operators["UNIDIRECTIONAL_SEQUENCE_LSTM"]
            assert held == {"dynamic": 1}, result.scheme
    larger = [r.scheme for r in results if any("larger than the float32" in w for w in r.warnings)]
    sizes = {result.scheme: result.bytes for result in results}
    if name == "iris":
        # Three layers of 131 weights: scales take more bytes than integers save.
        assert "int8" in larger
        assert sizes["int8"] > sizes["float32"]
    given = [values[:1] for values in inputs.values()]
    expected = all_answers(path, given)
    for result in results:
        least = {"float32": 100, "float16": 30}.get(result.scheme, 8)
        for signal, found in zip(expected, all_answers(result.path, given), strict=True):
            assert sqnr_db(signal + 1e-3, found - signal) > least, result.scheme


def inputs_of(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return 18 samples of each input by its name, in the order of the graph."""
    model, generator = read_model(path), np.random.default_rng(0)
    names = {tensor.index: tensor.name for tensor in model.inputs}
    for signature in model.signatures:
        if signature.subgraph == 0:
            names |= dict(zip(signature.tensors, signature.inputs, strict=True))
    values = {}
    for tensor in model.inputs:
        shape = (18, *tensor.shape[1:])
        is_float = tensor.dtype == "float32"
        values[names[tensor.index] if len(shape) < 3 or len(model.inputs) > 1 else "image"] = (
            generator.uniform(-1, 1, shape).astype(np.float32)
            if is_float
            else generator.integers(0, 50, shape, np.int32)
        )
    return values


def pixels(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    images = np.rint((values + 1) * 127.5).astype(np.uint8)
    return images if images.ndim == 4 else images[..., None]


def all_answers(path: Path, inputs: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    file = LoadedFile(path.read_bytes())
    file.run(inputs)
    return [np.array(file.output(place)) for place in range(len(file.outputs))]


@pytest.fixture(scope="module")
def described(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """A maker's file with metadata, converted."""
    path = shared_data / "peers" / "mobilenet_v1_0.25_224_float_metadata.tflite"
    folder = tmp_path_factory.mktemp("described")
    return edgecnn.convert(path, quantize="float32", author="Ada", output=folder)[0]


def test_metadata_of_the_source_are_taken_over(shared_data: Path, described: Conversion) -> None:
    source = DescribedFile(shared_data / "peers" / "mobilenet_v1_0.25_224_float_metadata.tflite")
    made = DescribedFile(described.path)
    assert source.metadata is not None and made.metadata is not None
    for field in ("name", "description", "version", "license"):
        assert getattr(made.metadata, field) == getattr(source.metadata, field) != ""
    assert made.metadata.author == "Ada"
    assert made.metadata.outputs == source.metadata.outputs
    assert (made.metadata.inputs[0].mean, made.metadata.inputs[0].std) == ((127.5,), (127.5,))
    assert made.labels == source.labels
    assert made.packed_files["labels.txt"] == source.packed_files["labels.txt"]
    assert described.labels == f"those packed in {source.label}"


def test_a_file_of_ours_knows_its_source_and_its_images(
    described: Conversion, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"class {number}\n" for number in range(1001)))
    (again,) = edgecnn.convert(described.path, quantize="float16", labels=labels, output=tmp_path)
    assert again.input == described.input
    assert again.images is not None and again.images.endswith("(as its file says)")
    made = DescribedFile(again.path)
    assert made.labels is not None and made.labels[3] == "class 3"
    assert made.metadata is not None and made.metadata.author == "Ada"
    golden = [
        read_sample(DescribedFile(path).packed_files[GOLDEN_FILE], "it").provenance["source"]
        for path in (described.path, again.path)
    ]
    assert golden[1]["made_from"] == golden[0]

"""Which input was timed: open shapes, several signatures, and files that no number can be fed to.

Files of open shape and with several signatures are made by TensorFlow's own converter; expected
values come from the Interpreter and from arithmetic.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError
from edgecnn.devices.desktop import Desktop
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.file import TfliteFile

CLASSES, CHANNELS, KERNEL = 3, 8, 3
SMALL, LARGE = 4, 64
HEIGHT, WIDTH = 24, 16
QUICK: dict[str, Any] = {"runs": 1, "min_time_s": 0, "warmup": 0}
RAW: dict[str, Any] = {"preprocess": "raw"}


@pytest.fixture(scope="module")
def any_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a classifier of colour images of any size and number, 0 to 255, with softmax."""
    tf = pytest.importorskip("tensorflow")
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    maps = keras.layers.Conv2D(CHANNELS, KERNEL, padding="same", activation="relu")(scaled)
    means = keras.layers.GlobalAveragePooling2D()(maps)
    scores = keras.layers.Dense(CLASSES, activation="softmax")(means)
    path = tmp_path_factory.mktemp("open") / "any_size.tflite"
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, scores))
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="module")
def two_signatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a file whose signatures ``small`` and ``large`` multiply a row by a constant each."""
    tf = pytest.importorskip("tensorflow")
    module, folder = tf.Module(), tmp_path_factory.mktemp("signatures")

    def product(size: int) -> Any:
        weights = tf.reshape(tf.range(size * size, dtype=tf.float32), (size, size))
        return tf.function(
            lambda row: {"product": tf.matmul(row, weights)},
            input_signature=[tf.TensorSpec((1, size), name="row")],
        )

    signatures = {"large": product(LARGE), "small": product(SMALL)}
    module.functions = signatures
    tf.saved_model.save(module, str(folder), signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), list(signatures))
    path = folder / "two.tflite"
    path.write_bytes(converter.convert())
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def by_interpreter(path: Path, photo: Path) -> np.ndarray[Any, Any]:
    """Return the scores that the runtime gives to a whole image as it is."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    pixels = np.asarray(Image.open(photo), np.float32)[None]
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(source["index"], pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], pixels)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(target["index"])[0])


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgecnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command",
    [
        ("bench", "--no-store"),
        ("profile",),
        ("try", "--preprocess", "raw", "photo.png"),
        ("snippet", "--preprocess", "raw", "--for", "python"),
    ],
)
def test_an_open_shape_is_never_guessed(command: tuple[str, ...], any_size: Path) -> None:
    name, *others = command
    done = run(name, any_size, *others)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "leaves the shape of its input open" in line and "--size 224" in line


def test_the_record_says_the_shape_that_was_timed(any_size: Path) -> None:
    (record,) = edgecnn.bench(any_size, size=(HEIGHT, WIDTH), **QUICK)
    assert record.input_shape == (1, HEIGHT, WIDTH, 3)
    assert record.input_shapes == f"1x{HEIGHT}x{WIDTH}x3"
    image, maps = HEIGHT * WIDTH * 3 * 4, HEIGHT * WIDTH * CHANNELS * 4
    assert record.activation_bytes and record.activation_bytes >= image + maps
    (batch,) = edgecnn.bench(any_size, input_shapes={"": (2, HEIGHT, WIDTH, 3)}, **QUICK)
    assert batch.input_shapes == f"2x{HEIGHT}x{WIDTH}x3"


def test_costs_of_an_open_shape_are_not_known_before_its_size(any_size: Path) -> None:
    costs = edgecnn.inspect(any_size).costs
    assert costs.macs is None and costs.activation_bytes is None
    macs = HEIGHT * WIDTH * KERNEL**2 * 3 * CHANNELS + CHANNELS * CLASSES
    assert edgecnn.inspect(any_size, size=(HEIGHT, WIDTH)).costs.macs == macs
    assert edgecnn.summarize(any_size).macs is None
    assert edgecnn.summarize(any_size, size=(HEIGHT, WIDTH)).macs == macs
    profile = edgecnn.profile(any_size, size=(HEIGHT, WIDTH))
    assert profile.macs == macs
    assert profile.input_shapes == f"1x{HEIGHT}x{WIDTH}x3"
    assert all(op.error is None for op in profile.ops)


def test_scores_at_a_size_are_the_interpreters(any_size: Path, photo: Path) -> None:
    (found,) = edgecnn.classify(any_size, photo, top=CLASSES, size=(HEIGHT, WIDTH), **RAW)
    scores = {scored.index: scored.score for scored in found.top}
    expected = by_interpreter(any_size, photo)
    np.testing.assert_allclose([scores[n] for n in range(CLASSES)], expected, atol=1e-6)


def test_the_snippet_gives_the_input_its_shape(any_size: Path, photo: Path) -> None:
    size = f"{HEIGHT}x{WIDTH}"
    program = run("snippet", any_size, "--for", "python", "--preprocess", "raw", "--size", size)
    (photo.parent / "classify.py").write_text(program.stdout)
    done = subprocess.run(
        [sys.executable, "classify.py", photo], cwd=photo.parent, capture_output=True, text=True
    )
    best = int(by_interpreter(any_size, photo).argmax())
    assert f"class {best}" in done.stdout.splitlines()[0], done.stderr
    refused = run("snippet", any_size, "--for", "web", "--preprocess", "raw", "--size", size)
    assert refused.returncode == 2 and "open" in refused.stderr


def test_accuracy_is_measured_at_the_size(any_size: Path, photo: Path) -> None:
    # The same image stands for each class, so one of the three is right.
    folders = [photo.parent / "data" / str(index) for index in range(CLASSES)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "photo.png").write_bytes(photo.read_bytes())
    options: dict[str, Any] = {"label_offset": 0, "size": (HEIGHT, WIDTH), **RAW, **QUICK}
    (record,) = edgecnn.bench(any_size, data=photo.parent / "data", against=any_size, **options)
    assert record.top1_percent == pytest.approx(100 / CLASSES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": (48, 10)}, "whose input 'input_1' is ?x49x10x1"),
        ({"input_shapes": {"": (1, 49, 10)}}, "whose input 'input_1' is ?x49x10x1"),
        ({"input_shapes": {"audio": (1, 49, 10, 1)}}, "there is no input 'audio'"),
        ({"signature": "serve"}, "has no signature 'serve'"),
    ],
)
def test_what_does_not_fit_a_file_is_refused(
    options: dict[str, Any], said: str, shared_data: Path
) -> None:
    with pytest.raises(InputError) as refused:
        TfliteFile(shared_data / "strangers" / "kws.tflite").call(CallOptions(**options))
    assert said in str(refused.value)


def test_a_batch_that_alone_is_open_is_one_and_that_is_said(
    shared_data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "records.json"
    options = ("--runs", 1, "--min-time", 0, "--warmup", 0, "--no-store", "--json", path)
    done = run("bench", shared_data / "strangers" / "kws.tflite", *options)
    assert "kws.tflite: the batch is open: timed with a batch of 1" in done.stdout
    (record,) = json.loads(path.read_text())
    assert record["input_shape"] == [1, 49, 10, 1] and record["input_shapes"] is None


def test_signatures_are_chosen_by_name_or_refused(two_signatures: Path) -> None:
    with pytest.raises(InputError) as refused:
        edgecnn.bench(two_signatures, **QUICK)
    assert "choose by signature large or small" in str(refused.value)
    for name, size in (("large", LARGE), ("small", SMALL)):
        (record,) = edgecnn.bench(two_signatures, signature=name, **QUICK)
        assert (record.signature, record.input_shape) == (name, (1, size))
    profile = edgecnn.profile(two_signatures, signature="small")
    assert (profile.signature, profile.macs) == ("small", SMALL * SMALL)
    assert [signature.name for signature in edgecnn.inspect(two_signatures).signatures] == [
        "large",
        "small",
    ]


@pytest.mark.parametrize(("name", "size"), [("large", LARGE), ("small", SMALL)])
def test_a_signature_runs_its_own_graph(name: str, size: int, two_signatures: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    rows = np.random.default_rng(1).normal(0, 1, (2, 1, size)).astype(np.float32)
    call = TfliteFile(two_signatures).call(CallOptions(signature=name))
    with Desktop().start("running it") as session:
        session.load(two_signatures, threads=1, call=call)
        found = session.classify(rows, 1, with_outputs=True).outputs
    runner = Interpreter(str(two_signatures)).get_signature_runner(name)
    np.testing.assert_allclose(found, [runner(row=row)["product"][0] for row in rows], rtol=1e-5)


def test_a_signature_in_another_order_names_the_right_input(shared_data: Path) -> None:
    file = TfliteFile(shared_data / "strangers" / "lrt_reverse_signature_model.tflite")
    (signature,) = file.model.signatures
    assert dict(zip(signature.inputs, signature.tensors, strict=True)) == {"x": 1, "y": 0}
    assert [tensor.index for tensor in file.model.inputs] == [0, 1]
    file = TfliteFile(shared_data / "strangers" / "two_sig.tflite")
    options = CallOptions(input_shapes={"second_input": (1, 3)}, signature="model_two")
    with pytest.raises(InputError, match="whose input 'model_two_second_input:0' is 1x2"):
        file.call(options)


REFUSED = {
    "dilated_conv": "leaves the shape of its input open",
    "face_edgetpu": "compiled for the Edge TPU",
    "fizz_edgetpu": "compiled for the Edge TPU",
    "lrt_blockwise_quantized": "a quantisation that this runtime does not compute",
    "lrt_gather_string": "takes text",
    "q_toy_model_with_kv_cache_multi_signature": "signature signature_1 or signature_2",
    "two_sig": "signature model_one or model_two",
}


def test_files_of_other_makers_are_measured_as_they_are_or_refused(shared_data: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    files = sorted((shared_data / "strangers").glob("*.tflite"))
    failures: list[EdgecnnError] = []
    records = edgecnn.bench(files, on_failure=failures.append, **QUICK)
    expected = dict(REFUSED)
    for failure in failures:
        (name,) = (name for name in expected if f"/{name}.tflite" in str(failure))
        assert expected.pop(name) in str(failure)
        assert "\n" not in str(failure)
    assert not expected
    for record in records:
        source = Interpreter(record.model).get_input_details()[0]
        assert record.input_shape == tuple(source["shape"]), record.model
        assert record.signature is None and record.input_shapes is None
    assert len(records) + len(failures) == len(files)


def test_a_crash_at_a_check_of_a_kernel_is_no_damaged_file(shared_data: Path) -> None:
    path = shared_data / "strangers" / "lrt_blockwise_quantized.tflite"
    with pytest.raises(ChildCrashedError) as crashed:
        edgecnn.profile(path)
    assert "truncated" not in str(crashed.value)


def test_a_map_is_no_row_of_scores(shared_data: Path, photo: Path) -> None:
    with pytest.raises(InputError, match="is no classifier: it gives a class for each position"):
        edgecnn.classify(shared_data / "strangers" / "deeplab_dm05_quant.tflite", photo)

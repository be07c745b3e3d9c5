"""``edgecnn.convert`` on real models: the files say what the Keras model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.core.errors import ConversionError, InputError
from edgecnn.data.datasets import open_dataset
from edgecnn.data.images import fit
from edgecnn.data.inputspec import preset
from edgecnn.importing.formats import keras_file
from edgecnn.inspection.runtimes import oldest_runtime
from edgecnn.quantize.result import Conversion
from edgecnn.tflite.reading import read_model

SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")


@pytest.fixture(scope="session")
def pixels(photos: Path) -> np.ndarray[Any, Any]:
    """The photographs at the small model's size: uint8 (24, 32, 32, 3)."""
    dataset = open_dataset(photos)
    spec = preset("tf", 32, 32)
    return np.stack([fit(dataset.read(i), spec) for i in range(len(dataset))])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_says_what_keras_says(
    scheme: str,
    small_results: dict[str, Conversion],
    small_model: Any,
    pixels: Any,
    run_tflite: Any,
) -> None:
    result = small_results[scheme]
    expected = small_model.predict(pixels / 127.5 - 1.0, verbose=0)
    is_uint8 = result.input_dtype == "uint8"
    found = run_tflite(result.path, pixels if is_uint8 else pixels / 127.5 - 1.0)
    # A step of int8's softmax is 1/256; the rest is rounding inside.
    tolerance = {"float32": 1e-5, "float16": 2e-3, "dynamic": 2e-2, "int8": 4e-2, "int16x8": 1e-2}
    assert np.abs(found - expected).max() < tolerance[scheme]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_files_are_what_was_asked_for(scheme: str, small_results: dict[str, Conversion]) -> None:
    result = small_results[scheme]
    model = read_model(result.path)
    assert result.path.name == f"small_{scheme}.tflite"
    assert model.scheme == scheme
    assert model.inputs[0].shape == (1, 32, 32, 3)
    assert model.inputs[0].dtype == ("uint8" if scheme == "int8" else "float32")
    assert model.outputs[0].dtype == "float32"
    assert result.bytes == result.path.stat().st_size
    assert model.edgecnn is not None
    assert model.edgecnn["input"]["mean"] == [127.5, 127.5, 127.5]
    assert not {"SHAPE", "PACK", "STRIDED_SLICE", "PAD", "RESHAPE"} & set(model.op_counts)


def test_files_declare_the_oldest_runtime_that_their_ops_need(
    small_results: dict[str, Conversion],
) -> None:
    found = {name: oldest_runtime(read_model(made.path)) for name, made in small_results.items()}
    assert [each.declared for each in found.values()] == [each.version for each in found.values()]
    # MEAN takes float from its version 1 and int16 from its version 3: releases 1.6 and 2.4.
    assert (found["float32"].declared, found["int16x8"].declared) == ("1.6.0", "2.4.0")


def test_uint8_input_carries_the_normalisation(small_results: dict[str, Conversion]) -> None:
    (tensor,) = read_model(small_results["int8"].path).inputs
    assert tensor.scale[0] == pytest.approx(1 / 127.5, rel=1e-6)
    assert tensor.zero_point[0] in (127, 128)  # 127.5 is between two integers


def test_same_input_gives_the_same_bytes(
    small_file: Path, photos: Path, small_results: dict[str, Conversion], tmp_path: Path
) -> None:
    again = edgecnn.convert(
        small_file,
        quantize="int8",
        preprocess="tf",
        calibrate=photos,
        samples=24,
        output=tmp_path / "again.tflite",
    )
    assert again[0].sha256 == small_results["int8"].sha256


def test_caffe_preprocessing_goes_into_a_uint8_file(
    keras: Any, small_model: Any, photos: Path, pixels: Any, tmp_path: Path, run_tflite: Any
) -> None:
    (result,) = edgecnn.convert(
        small_model, preprocess="caffe", calibrate=photos, samples=24, output=tmp_path / "c.tflite"
    )
    peer = keras.applications.imagenet_utils.preprocess_input(
        pixels.astype(np.float32), mode="caffe"
    )
    expected = small_model.predict(peer, verbose=0)
    (tensor,) = read_model(result.path).inputs
    # The whole number next to the average of the means.
    assert (tensor.scale, tensor.zero_point) == ((1.0,), (115,))
    found = run_tflite(result.path, pixels)
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.9


def test_model_with_its_own_rescaling_takes_raw_pixels(
    keras: Any, photos: Path, tmp_path: Path
) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    (result,) = edgecnn.convert(model, calibrate=photos, samples=10, output=tmp_path / "r.tflite")
    assert result.input is not None
    assert (result.input["mean"], result.input["std"]) == ((0.0,), (1.0,))
    assert result.input["color_order"] == "GRAY"


def test_saved_model_folder(small_model: Any, tmp_path: Path, pixels: Any, run_tflite: Any) -> None:
    folder = tmp_path / "exported model"
    small_model.export(folder, verbose=False)
    (result,) = edgecnn.convert(folder, quantize="float32", output=tmp_path)
    assert result.path == tmp_path / "exported_model_float32.tflite"
    expected = small_model.predict(pixels / 127.5 - 1.0, verbose=0)
    assert np.abs(run_tflite(result.path, pixels / 127.5 - 1.0) - expected).max() < 1e-5


def test_a_saved_model_with_several_answers(keras: Any, tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    answers = {name: keras.layers.Dense(2, name=name)(x) for name in ("left", "right")}
    model = keras.Model(inputs, answers)
    model.export(tmp_path / "two", verbose=False)
    (result,) = edgecnn.convert(tmp_path / "two", quantize="float32", output=tmp_path)
    run = Interpreter(model_path=str(result.path)).get_signature_runner()
    image = np.full((1, 8, 8, 3), 0.5, np.float32)
    (name,) = run.get_input_details()
    found, wanted = run(**{name: image}), model.predict(image, verbose=0)
    assert list(found) == ["left", "right"]
    for side, answer in found.items():
        np.testing.assert_allclose(answer, wanted[side], rtol=1e-5)


def test_keras_2_file_converts(shared_data: Path, photos: Path, tmp_path: Path) -> None:
    (result,) = edgecnn.convert(
        shared_data / "models" / "mlperf_tiny_vww96_keras2.h5",
        preprocess="unit",
        calibrate=photos,
        samples=10,
        output=tmp_path,
    )
    assert result.input_shape == (1, 96, 96, 3)
    assert result.output_shape == (1, 2)
    assert result.operators["DEPTHWISE_CONV_2D"] == 13  # MobileNet v1 has thirteen


def test_real_model_keeps_its_answers(shared_data: Path, real_files: Any, run_tflite: Any) -> None:
    source = shared_data / "models" / "mobilenet_v1_0.25_224.keras"
    result = real_files("mobilenet_v1_0.25_224")["float32"]
    dataset = open_dataset(shared_data / "imagenet_sample")
    spec = preset("tf", 224, 224)
    images = np.stack([spec.normalize(fit(dataset.read(i), spec)) for i in range(0, 500, 25)])
    expected = np.asarray(
        keras_file.input_format.read(str(source), trust=False)[0](images, training=False)
    )
    assert np.abs(run_tflite(result.path, images) - expected).max() < 1e-4


def test_weights_with_nan_are_refused(keras: Any, photos: Path, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    model.add(keras.layers.GlobalAveragePooling2D())
    weights = [np.full_like(value, np.nan) for value in model.get_weights()]
    model.set_weights(weights)
    with pytest.raises(InputError, match="not finite for calibration sample 1"):
        edgecnn.convert(model, preprocess="unit", calibrate=photos, samples=10, output=tmp_path)
    with pytest.raises(ConversionError, match="NaN or infinite"):
        edgecnn.convert(model, quantize="float32", output=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_op_without_kernel_is_named(keras: Any, tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3))
    outputs = keras.ops.erfinv(keras.layers.GlobalAveragePooling2D()(inputs) * 0.1)
    with pytest.raises(ConversionError, match=r"no TFLite kernel for .*Erfinv"):
        edgecnn.convert(keras.Model(inputs, outputs), quantize="float32", output=tmp_path)


def test_outputs_that_only_training_uses_are_dropped(
    tmp_path: Path, run_tflite: Any, pixels: Any
) -> None:
    path = tmp_path / "trained.keras"
    model = edgecnn.build("inception_v1", alpha=0.25, size=32, classes=4, auxiliary=True)
    model.save(path)
    result = edgecnn.convert(path, quantize="float32", preprocess="tf")[0]
    assert result.output_shape == (1, 4)
    assert any("auxiliary_4a, auxiliary_4d" in warning for warning in result.warnings)
    assert not any(
        "auxiliary" in t.name for op in read_model(result.path).operators for t in op.outputs
    )
    scaled = pixels / 127.5 - 1.0
    expected = np.asarray(model(scaled, training=False)[0])
    assert np.abs(run_tflite(result.path, scaled) - expected).max() < 1e-5


def test_hard_swish_with_16_bit_activations(
    keras: Any, photos: Path, pixels: Any, tmp_path: Path, run_tflite: Any
) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="hard_swish")(inputs)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="hard_swish")(5 * x)
    outputs = layers.Dense(5)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    path = tmp_path / "swish.keras"
    model.save(path)
    result = edgecnn.convert(path, quantize="int16x8", preprocess="tf", calibrate=photos)[0]
    # The sixths and the five are in the kernels that follow.
    assert (result.operators["ADD"], result.operators["MUL"]) == (2, 2)
    scaled = pixels / 127.5 - 1.0
    expected = model.predict(scaled, verbose=0)
    found = run_tflite(result.path, scaled)
    # Weights of 8 bits are what is lost: about one part in a hundred of the answers' spread.
    assert np.abs(found - expected).max() < 0.03 * expected.std()


def test_what_was_loaded_of_the_weights_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.weights.h5"
    edgecnn.build("mobilenet_v2", alpha=0.35, size=32, classes=4).save_weights(path)
    result = edgecnn.convert(
        "mobilenet_v2", weights=path, alpha=0.35, size=32, classes=4, output=tmp_path,
        quantize="float32",
    )[0]  # fmt: skip
    assert any("all 262 arrays" in warning for warning in result.warnings), result.warnings

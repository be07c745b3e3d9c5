"""Files that Keras 2 wrote, loaded and answered as by Keras 2; a tenth of the benchmark's sweep."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.importing.custom_code import custom_code
from edgecnn.importing.input_format import LoadOptions
from edgecnn.importing.keras2.entries import cleaned
from edgecnn.importing.sources import find_source, format_of

from .outside_models import loaded, refused

CASES = (
    "Activation-hard_sigmoid", "BatchNormalization-2", "Bidirectional-3", "ConvLSTM2D",
    "Conv2DTranspose-2", "Conv2D-4", "LSTM-4", "LSTM-initial-state", "LeakyReLU-2",
    "MultiHeadAttention-2", "Normalization-adapted", "RandomCrop", "Resizing-5",
    "SeparableConv2D-2", "SpatialDropout2D", "TimeDistributed-2", "net-dictionary",
    "net-mixed-float16", "net-nested-partly-frozen", "net-resblock", "net-sequence-of-models",
    "tf-preprocess-tf", "tf-shape-open", "tf-slices",
)  # fmt: skip
REFUSED_CASES = ("Lambda", "LocallyConnected2D", "tf-einsum")
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "keras2_layers.py"


@pytest.fixture(scope="module")
def sweep() -> ModuleType:
    spec = importlib.util.spec_from_file_location("keras2_layers", BENCHMARK)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def keras(keras: Any) -> Any:
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras, which writes the files, is not installed")
    return keras


@pytest.fixture(scope="module")
def files(sweep: ModuleType, keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras2")
    sweep.write_files(folder, sys.executable, "tf_keras", [*CASES, *REFUSED_CASES])
    return folder


def test_every_file_answers_as_keras_2_did(sweep: ModuleType, files: Path) -> None:
    results = list(sweep.loaded_files(files))
    assert [result for result in results if not result.is_expected] == []
    # Keras 2 does not write an Ellipsis into a .keras file, which net-resblock has.
    assert len(results) == 2 * len([*CASES, *REFUSED_CASES]) - 1


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_what_keras_3_has_no_layer_for_is_loaded_by_keras_2(files: Path, ending: str) -> None:
    path = files / f"LocallyConnected2D.{ending}"
    with pytest.raises(InputError, match=r"\(LocallyConnected2D\), which Keras 3 does not have"):
        source = find_source(str(path))
        format_of(source).keras_model(source, LoadOptions(None, {}))
    model = loaded(path)
    with np.load(path.with_suffix(".npz")) as stored:
        assert model.outputs[0].shape[1:] == stored["output_0"].shape[1:]
    assert model.float_graph(None).ops


def test_mixed_precision_is_loaded_in_float32_and_says_so(files: Path) -> None:
    model = loaded(files / "net-mixed-float16.h5")
    assert model.notes == ("was trained in mixed_float16: loaded in float32",)
    assert model.outputs[0].dtype == "float32"


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_mixed_precision_of_keras_3(keras: Any, tmp_path: Path, ending: str) -> None:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, dtype="mixed_bfloat16")(inputs)
    x = keras.layers.GlobalAveragePooling2D(dtype="mixed_bfloat16")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(x))
    path = tmp_path / f"model.{ending}"
    model.save(path)
    source = find_source(str(path))
    read, notes = format_of(source).keras_model(source, LoadOptions(None, {}))
    assert notes == ["was trained in mixed_bfloat16: loaded in float32"]
    assert {layer.compute_dtype for layer in read.layers} == {"float32"}
    for ours, theirs in zip(read.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def edited(files: Path, case: str, target: Path, old: str, new: str) -> Path:
    """Copy an ``.h5`` file with another text in its configuration."""
    shutil.copyfile(files / f"{case}.h5", target)
    with h5py.File(target, "r+") as file:
        config = file.attrs["model_config"]
        assert old in config
        file.attrs["model_config"] = config.replace(old, new)
    return target


@pytest.mark.parametrize(
    "function", ["io.write_file", "py_function", "io.gfile.rmtree", "numpy_function", "nn", "exec"]
)
def test_functions_that_do_more_than_compute_are_refused(
    files: Path, tmp_path: Path, function: str
) -> None:
    old, new = '"function": "__operators__.getitem"', f'"function": "{function}"'
    path = edited(files, "tf-slices", tmp_path / "model.h5", old, new)
    refused(path, rf"function 'tf.{function}'")


def test_a_setting_that_keras_3_lacks_is_refused(files: Path, tmp_path: Path) -> None:
    old, new = '"time_major": false', '"time_major": true'
    path = edited(files, "LSTM-4", tmp_path / "model.h5", old, new)
    source = find_source(str(path))
    with pytest.raises(InputError, match="has the setting time_major=True, which Keras 3 does not"):
        format_of(source).keras_model(source, LoadOptions(None, {}))


def test_layers_are_numbered_as_tensorflow_2_13_does(
    sweep: ModuleType, files: Path, tmp_path: Path
) -> None:
    """It counts each layer with weights twice: dense, dense_2, dense_4."""
    case, weights = "net-dictionary", "model.weights.h5"
    shutil.copy(files / f"{case}.npz", tmp_path)
    with (
        zipfile.ZipFile(files / f"{case}.keras") as old,
        zipfile.ZipFile(tmp_path / f"{case}.keras", "w") as new,
        h5py.File(io.BytesIO(old.read(weights))) as source,
        h5py.File(tmp_path / weights, "w") as target,
    ):
        dense = [name for name in source["layers"] if name.startswith("dense")]
        assert sorted(dense) == ["dense", "dense_1", "dense_2"]
        for name in source["layers"]:
            other = {"dense_1": "dense_2", "dense_2": "dense_4"}.get(name, name)
            source.copy(source["layers"][name], target, f"_layer_checkpoint_dependencies/{other}")
        target.close()
        new.write(tmp_path / weights, weights)
        for name in set(old.namelist()) - {weights}:
            new.writestr(name, old.read(name))
    (tmp_path / weights).unlink()
    (result,) = sweep.loaded_files(tmp_path)
    assert result.is_expected, result


def test_weights_of_another_shape_are_refused(files: Path, tmp_path: Path) -> None:
    path = edited(files, "Conv2D-4", tmp_path / "model.h5", '"filters": 4', '"filters": 5')
    with pytest.raises(
        InputError, match=r"kernel of shape \(1, 1, 3, 4\) where its layer 'conv2d'"
    ):
        loaded(path)


def test_names_with_slashes_and_any_ending(files: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    edited(files, "Conv2D-4", path, '"conv2d"', '"block1/conv"')
    with h5py.File(path, "r+") as file:
        file.move("model_weights/conv2d", "model_weights/block1/conv")
    source = find_source(str(path))
    model, _ = format_of(source).keras_model(source, LoadOptions(None, {}))
    assert model.layers[-1].name == "block1_conv"


def test_wrappers_of_the_optimisation_toolkit_are_taken_away() -> None:
    inner = {"class_name": "Dense", "config": {"name": "dense", "activation": {
        "class_name": "QuantizeAwareActivation", "config": {"activation": "relu"}}}}  # fmt: skip
    wrapper = {"class_name": "QuantizeWrapperV2", "config": {"name": "quant_dense", "layer": inner},
               "name": "quant_dense", "inbound_nodes": [[["a", 0, 0, {}]]]}  # fmt: skip
    assert cleaned(wrapper) == {
        "class_name": "Dense", "config": {"name": "dense", "activation": "relu"},
        "name": "quant_dense", "inbound_nodes": [[["a", 0, 0, {}]]],
        "wrapped_as": "QuantizeWrapperV2",
    }  # fmt: skip


def test_code_of_what_only_training_uses_is_no_reason_to_refuse() -> None:
    own = {"class_name": "OwnPenalty", "module": "package", "config": {}}
    layer = {"class_name": "Dense", "config": {"units": 1, "kernel_regularizer": own}}
    assert list(custom_code(json.loads(json.dumps(layer)))) != []
    assert list(custom_code(cleaned(layer))) == []

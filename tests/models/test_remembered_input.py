"""Built models remember their InputSpec, in whatever they are saved and made part of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.data.geometry import Geometry
from edgecnn.data.inputspec import custom, preset
from edgecnn.models.build import input_spec
from edgecnn.models.registry import list_models
from edgecnn.models.remembered_input import layer_name_of, remembered_spec, spec_of_layer_name

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")


@pytest.mark.parametrize("weights", [None, "imagenet"])
def test_every_architectures_input_is_a_name_and_back(weights: str | None) -> None:
    for spec in list_models():
        wanted = input_spec(spec.name, weights=weights)
        name = layer_name_of(wanted)
        assert spec_of_layer_name(name, wanted.height, wanted.width) == wanted


def test_other_inputs_are_names_and_back() -> None:
    grey = preset("unit", 28, 28, 1).with_geometry(Geometry("pad", 1.0, "bicubic"))
    uneven = custom((1e-07, 2.0, 254.9), (0.1, 1e20, 3.0), 8, 16)
    for spec in (grey, uneven, preset("caffe", 8, 16)):
        assert spec_of_layer_name(layer_name_of(spec), spec.height, spec.width) == spec


@pytest.mark.parametrize(
    "name",
    [
        "conv1",
        "takes_RGB_mean_127.5_std_0_stretch_bilinear",
        "takes_RGB_mean_1_2_std_1_stretch_bilinear",
        "takes_RGB_mean_1e999_std_1_stretch_bilinear",
        "takes_RGB_mean_1..2_std_1_stretch_bilinear",
        "takes_RGB_mean_1_std_1_crop_7_bilinear",
        "takes_RGB_mean_1_std_1_stretch_cubic",
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    assert spec_of_layer_name(name, 8, 8) is None


@pytest.fixture(scope="module")
def built() -> Any:
    return edgecnn.build("resnet8", classes=5)


def _saved(ending: str) -> Any:
    def save(model: Any, folder: Path) -> Any:
        path = folder / f"model{ending}"
        model.save(path)
        return keras.models.load_model(path)

    return save


def _fine_tuned(model: Any, folder: Path) -> Any:
    images = keras.Input((32, 32, 3))
    features = keras.Model(model.input, model.layers[-2].output)
    x = features(keras.layers.RandomFlip("horizontal")(images))
    return _saved(".keras")(keras.Model(images, keras.layers.Dense(3)(x)), folder)


WAYS = {
    "as built": lambda model, folder: model,
    "saved": _saved(".keras"),
    "saved as Keras 2 did": _saved(".h5"),
    "cloned": lambda model, folder: keras.models.clone_model(model),
    "with another head": lambda model, folder: keras.Model(model.input, model.layers[-2].output),
    "in a sequence": lambda model, folder: keras.Sequential([model, keras.layers.Dense(2)]),
    "fine-tuned and saved": _fine_tuned,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_built_model_remembers_its_input(way: str, built: Any, tmp_path: Path) -> None:
    model = WAYS[way](built, tmp_path)
    assert remembered_spec(model, (32, 32, 3)) == input_spec("resnet8")


def test_a_model_that_changes_its_images_first_takes_others(built: Any) -> None:
    images = keras.Input((32, 32, 3))
    rescaled = keras.Model(images, built(keras.layers.Rescaling(255.0)(images)))
    computed = keras.Model(images, built(images * 255.0))
    assert remembered_spec(rescaled, (32, 32, 3)) is None
    assert remembered_spec(computed, (32, 32, 3)) is None


def test_what_a_model_remembers_goes_into_its_files(built: Any, tmp_path: Path) -> None:
    path = tmp_path / "saved.keras"
    _fine_tuned(built, tmp_path).save(path)
    (made,) = edgecnn.convert(path, quantize="float32", output=tmp_path)
    assert made.input == input_spec("resnet8").to_dict()
    assert made.images is not None and made.images.endswith("(as it was built)")
    assert not any("preprocess" in warning for warning in made.warnings)


def test_what_contradicts_a_model_is_taken_and_said(built: Any, tmp_path: Path) -> None:
    (made,) = edgecnn.convert(built, quantize="float32", preprocess="tf", output=tmp_path)
    assert made.input is not None and made.input["mean"] == (127.5,) * 3
    assert any("preprocess contradicts the model's own layer" in each for each in made.warnings)

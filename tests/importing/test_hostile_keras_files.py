"""Keras files that name more than Keras' own layers are refused before Keras sees them."""

from __future__ import annotations

import contextlib
import inspect
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from edgecnn.core.errors import InputError
from edgecnn.importing.custom_code import CODE_LAYERS, custom_code

from .outside_models import FILE, loaded, refused


@pytest.fixture(scope="module")
def keras_file(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A harmless model with an inner model and a wrapped layer; tests edit copies."""
    layers = keras.layers
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu")])
    inner.compile("adam", "mse")
    inputs = keras.Input((8, 8, 3))
    x = layers.TimeDistributed(layers.Dense(4))(inner(inputs))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(2, kernel_regularizer="l2", name="last")(x))
    path = tmp_path_factory.mktemp("plain") / "model.keras"
    model.save(path)
    return path


def edited(source: Path, target: Path, edit: Callable[[Any], None]) -> Path:
    """Copy a ``.keras`` file with another configuration."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                edit(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return target


def last_layer(config: Any) -> Any:
    return next(x for x in config["config"]["layers"] if x["config"]["name"] == "last")


def inner_entry(config: Any, class_name: str) -> Any:
    return next(x for x in config["config"]["layers"] if x["class_name"] == class_name)


def named(class_name: str, config: Any = None, module: Any = "keras.layers", **more: Any) -> Any:
    config = {} if config is None else config
    return {"module": module, "class_name": class_name, "config": config, **more}


def function(name: str, module: str) -> Any:
    return named("function", name, module, registered_name=name)


HOSTILE = {
    "any class of any module": named("Popen", {"args": ["touch", FILE]}, "subprocess"),
    "any function": function("system", "os"),
    "a built-in function": function("exec", "builtins"),
    "a built-in as a class": named("exec", module="builtins"),
    "a download": function("get_file", "keras.utils"),
    "a download as a class": named("get_file", {"origin": f"file://{FILE}"}, "keras.utils"),
    "a download's own module": function("get_file", "keras.src.utils.file_utils"),
    "an end of safe mode": function("enable_unsafe_deserialization", "keras.config"),
    "another model's code": function("load_model", "keras.models"),
    "a function of layers": function("deserialize", "keras.layers"),
    "weights from a file": named("VGG16", {"weights": FILE}, "keras.applications"),
    "a SavedModel": named("TFSMLayer", {"filepath": FILE}),
    "a SavedModel by another name": named(
        "TFSMLayer", {"filepath": FILE}, "keras.src.export.tfsm_layer"
    ),
    "a pickled module": named("TorchModuleWrapper", {"module": "gASVAAAAAAA="}),
    "a function of JAX": named("JaxLayer", {"call_fn": None}),
    "a Lambda layer": named("Lambda", {"function": {"class_name": "__lambda__", "config": {}}}),
    "a Lambda layer of Keras 2": named("Lambda", {"function": ["4wAAAA==", None, None]}, None),
    "a Lambda layer by its file": named("Lambda", {}, "keras.src.layers.core.lambda_layer"),
    "a lambda": named("__lambda__", {"code": "4wAAAA=="}, None),
    "a type of TensorFlow": named(
        "__typespec__", [], "subprocess", spec_name="Popen", registered_name=None
    ),
    "words from a file": named("StringLookup", {"vocabulary": FILE}),
    "numbers from a file": named("IntegerLookup", {"vocabulary": FILE}),
    "words from a server": named("TextVectorization", {"vocabulary": "http://192.0.2.1/words"}),
    "a class of somebody's own": named("Dense", registered_name="Package>Dense"),
    "a class within a class": named("core.Lambda"),
    "no name": named(["Dense"]),  # type: ignore[arg-type]
    "no module": named("Dense", module=["keras"]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_layer_needs_is_refused(what: str, keras_file: Path, tmp_path: Path) -> None:
    def edit(config: Any) -> None:
        last_layer(config)["config"]["activation"] = HOSTILE[what]

    refused(edited(keras_file, tmp_path / "model.keras", edit))


def in_node(config: Any, entry: Any) -> None:
    last_layer(config)["inbound_nodes"][0]["kwargs"]["mask"] = entry


def wrapped(config: Any, entry: Any) -> None:
    inner_entry(config, "TimeDistributed")["config"]["layer"] = entry


def in_inner_model(config: Any, entry: Any) -> None:
    inner_entry(config, "Sequential")["config"]["layers"].append(entry)


def compiled_within(config: Any, entry: Any) -> None:
    inner_entry(config, "Sequential")["compile_config"] = {"loss": entry}


PLACES: dict[str, Callable[[Any, Any], None]] = {
    "the model": lambda config, entry: config.update(entry),
    "a layer": lambda config, entry: config["config"]["layers"].append(entry),
    "an initializer": lambda config, entry: last_layer(config)["config"].update(
        bias_initializer=entry
    ),
    "a type": lambda config, entry: last_layer(config)["config"].update(dtype=entry),
    "what a layer is built with": lambda config, entry: last_layer(config).update(
        build_config={"input_shape": entry}
    ),
    "a setting that no layer has": lambda config, entry: config.update(a=[{"b": [entry]}]),
    "a node": in_node,
    "a wrapped layer": wrapped,
    "an inner model": in_inner_model,
    "a setting called as what is left out": lambda config, entry: last_layer(config).update(
        build_config={"compile_config": entry}
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_stands(place: str, keras_file: Path, tmp_path: Path) -> None:
    def edit(config: Any) -> None:
        PLACES[place](config, HOSTILE["any class of any module"])

    refused(edited(keras_file, tmp_path / "model.keras", edit), "custom class 'Popen'")


def test_how_an_inner_model_was_compiled_is_not_looked_at(keras_file: Path, tmp_path: Path) -> None:
    # Keras says that there is no such class as soon as it looks for it.
    def edit(config: Any) -> None:
        compiled_within(config, HOSTILE["any class of any module"])

    path = edited(keras_file, tmp_path / "model.keras", edit)
    assert loaded(path).outputs == loaded(keras_file).outputs


@pytest.mark.parametrize("what", HOSTILE)
def test_an_h5_file_may_do_no_more(what: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    layers = [named("InputLayer", {"batch_shape": [None, 8, 8, 3]}, None), HOSTILE[what]]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = []
    refused(path)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_code_that_would_run_does_not(
    keras: Any, ending: str, tmp_path: Path, canary: Path
) -> None:
    path = tmp_path / f"model.{ending}"
    inputs = keras.Input((8, 8, 3))
    code = f"lambda x: (__import__('pathlib').Path({str(canary)!r}).touch(), x)[1]"
    x = keras.layers.Lambda(eval(code))(inputs)
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(path)
    canary.unlink(missing_ok=True)
    refused(path, "carries code of its own (Lambda layer), which converting it would run")
    assert not canary.exists()
    loaded(path, trust=True)
    assert canary.exists()


def test_parts_of_the_zip_are_unpacked_nowhere_else(
    keras_file: Path, tmp_path: Path, canary: Path
) -> None:
    path = edited(keras_file, tmp_path / "model.keras", lambda config: None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/words", "a")  # With these, Keras unpacks all parts.
        for name in (str(canary), "/.." * 20 + str(canary), "assets/../../" + canary.name):
            archive.writestr(name, "written")
    with contextlib.suppress(InputError):
        loaded(path)
    assert not canary.exists()


def test_all_that_keras_computes_with_is_let_through(keras: Any, keras_file: Path) -> None:
    assert loaded(keras_file).outputs[0].shape == (1, 2)
    spaces = ("layers", "initializers", "regularizers", "constraints", "dtype_policies", "models")
    checked = 0
    for space in spaces:
        exported = getattr(keras, space)
        for name in dir(exported):
            if not inspect.isclass(getattr(exported, name)) or name.islower() or "_" in name:
                continue  # Other names for the same, which Keras does not write.
            checked += 1
            reasons = list(custom_code(named(name, module=f"keras.{space}")))
            assert bool(reasons) == (name in CODE_LAYERS), name
    assert checked > 150


def test_no_layer_that_takes_code_is_let_through(keras: Any) -> None:
    """Of all that this Keras has, by the names of their arguments."""
    telling = ("function", "fn", "file", "path", "module", "callable")
    let_through = []
    for name in dir(keras.layers):
        layer = getattr(keras.layers, name)
        if inspect.isclass(layer):
            arguments = inspect.signature(layer.__init__).parameters
            is_telling = any(word in argument for argument in arguments for word in telling)
            if is_telling and not list(custom_code(named(name))):
                let_through.append(name)
    assert let_through == []


def test_models_of_every_kind_still_load(keras: Any, tmp_path: Path) -> None:
    layers, ops = keras.layers, keras.ops

    @keras.saving.register_keras_serializable("tests")
    def own_loss(truth: Any, answer: Any) -> Any:
        return ops.mean(truth - answer)

    inputs = keras.Input((8, 8, 3))
    x = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 1.0, 1.0])(inputs)
    x = layers.RandomFlip()(x)
    x = layers.Conv2D(
        4, 3, kernel_regularizer=keras.regularizers.L1L2(0.1), bias_constraint="non_neg",
        kernel_initializer=keras.initializers.Constant(0.5), activation=layers.ReLU(6.0),
    )(x)  # fmt: skip
    x = ops.relu(x[:, 1:-1]) + 1
    x = layers.Activation(keras.activations.hard_swish, dtype="mixed_float16")(x)
    x = ops.mean(layers.TimeDistributed(layers.Dense(4))(x), axis=(1, 2))
    model = keras.Model(inputs, layers.Dense(2)(x))
    # How it was compiled is not loaded.
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1.0, 2)), own_loss)
    model.save(tmp_path / "model.keras")
    assert loaded(tmp_path / "model.keras").outputs[0].shape == (1, 2)


def test_networks_with_layers_of_their_own_in_keras(keras: Any, tmp_path: Path) -> None:
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    inputs = keras.Input((8, 8, 3))
    x = StochasticDepth(0.1)(LayerScale(1e-6, 3)(inputs))
    x = CustomScaleLayer(0.5)([x, inputs])
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(tmp_path / "model.keras")
    assert loaded(tmp_path / "model.keras").outputs[0].shape == (1, 3)

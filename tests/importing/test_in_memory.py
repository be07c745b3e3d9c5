"""Models in memory: traced where they live, whatever classes they have, and left as they were."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.importing.in_memory import name_of
from edgecnn.importing.input_format import LoadedModel, LoadOptions
from edgecnn.importing.sources import format_of
from edgecnn.models.build import input_spec
from edgecnn.quantize.given_source import traced_source
from edgecnn.quantize.provenance import sha256_of_weights
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_graph

IMAGES = np.random.default_rng(7).uniform(-1, 1, (1, 12, 12, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


def _own_network(keras: Any, tf: Any) -> Any:
    """A subclassed model with a layer of its own, which hides a variable from Keras."""

    class Scaled(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.inner = keras.layers.Conv2D(4, 3, name="inner")
            self.factor = tf.Variable(2.0)

        def call(self, x: Any) -> Any:
            return self.inner(x) * self.factor

    class Network(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own network")
            self.scaled = Scaled(name="scaled")
            self.pool = keras.layers.GlobalAveragePooling2D(name="pool")
            self.scores = keras.layers.Dense(3, name="scores")

        def call(self, x: Any) -> Any:
            return self.scores(self.pool(self.scaled(x)))

    model = Network()
    model(IMAGES)
    return model


def _sequence(keras: Any, *layers: Any) -> Any:
    return keras.Sequential(
        [keras.Input((12, 12, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(3)]
    )


def _own_code(keras: Any, tf: Any) -> Any:
    """A Lambda, an own activation, and an own loss, metric and learning rate."""

    def halved(x: Any) -> Any:
        return x / 2

    class Rate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return 0.1

    model = _sequence(
        keras,
        keras.layers.Lambda(lambda x: x * 3),
        keras.layers.Conv2D(4, 3, activation=halved, name="conv 1"),
    )
    model.compile(
        optimizer=keras.optimizers.SGD(Rate()),
        loss=lambda truth, answer: keras.ops.mean(truth - answer),
        metrics=[lambda truth, answer: keras.ops.sum(answer)],
    )
    return model


def _mixed(policy: str) -> Callable[[Any, Any], Any]:
    def build(keras: Any, tf: Any) -> Any:
        keras.mixed_precision.set_global_policy(policy)
        try:
            conv, norm = keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()
            return _sequence(keras, conv, norm)
        finally:
            keras.mixed_precision.set_global_policy("float32")

    return build


def _function(keras: Any, tf: Any) -> Any:
    @tf.function(input_signature=[tf.TensorSpec((None, 12, 12, 3), tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def means(image: Any) -> Any:
        return tf.reduce_mean(image, [1, 2]) * tf.constant([1.0, 2.0, 3.0])

    return means


def _module(keras: Any, tf: Any) -> Any:
    class Module(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="module")
            self.weights = tf.Variable(IMAGES[0, 0, :3])

        @tf.function(input_signature=[tf.TensorSpec((1, 12, 12, 3), tf.float32, name="image")])  # type: ignore[untyped-decorator]
        def __call__(self, image: Any) -> Any:
            return tf.reduce_mean(image, [1, 2]) @ self.weights

    return Module()


def _of_tf_keras(keras: Any, tf: Any) -> Any:
    tf_keras = pytest.importorskip("tf_keras", reason="tf_keras is not installed")
    return _sequence(tf_keras, tf_keras.layers.Conv2D(4, 3), tf_keras.layers.BatchNormalization())


MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "subclassed": _own_network,
    "own code": _own_code,
    "mixed_float16": _mixed("mixed_float16"),
    "mixed_bfloat16": _mixed("mixed_bfloat16"),
    "tf.function": _function,
    "concrete function": lambda keras, tf: _function(keras, tf).get_concrete_function(),
    "tf.Module": _module,
    "tf_keras": _of_tf_keras,
}

TOLERANCES = {"mixed_float16": 5e-3, "mixed_bfloat16": 5e-2}
"""What the model itself rounds, where its file computes in float32."""


def handed_over(model: Any, folder: Path, options: CallOptions | None = None) -> LoadedModel:
    source = traced_source(model, name_of(model), options or CallOptions(), folder)
    return format_of(source).load(source, LoadOptions(None, {}))


def answers(loaded: LoadedModel, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    file = LoadedFile(write_graph(loaded.float_graph(None)))
    file.run([image])
    return np.array(file.output(0), np.float32)


@pytest.mark.parametrize("kind", MODELS)
def test_any_model_in_memory_answers_as_it_did(
    kind: str, keras: Any, tf: Any, tmp_path: Path
) -> None:
    model = MODELS[kind](keras, tf)
    loaded = handed_over(model, tmp_path)
    assert [each.shape for each in loaded.inputs] == [(1, 12, 12, 3)]
    assert [each.dtype for each in (*loaded.inputs, *loaded.outputs)] == ["float32"] * 2
    given = model(tf.constant(IMAGES))
    own = np.asarray(tf.cast(given[0] if isinstance(given, list) else given, tf.float32))
    assert np.abs(answers(loaded, IMAGES) - own).max() < TOLERANCES.get(kind, 1e-5)


def attributes(model: Any) -> list[Any]:
    """All attributes of a model and of its layers: the very objects."""
    return [
        sorted((name, id(value)) for name, value in vars(layer).items())
        for layer in model._flatten_layers()
    ]


@pytest.mark.parametrize("kind", ["subclassed", "own code"])
def test_a_model_comes_out_unchanged(kind: str, keras: Any, tf: Any, tmp_path: Path) -> None:
    model = MODELS[kind](keras, tf)
    before, weights = attributes(model), model.get_weights()
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    loaded = handed_over(model, tmp_path)
    assert attributes(model) == before
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    assert {layer.path for layer in loaded.layers.values()} == {x.name for x in model.layers}


def test_a_model_that_fails_comes_out_unchanged(keras: Any, tf: Any, tmp_path: Path) -> None:
    calls: list[int] = []

    class OnceOnly(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            calls.append(1)
            if len(calls) > 1:
                raise RuntimeError("no second time, please")
            return x

    model = _sequence(keras, keras.layers.Conv2D(2, 3, name="conv 1"), OnceOnly())
    before = attributes(model)
    with pytest.raises(
        InputError, match=r"'sequential.*' cannot be traced: .*no second time, plea"
    ):
        handed_over(model, tmp_path)
    assert attributes(model) == before
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_any_size_gets_one(keras: Any, tf: Any, tmp_path: Path) -> None:
    images = keras.Input((None, None, 3))
    model = keras.Model(images, keras.layers.Conv2D(2, 3)(images), name="open")
    with pytest.raises(InputError, match=r"'open'.*--size"):
        handed_over(model, tmp_path)
    loaded = handed_over(model, tmp_path, CallOptions(size=(20, 24)))
    assert loaded.inputs[0].shape == (1, 20, 24, 3)
    assert loaded.outputs[0].shape == (1, 18, 22, 2)


def test_several_inputs_and_outputs_keep_their_names(keras: Any, tf: Any, tmp_path: Path) -> None:
    class Pair(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, given: Any) -> Any:
            return {"sum": self.dense(given["a"] + given["b"]), "left": given["a"]}

    model = Pair()
    model({"a": IMAGES[0, 0], "b": IMAGES[0, 1]})
    loaded = handed_over(model, tmp_path)
    assert [(each.name, each.shape) for each in loaded.inputs] == [("a", (1, 3)), ("b", (1, 3))]
    assert [(each.name, each.shape) for each in loaded.outputs] == [
        ("left", (1, 3)),
        ("sum", (1, 2)),
    ]
    file = LoadedFile(write_graph(loaded.float_graph(None)))
    file.run([IMAGES[0, 0, :1], IMAGES[0, 1, :1]])
    assert np.allclose(file.output(0), IMAGES[0, 0, :1])


@pytest.mark.parametrize("model", [object(), lambda image: image, 3])
def test_what_is_no_model_is_refused(model: Any, tf: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot convert a .*give a Keras model"):
        handed_over(model, tmp_path)


def test_a_model_that_was_never_called_says_so(keras: Any, tf: Any, tmp_path: Path) -> None:
    class Network(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(InputError, match=r"'network.*' was never built"):
        handed_over(Network(), tmp_path)


def test_a_built_model_hands_over_what_it_takes(keras: Any, tmp_path: Path) -> None:
    model = edgecnn.build("resnet8", classes=4)
    assert handed_over(model, tmp_path).spec == input_spec("resnet8")


def test_a_model_with_code_of_its_own_becomes_files(keras: Any, tf: Any, tmp_path: Path) -> None:
    model = _own_network(keras, tf)
    results = edgecnn.convert(
        model,
        quantize=["float32", "int8"],
        preprocess="tf",
        calibrate="digits",
        samples=12,
        output=tmp_path,
    )
    assert [made.path.name for made in results] == [
        "own_network_float32.tflite",
        "own_network_int8.tflite",
    ]
    for made in results:
        assert made.source == "own network"
        provenance = edgecnn.verify(made.path).provenance
        assert provenance["source"]["weights_sha256"] == sha256_of_weights(model)
        assert tempfile.gettempdir() not in str(made.to_dict() | {"path": ""})


def test_sensitivity_of_a_model_with_code_of_its_own(keras: Any, tf: Any) -> None:
    found = edgecnn.sensitivity(
        _own_network(keras, tf), preprocess="tf", calibrate="digits", samples=12, images=2
    )
    assert found.model == "own network"
    assert {row.layer for row in found.layers} <= {"scaled", "pool", "scores"}


def test_errors_of_a_model_in_memory_name_it(keras: Any, tf: Any, tmp_path: Path) -> None:
    model = _own_network(keras, tf)
    with pytest.raises(
        InputError, match=r"^'own network': how .*: say preprocess=\"tf\""
    ) as caught:
        edgecnn.convert(model, calibrate="digits", output=tmp_path)
    assert tempfile.gettempdir() not in str(caught.value).replace(str(tmp_path), "")

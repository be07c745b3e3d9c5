"""A Keras 3 model from the configuration of a Keras 2 model; its weights are loaded afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.allowed_functions import FUNCTION_LAYERS
from edgecnn.importing.keras2.calls import (
    Call,
    CallKey,
    Reference,
    calls_of,
    in_order,
    numbered,
    outputs_of,
    replaced,
    unnested,
)
from edgecnn.importing.keras2.entries import WRAPPED_NAME
from edgecnn.importing.keras2.layers import keras_3_layer
from edgecnn.importing.keras2.refusals import EXPORT, layer_label
from edgecnn.importing.keras2.settings import float32_for_floats
from edgecnn.importing.keras2.tensor_functions import function_layer, function_named

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")

RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D",
             "ConvLSTM3D")  # fmt: skip
"""Layers whose first argument in Keras 2 may be a list of the sequence and of initial states."""


@dataclass(frozen=True)
class StoredLayer:
    """A layer, and how the file calls it.

    Args:
        name: Its name in the file.
        kind: Name of its class in the file; that of the wrapper where one was taken away.
        layer: The Keras 3 layer.
        is_wrapped: Whether the file has a wrapper around the layer.
    """

    name: str
    kind: str
    layer: Any
    is_wrapped: bool = False


@dataclass
class ModelBuilder:
    """Makes Keras 3 models of a cleaned Keras 2 configuration.

    Args:
        inner: Filled: id of each model made -> its layers, in the order of the file.
    """

    inner: dict[int, list[StoredLayer]] = field(default_factory=dict)
    _shared: dict[int, Any] = field(default_factory=dict)

    def model(self, entry: dict[str, Any]) -> Any:
        """Return the model of an entry with a ``class_name`` and a ``config``.

        Raises:
            InputError: Keras 3 cannot make one of its layers, or it was never built.
        """
        if entry["class_name"] == "Sequential":
            return self._sequential(entry)
        return self._functional(entry["config"])

    def _functional(self, config: dict[str, Any]) -> Any:
        layers = [_named(each) for each in config["layers"]]
        names = _names(layers)
        stored = {
            each["name"]: self._stored(each, names[each["name"]])
            for each in layers
            if each["class_name"] not in ("InputLayer", *FUNCTION_LAYERS)
        }
        inputs, outputs = outputs_of(config["input_layers"]), outputs_of(config["output_layers"])
        tensor_of = _answers(layers, names, stored, outputs)
        model = keras.Model(
            replaced(inputs, tensor_of), replaced(outputs, tensor_of), name=_plain(config["name"])
        )
        self.inner[id(model)] = [
            stored.get(each["name"]) or StoredLayer(each["name"], each["class_name"], None)
            for each in layers
        ]
        return model

    def _sequential(self, entry: dict[str, Any]) -> Any:
        config = entry["config"]
        parts = config if isinstance(config, list) else config["layers"]
        name = "sequential" if isinstance(config, list) else config["name"]
        layers = [_named(each) for each in parts]
        names = _names(layers)
        x = inputs = _sequence_input(entry, layers, names)
        stored = []
        for each in layers:
            if each["class_name"] == "InputLayer":
                stored.append(StoredLayer(each["name"], "InputLayer", None))
                continue
            one = self._stored(each, names[each["name"]])
            stored.append(one)
            if x is None and each is layers[0] and getattr(one.layer, "inputs", None):
                x = inputs = keras.Input(batch_shape=one.layer.inputs[0].shape)
            x = None if x is None else one.layer(x)
        if inputs is None:
            model = keras.Sequential([each.layer for each in stored if each.layer], _plain(name))
        else:
            model = keras.Model(inputs, x, name=_plain(name))
        self.inner[id(model)] = stored
        return model

    def _stored(self, entry: dict[str, Any], name: str) -> StoredLayer:
        """Return a layer, which is made anew unless another model has the same."""
        shared = entry.get("shared_object_id")
        layer = self._shared.get(shared) if isinstance(shared, int) else None
        if layer is None:
            config = entry["config"]
            if isinstance(config, dict):
                entry = {**entry, "config": {**config, "name": name}}
            layer = keras_3_layer(entry, self.model)
            if isinstance(shared, int):
                self._shared[shared] = layer
        wrapper = entry.get(WRAPPED_NAME)
        return StoredLayer(
            entry["name"], wrapper or entry["class_name"], layer, wrapper is not None
        )


def _named(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's entry with its name, which older files have in the configuration alone."""
    config = entry["config"]
    own = config["name"] if isinstance(config, dict) else str(entry["class_name"]).lower()
    return {**entry, "name": entry.get("name") or own}


def _names(entries: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the layers' names in Keras 3, which takes no slash, by those in the file."""
    names: dict[str, str] = {}
    for entry in entries:
        old = entry["name"]
        if old in names:
            raise InputError(f"two of the model's layers have the same name, {layer_label(entry)}")
        plain = _plain(old)
        numbers = (f"{plain}_{number}" for number in itertools.count(1))
        names[old] = next(n for n in itertools.chain([plain], numbers) if n not in names.values())
    return names


def _plain(name: object) -> str:
    return str(name).replace("/", "_")


def _input(config: dict[str, Any], name: str) -> Any:
    shape: Any = config.get("batch_input_shape", config.get("batch_shape"))
    if config.get("sparse") or config.get("ragged"):
        raise InputError(
            f"input {name!r} takes sparse or ragged tensors, which cannot be converted"
        )
    dtype = float32_for_floats(config.get("dtype"))
    return keras.Input(batch_shape=tuple(shape), dtype=dtype, name=name)


def _sequence_input(entry: dict[str, Any], layers: Any, names: dict[str, str]) -> Any:
    """Return the input of a sequential model; None where its configuration does not say a shape."""
    first = layers[0]
    if first["class_name"] == "InputLayer":
        return _input(first["config"], names[first["name"]])
    outer = entry["config"] if isinstance(entry["config"], dict) else {}
    own = first["config"] if isinstance(first["config"], dict) else {}
    shapes = (
        own.get("batch_input_shape"),
        outer.get("build_input_shape"),
        (entry.get("build_config") or {}).get("input_shape"),
    )
    shape = next((each for each in shapes if each), None)
    if shape is None:
        return None
    is_embedding = first["class_name"] == "Embedding"
    dtype = "float32" if is_embedding else float32_for_floats(own.get("dtype"))
    return keras.Input(batch_shape=tuple(shape), dtype=dtype)


def _answers(
    layers: Sequence[dict[str, Any]],
    names: dict[str, str],
    stored: dict[str, StoredLayer],
    outputs: Any,
) -> Callable[[Reference], Any]:
    """Call all layers as the file says, and return what gives the tensor of a reference."""
    entries = {each["name"]: each for each in layers}
    tensors: dict[CallKey, list[Any]] = {
        (name, 0): [_input(entry["config"], names[name])]
        for name, entry in entries.items()
        if entry["class_name"] == "InputLayer"
    }

    def tensor_of(reference: Reference) -> Any:
        return tensors[reference.call][reference.index]

    unused = dict(names)
    calls = numbered(calls_of(layers), outputs)
    for key in in_order(calls):
        call = calls[key]
        if call.layer in stored:
            answer = _called(stored[call.layer].layer, call, tensor_of)
        else:
            name = unused.pop(call.layer, f"{names[call.layer]}_call_{key[1]}")
            answer = _called_function(entries[call.layer], name, call, tensor_of)
        tensors[key] = tf.nest.flatten(answer)
    return tensor_of


def _called(layer: Any, call: Call, tensor_of: Callable[[Reference], Any]) -> Any:
    """Return what a layer answers to the inputs of a call."""
    inputs = replaced(unnested(call.inputs), tensor_of)
    settings = replaced(call.settings, tensor_of)
    settings = {name: value for name, value in settings.items() if value is not None}
    if isinstance(inputs, list) and type(layer).__name__ in RECURRENT:
        inputs, *states = inputs
        settings["initial_state"] = states
    return layer(inputs, **settings)


def _called_function(
    entry: dict[str, Any], name: str, call: Call, tensor_of: Callable[[Reference], Any]
) -> Any:
    """Return what a function of TensorFlow answers, by a layer that calls it."""
    function = function_named(entry["config"]["function"])
    places = list(call.references())
    if not places:
        raise InputError(
            f"{layer_label(entry)} has no inputs in the file, as Keras 2 leaves out arguments "
            f"without a name: {EXPORT}"
        )

    def compute(values: Sequence[Any]) -> Any:
        left = iter(values)
        inputs, settings = replaced([call.inputs, call.settings], lambda _: next(left))
        return function(inputs, **settings)

    return function_layer(compute, name)([tensor_of(each) for each in places])

"""One layer of Keras 3 for each entry of a Keras 2 configuration."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.custom_code import LAYERS_OF_APPLICATIONS
from edgecnn.importing.keras2.activations import activation, hard_sigmoid
from edgecnn.importing.keras2.refusals import layer_label, only_keras_2
from edgecnn.importing.keras2.settings import keras_3_settings
from edgecnn.importing.keras2.tensor_functions import function_layer

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")

KERAS_2_MODELS = ("Functional", "Model", "Sequential")
"""Classes of Keras 2 that are made of layers; ``Model`` is an older name of ``Functional``."""
NEWER_LAYERS = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    # They change images in training alone.
    **dict.fromkeys(
        (
            "QuantizeLayer", "RandomBrightness", "RandomContrast", "RandomFlip", "RandomHeight",
            "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom",
        ),
        "Identity",
    ),
}  # fmt: skip
"""Class of Keras 2 -> class of Keras 3 that answers the same."""
INNER_LAYERS = ("layer", "backward_layer", "cell")
ACTIVATIONS = ("activation", "recurrent_activation")
KERAS_3_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")

ModelOf = Callable[[dict[str, Any]], Any]
"""Makes a Keras 3 model of the entry of a Functional or a Sequential model."""


def keras_3_layer(entry: dict[str, Any], model_of: ModelOf) -> Any:
    """Return a Keras 3 layer that computes what a layer of Keras 2 does.

    Args:
        entry: The layer's entry in a cleaned configuration: its ``class_name`` and ``config``.
        model_of: Makes the inner models.

    Raises:
        OnlyKeras2Error: Keras 3 has no such layer, or the layer lacks one of the settings.

    Example:
        >>> keras_3_layer({"class_name": "Dense", "config": {"units": 3}}, model_of).units
        3
    """
    name = entry["class_name"]
    if name in KERAS_2_MODELS:
        return model_of(entry)
    own = keras.saving.get_registered_object(entry.get("registered_name") or name)
    if own is not None:
        return own.from_config(dict(entry["config"]))
    if name in LAYER_MAKERS:
        return LAYER_MAKERS[name](entry)
    layer_class = _class(entry)
    settings = keras_3_settings(layer_class, _of_class(entry, layer_class))

    def inner(part: Any) -> Any:
        return keras_3_layer(part, model_of)

    for key in settings.keys() & set(INNER_LAYERS):
        if isinstance(settings[key], dict):
            settings[key] = inner(settings[key])
    if name == "StackedRNNCells":
        settings["cells"] = [inner(cell) for cell in settings["cells"]]
    for key in settings.keys() & set(ACTIVATIONS):
        settings[key] = activation(settings[key], inner)
    if layer_class is keras.layers.BatchNormalization:
        settings["axis"] = _one_axis(settings.get("axis", -1), entry)
    # Keras copies the layers in some wrappers, by the names of their functions.
    with keras.saving.custom_object_scope({hard_sigmoid.__name__: hard_sigmoid}):
        return layer_class(**settings)


def _class(entry: dict[str, Any]) -> Any:
    name = entry["class_name"]
    for module, names in LAYERS_OF_APPLICATIONS.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    found = getattr(keras.layers, NEWER_LAYERS.get(name, name), None)
    if not inspect.isclass(found):
        raise only_keras_2(layer_label(entry))
    return found


def _of_class(entry: dict[str, Any], layer_class: Any) -> dict[str, Any]:
    """Return an entry without the settings of a layer that became an Identity."""
    if layer_class is not keras.layers.Identity:
        return entry
    return {**entry, "config": {"name": entry["config"].get("name")}}


def _one_axis(axis: Any, entry: dict[str, Any]) -> int:
    if not isinstance(axis, list):
        return int(axis)
    if len(axis) != 1:
        raise only_keras_2(f"{layer_label(entry)} has the setting axis={axis}")
    return int(axis[0])


def _thresholded_relu(entry: dict[str, Any]) -> Any:
    theta = float(entry["config"]["theta"])

    def call(tensors: Any) -> Any:
        (x,) = tensors
        return x * tf.cast(x > theta, x.dtype)

    return function_layer(call, entry["config"]["name"])


def _resizing(entry: dict[str, Any]) -> Any:
    config = entry["config"]
    method, size = str(config.get("interpolation", "bilinear")), (config["height"], config["width"])
    if method.lower() in KERAS_3_INTERPOLATIONS or config.get("crop_to_aspect_ratio"):
        layer_class = keras.layers.Resizing
        return layer_class(**keras_3_settings(layer_class, entry))
    return function_layer(
        lambda tensors: tf.cast(tf.image.resize(tensors[0], size, method.lower()), tf.float32),
        config["name"],
    )


def _random_crop(entry: dict[str, Any]) -> Any:
    """Return what a random crop does when it does not train: it resizes what has the shape."""
    config = entry["config"]
    return keras.layers.Resizing(
        config["height"], config["width"], crop_to_aspect_ratio=True, name=config["name"]
    )


def _lambda(entry: dict[str, Any]) -> Any:
    """Return a layer with code from the file, which was trusted before."""
    config = dict(entry["config"])
    function = config.pop("function")
    if isinstance(function, list):
        code, defaults, closure = function
        function = {"code": code, "defaults": defaults, "closure": closure}
        function = {"class_name": "__lambda__", "config": function}
    elif isinstance(function, str):
        function = keras.saving.get_registered_object(function)
        if function is None:
            raise InputError(
                f"{layer_label(entry)} calls the function {entry['config']['function']!r:.80}, "
                "which is not in the file: give it with --custom-objects"
            )
    settings = {k: config[k] for k in ("name", "arguments") if config.get(k)}
    if callable(function):
        return keras.layers.Lambda(function, **settings)
    return keras.layers.Lambda.from_config({**settings, "function": function}, safe_mode=False)


LAYER_MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Lambda": _lambda,
    "RandomCrop": _random_crop,
    "Resizing": _resizing,
    "ThresholdedReLU": _thresholded_relu,
}
"""Class of Keras 2 -> what makes the layer, where that takes more than a class of Keras 3."""

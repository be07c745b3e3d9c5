"""Settings of Keras 2's layers, as Keras 3's take them."""

from __future__ import annotations

import inspect
from typing import Any

from edgecnn.importing.keras2.refusals import layer_label, only_keras_2
from edgecnn.importing.precision import policy_name

RENAMED: dict[str, dict[str, str]] = {
    "LeakyReLU": {"alpha": "negative_slope"},
}
"""Class -> name of a setting in Keras 2 -> in Keras 3."""
WITHOUT_EFFECT = (
    "autocast", "batch_input_shape", "batch_size", "build_config", "force_generator", "fused",
    "has_static_table", "implementation", "input_dtype", "input_length", "key_shape", "noise_shape",
    "num_constants", "query_shape", "renorm_clipping", "renorm_momentum", "rng_type", "seed",
    "stateful", "unit_forget_bias", "value_shape", "vocabulary_size",
)  # fmt: skip
"""Settings that do not change what a model answers, whatever their value is.

A stateful layer keeps its state from call to call; a model that is converted starts anew in each.
"""
DEFAULTS: dict[str, tuple[Any, ...]] = {
    "adjustment": (None,),
    "causal": (False,),
    "data_format": (None, "channels_last"),
    "dilation_rate": (1, [1], [1, 1], [1, 1, 1]),
    "groups": (1,),
    "idf_weights": (None,),
    "optional": (False,),
    "ragged": (False,),
    "renorm": (False,),
    "softmax_robust_masking": (False,),
    "sparse": (False,),
    "time_major": (False,),
    "unroll": (False,),
    "virtual_batch_size": (None,),
}
"""Settings that Keras 3 has no more, and their values at which nothing is lost without them."""
OF_ALL_LAYERS = ("name", "trainable", "dtype")


def keras_3_settings(layer_class: type, entry: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with which a class of Keras 3 makes the layer of a Keras 2 entry.

    Args:
        layer_class: The class in Keras 3.
        entry: The layer's entry in a cleaned configuration.

    Raises:
        OnlyKeras2Error: A setting changes the answers, and Keras 3 does not know it.

    Example:
        >>> entry = {"class_name": "LeakyReLU", "config": {"name": "a", "alpha": 0.1}}
        >>> keras_3_settings(keras.layers.LeakyReLU, entry)
        {'name': 'a', 'negative_slope': 0.1}
    """
    known = inspect.signature(layer_class).parameters
    takes_more = any(each.kind is each.VAR_KEYWORD for each in known.values())
    names = RENAMED.get(entry["class_name"], {})
    settings = {}
    for old, value in entry["config"].items():
        name = names.get(old, old)
        if name in WITHOUT_EFFECT:
            continue
        if name in known or (takes_more and name in OF_ALL_LAYERS):
            settings[name] = value
        elif name not in OF_ALL_LAYERS and value not in DEFAULTS.get(name, ()):
            raise only_keras_2(f"{layer_label(entry)} has the setting {name}={value!r:.80}")
    if "dtype" in settings:
        settings["dtype"] = float32_for_floats(settings["dtype"])
    return settings


def float32_for_floats(dtype: Any) -> Any:
    """Return a layer's element type, with float32 for all floats and where none is said.

    Example:
        >>> float32_for_floats({"class_name": "Policy", "config": {"name": "float64"}})
        'float32'
    """
    name = policy_name(dtype)
    return "float32" if name is None or "float" in str(name) else name

"""Activations of Keras 2, some of which compute other things than those of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.core.lazy import LazyModule

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")


def hard_sigmoid(x: Any) -> Any:
    """Return Keras 2's ``0.2 x + 0.5`` between 0 and 1; Keras 3 divides by six.

    Example:
        >>> float(hard_sigmoid(tf.constant(1.0)))
        0.7
    """
    return tf.clip_by_value(x * 0.2 + 0.5, 0.0, 1.0)


def activation(value: Any, layer_of: Callable[[Any], Any]) -> Any:
    """Return what a configuration of Keras 2 names as an activation.

    Args:
        value: A name, the configuration of a layer or of a function, or None.
        layer_of: Makes a Keras 3 layer of the configuration of a layer.

    Raises:
        ValueError: Keras has no such activation.

    Example:
        >>> activation("relu", layer_of)
        <function relu at 0x...>
    """
    if isinstance(value, dict) and value.get("class_name") == "function":
        value = value["config"]
    if value is None or isinstance(value, str):
        if value == "hard_sigmoid":
            return hard_sigmoid
        own = keras.saving.get_registered_object(value) if value else None
        return own or keras.activations.get(value)
    return layer_of(value)

"""A Keras 2 configuration, cleaned: nothing here needs Keras, so it is done before code is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""Ends of settings that do nothing to a model whose weights are loaded."""
WRAPPERS = ("QuantizeWrapper", "QuantizeWrapperV2", "PruneLowMagnitude")
"""What TensorFlow's model optimisation toolkit puts around a layer whose weights stay plain."""
WRAPPED_NAME = "wrapped_as"
"""Setting of an unwrapped layer's entry: the name of the wrapper's class."""


def is_keras_2(version: object) -> bool:
    """Say whether a file's ``keras_version`` is one before 3; files without one are older still.

    Example:
        >>> is_keras_2("2.15.0"), is_keras_2("3.10.0")
        (True, False)
    """
    version = version.decode(errors="replace") if isinstance(version, bytes) else version
    return not isinstance(version, str) or version[:2] in ("0.", "1.", "2.")


def cleaned(value: Any) -> Any:
    """Return a configuration without what only training uses, and without the toolkit's wrappers.

    Example:
        >>> cleaned({"class_name": "Dense", "config": {"units": 1, "bias_initializer": "zeros"}})
        {'class_name': 'Dense', 'config': {'units': 1}}
    """
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in WRAPPERS and isinstance(value.get("config"), dict):
        return cleaned(_unwrapped(value))
    kept = {k: v for k, v in value.items() if not (isinstance(k, str) and k.endswith(TRAINING_ONLY))}
    kept.pop("compile_config", None)
    return {key: cleaned(item) for key, item in kept.items()}


def _unwrapped(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the layer in a wrapper, with the wrapper's name and calls."""
    inner = entry["config"].get("layer")
    if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
        return {**entry, "config": {}}
    name = entry.get("name", entry["config"].get("name"))
    around = {k: v for k, v in entry.items() if k in ("inbound_nodes", "shared_object_id")}
    return {**inner, **around, "name": name, WRAPPED_NAME: entry["class_name"]}


def entries(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a configuration that names a class, inner ones too.

    Example:
        >>> [each["class_name"] for each in entries([{"class_name": "ReLU", "config": {}}])]
        ['ReLU']
    """
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from entries(item)

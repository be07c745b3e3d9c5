"""A Keras 2 configuration, cleaned before its code is judged; nothing here needs Keras."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgecnn.core.errors import InputError

TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""Ends of settings that do nothing to a model whose weights are loaded."""
WRAPPERS = ("QuantizeWrapper", "QuantizeWrapperV2", "PruneLowMagnitude")
"""What TensorFlow's model optimisation toolkit puts around a layer whose weights stay plain."""
AROUND_ACTIVATIONS = ("QuantizeAwareActivation", "NoOpActivation")
"""What the toolkit puts around an activation."""
WITHOUT_WRAPPER = {
    "ClusterWeights": "strip_clustering(model)",
}
"""Wrappers whose weights are not plain, and what makes them so where the model was trained."""
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
    name, config = value.get("class_name"), value.get("config")
    if name in WRAPPERS and isinstance(config, dict):
        return cleaned(_unwrapped(value))
    if name in AROUND_ACTIVATIONS and isinstance(config, dict):
        return cleaned(config.get("activation"))
    if name == "QuantizeLayer" and isinstance(config, dict):
        value = {**value, "config": {"name": config.get("name")}, "module": "keras.layers"}
        value.pop("registered_name", None)
    kept = {
        k: v for k, v in value.items() if not (isinstance(k, str) and k.endswith(TRAINING_ONLY))
    }
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


def refuse_clustered(config: Any, label: str) -> None:
    """Raise InputError for a model in a wrapper whose weights can't be read plainly.

    Args:
        config: The configuration in the file.
        label: The file's name for the message.
    """
    for entry in entries(config):
        if advice := WITHOUT_WRAPPER.get(str(entry["class_name"])):
            raise InputError(
                f"{label} has {entry['class_name']} around its layers: save what {advice} of "
                "tensorflow_model_optimization returns"
            )


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

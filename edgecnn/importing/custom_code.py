"""What a Keras configuration may name: Keras' own layers and what they are made with.

Keras makes an object of whatever class or function a configuration names, so a name is enough to
run code: that of a ``Lambda`` layer, of any module that is installed, or of one of Keras' own
functions that download files. Keras' safe mode has let through several of these, so the names are
compared with a list before Keras sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.importing.allowed_functions import COMPUTING, FUNCTION_LAYERS

OWN_MODULES = re.compile(
    r"(tf_)?keras|(tf_)?keras(\.src)?\.(layers|models|ops|initializers|regularizers|constraints|activations"
    r"|dtype_policies|mixed_precision|quantizers|random|optimizers|losses|metrics|engine)(\.\w+)*"
)
"""Modules of Keras, of its version 2 too, whose classes compute and do nothing else."""
OWN_CLASS = re.compile(r"[A-Z]\w*")
"""Names of classes: functions are written small in these modules, and ``function`` in a file."""
VALUES = re.compile(r"__(keras_tensor|tensor|numpy|bytes|slice|ellipsis)__")
"""What Keras writes in place of a class for a value that JSON has no type for."""
LAYERS_OF_APPLICATIONS = {
    "keras.src.applications.convnext": ("LayerScale", "StochasticDepth"),
    "keras.src.applications.inception_resnet_v2": ("CustomScaleLayer",),
}
"""Layers of networks in ``keras.applications``; the modules' other names download weights."""
CODE_LAYERS = (
    "Lambda", "TensorFlowOpLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer",
)  # fmt: skip
"""Keras' own layers that run code or load another model, from the configuration or from a file."""


def refuse_custom_code(config: object, label: str) -> None:
    """Raise InputError if a Keras model's JSON configuration asks for code that is not Keras' own.

    How the model was compiled is left out, because models are loaded without it.

    Args:
        config: The parsed configuration.
        label: The file's name for the message.
    """
    if isinstance(config, dict):
        config = {**config, "compile_config": None}
    if reason := next(custom_code(config), None):
        raise InputError(f"{label} {reason}: add --trust if you know where it comes from")


def custom_code(config: object) -> Iterator[str]:
    """Yield what a Keras configuration does beyond computing, as ends of a sentence.

    Example:
        >>> list(custom_code({"class_name": "Lambda", "config": {}}))
        ['carries code of its own (Lambda layer), which converting it would run']
    """
    if isinstance(config, dict):
        if reason := _objection(config):
            yield reason
        for value in config.values():
            yield from custom_code(value)
    elif isinstance(config, list):
        for value in config:
            yield from custom_code(value)


def _objection(entry: dict[str, Any]) -> str | None:
    vocabulary = entry.get("vocabulary_file") or entry.get("vocabulary")
    if isinstance(vocabulary, str):
        return f"would read a file of its choice ({vocabulary[:80]!r}) while it is loaded"
    if "class_name" not in entry or _is_own(entry):
        return None
    name = entry["class_name"]
    if _is_function_layer(entry):
        what = f"function {f'tf.{_function(entry)}'[:80]!r}"
    elif name == "function":
        what = f"function {str(entry.get('config'))[:80]!r}"
    elif name in (*CODE_LAYERS, "__lambda__"):
        what = f"{name} layer"
    else:
        what = f"custom class {str(name)[:80]!r}"
    return f"carries code of its own ({what}), which converting it would run"


def _is_own(entry: dict[str, Any]) -> bool:
    """Say whether an entry names a class of Keras that only computes."""
    name, module = entry["class_name"], entry.get("module")
    # Keras writes this name beside its own classes, too; others have a package before theirs.
    registered = entry.get("registered_name")
    if not isinstance(name, str) or registered not in (None, "", name):
        return False
    if _is_function_layer(entry) and _function(entry) not in COMPUTING:
        return False
    if module is None:
        # Keras 2 wrote no modules: the name is looked up among Keras' layers alone.
        is_value = VALUES.fullmatch(name) is not None
        return is_value or (OWN_CLASS.fullmatch(name) is not None and name not in CODE_LAYERS)
    if not isinstance(module, str):
        return False
    if name in LAYERS_OF_APPLICATIONS.get(module.removeprefix("tf_"), ()):
        return True
    is_class = OWN_CLASS.fullmatch(name) is not None and name not in CODE_LAYERS
    return is_class and OWN_MODULES.fullmatch(module) is not None


def _is_function_layer(entry: dict[str, Any]) -> bool:
    return entry["class_name"] in FUNCTION_LAYERS


def _function(entry: dict[str, Any]) -> str:
    """Return the name of the function of TensorFlow that a layer of Keras 2 calls."""
    config = entry.get("config")
    return str(config.get("function")) if isinstance(config, dict) else ""

"""What a Keras configuration may name: Keras' own layers and what they are made with.

Keras makes an object of whatever class or function a configuration names, so a name is enough to
run code: that of a ``Lambda`` layer, of any module that is installed, or of one of Keras' own
functions that download files. Keras' safe mode has let through several of these, so the names are
compared with a list before Keras sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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

_known: ContextVar[frozenset[str]] = ContextVar("known", default=frozenset())


@contextmanager
def known_names(names: Iterable[str]) -> Iterator[None]:
    """Let configurations name classes and functions that the caller has given himself."""
    token = _known.set(frozenset(names))
    try:
        yield
    finally:
        _known.reset(token)


def refuse_custom_code(config: object, label: str) -> None:
    """Raise InputError if a Keras model's JSON configuration asks for code that is not Keras' own.

    How it and its parts were compiled is left out, because models are loaded without that
    (``keras_models.without_compiling``). What the caller gave as custom objects is no code of the
    file's (:func:`known_names`).

    Args:
        config: The parsed configuration.
        label: The file's name for the message.
    """
    if reason := next(custom_code(config), None):
        advice = "add --trust if you know where it comes from"
        if "(custom class" in reason or "(function" in reason:
            advice += ", and --custom-objects FILE.py, which defines it"
        raise InputError(f"{label} {reason}: {advice}")


def custom_code(config: object) -> Iterator[str]:
    """Yield what a Keras configuration does beyond computing, as ends of a sentence.

    Example:
        >>> list(custom_code({"class_name": "Lambda", "config": {}}))
        ['carries code of its own (Lambda layer), which converting it would run']
    """
    if isinstance(config, dict):
        if reason := _objection(config):
            yield reason
        # Beside these two keys Keras reads it as that, and anywhere else as anything.
        is_object = "class_name" in config and "config" in config
        for key, value in config.items():
            if key != "compile_config" or not is_object:
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
    """Say whether an entry names a class of Keras that only computes, or what the caller gave."""
    name, module = entry["class_name"], entry.get("module")
    # Keras looks up a registered name before any module, and where there is none the bare name.
    looked_up = name if module is None else entry.get("registered_name")
    if name == "function" and module in (None, "builtins"):
        looked_up = entry.get("config")
    if isinstance(looked_up, str) and looked_up in _known.get():
        return True
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

"""What Keras 3 cannot do that Keras 2 did, in words."""

from __future__ import annotations

import importlib.util

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted

INSTALL = "pip install tf_keras, through which it is loaded then, or "
EXPORT = "export it where it was made (model.export('folder')) and convert that folder"


class OnlyKeras2Error(InputError):
    """A model of Keras 2 has what no layer of Keras 3 does; Keras 2 itself can load it."""


def only_keras_2(what: str) -> OnlyKeras2Error:
    """Return the refusal of something that Keras 3 lacks.

    Args:
        what: What it is, as the beginning of a sentence: ``"layer 'a' is a LocallyConnected1D"``.

    Example:
        >>> str(only_keras_2("layer 'a' is a LocallyConnected1D")).partition(":")[0]
        "layer 'a' is a LocallyConnected1D, which Keras 3 does not have"
    """
    # Where tf_keras is installed, a conversion goes through it, and this is not said.
    advice = "convert it and give the .tflite file" if has_keras_2() else INSTALL + EXPORT
    return OnlyKeras2Error(f"{what}, which Keras 3 does not have: {advice}")


def has_keras_2() -> bool:
    """Say whether the package ``tf_keras`` is installed."""
    return importlib.util.find_spec("tf_keras") is not None


def layer_label(entry: dict[str, object]) -> str:
    """Return what messages call a layer.

    Example:
        >>> layer_label({"class_name": "Dense", "config": {"name": "top"}})
        "layer 'top' (Dense)"
    """
    config = entry.get("config")
    own = config.get("name") if isinstance(config, dict) else None
    return f"layer {quoted(str(entry.get('name') or own))} ({entry.get('class_name')})"

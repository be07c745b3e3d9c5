"""Loading a model by Keras 2 itself, the package ``tf_keras``, and exporting it (in a child)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.input_format import Source
from edgecnn.models.weight_limit import MAX_WEIGHTS

tf = LazyModule("tensorflow", extra="convert")


def export_by_keras_2(source: Source, folder: Path) -> None:
    """Load a file by Keras 2, and write the model as a SavedModel.

    The file's whole configuration was judged before, as Keras 2 makes an object of all that it
    names.

    Args:
        source: The file.
        folder: The folder to write, which is not there yet.

    Raises:
        InputError: The model has more weights than can be converted.
        Exception: Whatever Keras 2 raises for a file that it cannot read.
    """
    import tf_keras

    with tf.variable_creator_scope(_limited(MAX_WEIGHTS, quoted(source.name))):
        model = tf_keras.models.load_model(source.name, compile=False, safe_mode=not source.trust)
    tf_keras.utils.disable_interactive_logging()
    model.export(str(folder))


def _limited(most: int, label: str) -> Callable[..., Any]:
    """Return what refuses a variable before all of them have more numbers than ``most``."""
    made = 0

    def create(next_creator: Callable[..., Any], **settings: Any) -> Any:
        nonlocal made
        shape = settings.get("shape")
        made += math.prod(side or 1 for side in (() if shape is None else tf.TensorShape(shape)))
        if made > most:
            raise InputError(f"{label} has more weights than a .tflite file can hold: 2 GiB")
        return next_creator(**settings)

    return create

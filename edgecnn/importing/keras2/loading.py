"""A whole model of Keras 2, from a file's configuration and weights (in a child)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.importing.custom_code import refuse_custom_code
from edgecnn.importing.keras2.building import ModelBuilder
from edgecnn.importing.keras2.entries import WRAPPERS, cleaned, entries, refuse_clustered
from edgecnn.importing.keras2.refusals import OnlyKeras2Error
from edgecnn.importing.keras2.weights import WeightLoader
from edgecnn.importing.model_bounds import no_more_weights_than
from edgecnn.importing.precision import half_precision_notes


def keras_2_model(
    config: Any,
    load_weights: Callable[[WeightLoader, Any], None],
    numbers: int,
    label: str,
    *,
    trust: bool,
) -> tuple[Any, list[str]]:
    """Return a Keras 3 model that answers as a saved model of Keras 2, and notes on it.

    Args:
        config: The configuration in the file.
        load_weights: Has a loader of weights read the file's into a model.
        numbers: How many numbers the file's arrays hold.
        label: The file's name for messages.
        trust: Whether code in the file may run.

    Raises:
        InputError: The model carries code and is not trusted, or its weights do not fit.
        OnlyKeras2Error: Keras 3 has nothing for one of its layers.
    """
    refuse_keras_2_code(config, label, trust=trust)
    entry = cleaned(config)
    builder = ModelBuilder()
    try:
        with no_more_weights_than(numbers, label):
            model = builder.model(entry)
    except InputError as error:
        if isinstance(error, OnlyKeras2Error) and not trust:
            refuse_custom_code(config, label)  # Keras 2 will load what was left out here, too.
        if label in str(error):
            raise
        raise type(error)(f"{label}: {error}") from error
    load_weights(WeightLoader(builder.inner, label), model)
    return model, [*half_precision_notes(config), *_wrapper_notes(config)]


def refuse_keras_2_code(config: Any, label: str, *, trust: bool) -> None:
    """Raise InputError for a Keras 2 configuration with code of its own, unless it is trusted.

    What only training uses is left out of the model, so code there does no harm.

    Args:
        config: The configuration in the file.
        label: The file's name for the message.
        trust: Whether code in the file may run.
    """
    refuse_clustered(config, label)
    if not trust:
        refuse_custom_code(cleaned(config), label)


def _wrapper_notes(config: Any) -> list[str]:
    """Return a note on the wrappers of TensorFlow's model optimisation toolkit."""
    wrappers = sorted({each["class_name"] for each in entries(config)} & set(WRAPPERS))
    if not wrappers:
        return []
    return [
        f"its layers are loaded without the {' and '.join(wrappers)} around them: weights as they "
        "were trained, ranges measured anew"
    ]

"""A bound on the weights that building a Keras model may make, checked before each is made."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.lazy import LazyModule

keras = LazyModule("keras", extra="convert")

MAX_WEIGHTS = 1 << 29
"""Most weights of a model: 2 GiB as float32, and a ``.tflite`` file cannot hold more."""


@contextmanager
def weights_limited(most: int, refusal: str) -> Iterator[None]:
    """Refuse a model that would get too many weights, before memory is set aside for them.

    Every weight of every kind of layer is a ``keras.Variable`` of a known shape. Other threads may
    make as many of them as they like meanwhile.

    Args:
        most: Most numbers in all weights that the block makes.
        refusal: What is said of a model with more.

    Raises:
        InputError: The block was about to make more; also where Keras has swallowed that error.

    Example:
        >>> with weights_limited(MAX_WEIGHTS, "the model is too large"):
        ...     model = spec.builder(arguments)
    """
    variable, thread = keras.Variable, threading.get_ident()
    original, is_own = variable.__init__, "__init__" in vars(variable)
    made, refused = 0, False

    def checked(self: Any, initializer: Any, shape: Any = None, *args: Any, **others: Any) -> None:
        nonlocal made, refused
        if threading.get_ident() == thread:
            made += _numbers(getattr(initializer, "shape", ()) if shape is None else shape)
            refused = refused or made > most
            if refused:
                raise InputError(refusal)
        original(self, initializer, shape, *args, **others)

    variable.__init__ = checked
    try:
        yield
    except Exception as error:
        if refused:  # Keras explains some errors by others of its own.
            raise InputError(refusal) from error
        raise
    finally:
        if is_own:
            variable.__init__ = original
        else:
            del variable.__init__
    if refused:
        raise InputError(refusal)


def _numbers(shape: Any) -> int:
    """Return how many numbers a shape holds; Keras refuses shapes with open sides by itself."""
    sides = (shape,) if isinstance(shape, int) else tuple(shape)
    return math.prod(side for side in sides if isinstance(side, int))

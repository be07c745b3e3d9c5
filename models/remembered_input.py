"""What a built model remembers of its images: the InputSpec, in the name of a layer.

Keras has no place for facts of a model's input, and what it does keep differs from format to
format. The names of layers are kept by all: ``.keras``, ``.h5``, clones, models that are made of a
part of another, and versions of Keras with or without edgecnn beside them. So the layer after the
input is an ``Identity`` whose name says what the model takes, for people and for edgecnn::

    takes_RGB_mean_127.5_std_127.5_stretch_bilinear-no-antialias
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.data.geometry import CROP
from edgecnn.data.inputspec import InputSpec

_NUMBERS = r"\d[\d.e+-]*(?:_\d[\d.e+-]*)*"
_NAME = re.compile(
    rf"takes_(?P<order>RGB|BGR|GRAY)_mean_(?P<mean>{_NUMBERS})_std_(?P<std>{_NUMBERS})"
    rf"_(?P<resize>[a-z]+)(?:_(?P<fraction>\d[\d.e+-]*))?_(?P<interpolation>[a-z-]+)"
)

ONLY_IN_TRAINING = ("Rand", "Gaussian", "Dropout", "SpatialDropout", "AugMix", "CutMix", "MixUp")
"""Beginnings of the names of layers that change nothing when a model answers."""


def layer_name_of(spec: InputSpec) -> str:
    """Return the name of the layer that remembers what a model takes.

    Example:
        >>> layer_name_of(preset("tf", 224, 224))
        'takes_RGB_mean_127.5_std_127.5_stretch_bilinear-no-antialias'
    """
    resize = f"{spec.resize}_{spec.crop_fraction!r}" if spec.resize == CROP else spec.resize
    return (
        f"takes_{spec.color_order}_mean_{_numbers_text(spec.mean)}_std_{_numbers_text(spec.std)}"
        f"_{resize}_{spec.interpolation}"
    )


def spec_of_layer_name(name: str, height: int, width: int) -> InputSpec | None:
    """Return what a layer's name says that the model takes; None for any other name.

    Args:
        name: The layer's name, which may come from an untrusted file.
        height: Height of the model's images in pixels.
        width: Width of the model's images in pixels.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    channels = 1 if found["order"] == "GRAY" else 3
    try:
        return InputSpec(
            height,
            width,
            _numbers(found["mean"], channels),
            _numbers(found["std"], channels),
            found["order"],
            found["resize"],
            float(found["fraction"] or 1),
            found["interpolation"],
        )
    except (InputError, ValueError):
        return None


def remembered_spec(model: Any, shape: tuple[int, int, int]) -> InputSpec | None:
    """Return what a Keras model remembers of its images; None where it says nothing.

    Only what the images reach as they are counts: layers that do something in training alone, such
    as RandomFlip, may come before.

    Args:
        model: The model, which may hold a built one: one that was fine-tuned, for example.
        shape: (height, width, channels) of the model's images, in pixels.
    """
    for step in _steps(model):
        if spec := spec_of_layer_name(step.name, *shape[:2]):
            return spec if spec.shape == shape else None
        kind = type(step).__name__
        if kind != "InputLayer" and not kind.startswith(ONLY_IN_TRAINING):
            return None
    return None


def _steps(model: Any) -> Iterator[Any]:
    """Yield a model's layers and operations in order, also those within inner models.

    A subclassed model is one step: it does not say in which order its layers are called.
    """
    functional = getattr(model, "_functional", None) or model
    for step in getattr(functional, "operations", ()):
        if hasattr(step, "operations") or getattr(step, "_functional", None):
            yield from _steps(step)
        else:
            yield step


def _numbers_text(values: Sequence[float]) -> str:
    different = values[:1] if len(set(values)) == 1 else values
    return "_".join(repr(int(v) if v == int(v) else v) for v in different)


def _numbers(text: str, channels: int) -> tuple[float, ...]:
    values = tuple(float(number) for number in text.split("_"))
    return values * channels if len(values) == 1 else values

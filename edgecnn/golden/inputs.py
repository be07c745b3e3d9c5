"""What goes into a model for its golden sample: a drawn picture, or an array for each input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.golden.drawn_arrays import (
    ARRAYS_GENERATOR,
    DEFAULT_ARRAYS,
    MAX_ARRAY_ELEMENTS,
    draw_levels,
    spread,
)
from edgecnn.golden.patterns import DEFAULT_PICTURES, GENERATOR, MAX_PATTERN_PIXELS, draw_picture
from edgecnn.model_metadata.input_tensors import to_integers, to_tensor
from edgecnn.tflite.output_outline import input_names
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

PICTURE_DTYPES = ("float32", "uint8", "int8")
"""Element types of an input that takes a golden picture."""

MAX_ENDS = 64
"""Most inputs, and most outputs, of a model with a golden sample."""

MAX_NUMBER = 2.0**40
"""Numbers of arrays are smaller, so that whole numbers are exact while they are drawn."""

PLAIN_DTYPE_KINDS = "fiub"
"""Kinds of numpy's element types that are numbers or truth values."""

Range = tuple[float, float]

NO_RANGE: Range = (-1.0, 1.0)
"""Range of floats where nothing tells it: that of the noise of a file's first run."""

cached_picture = lru_cache(maxsize=len(DEFAULT_PICTURES))(draw_picture)
"""``draw_picture``, whose pictures are kept from one scheme of a conversion to the next."""


@dataclass(frozen=True)
class PictureInput:
    """An input that takes a drawn picture.

    Args:
        spec: How a picture becomes a float input, or an int8 one by its scale and zero point; a
            uint8 input takes it as it is.
        dtype: ``"float32"``, ``"uint8"`` or ``"int8"``.
    """

    spec: InputSpec
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the input with the batch."""
        return (1, *self.spec.shape)

    def fits(self, tensor: TensorInfo) -> bool:
        """Say whether an input of a file takes such a picture."""
        sides = self.spec.shape
        elements = sides[0] * sides[1] * sides[2]
        is_alike = (tensor.dtype, tensor.elements) == (self.dtype, elements)
        return is_alike and tensor.shape == self.shape

    def tensor(self, pattern: str, seed: int, place: int, tensor: TensorInfo) -> npt.NDArray[Any]:
        """Return a picture as the input takes it, with a batch of 1."""
        return to_tensor(cached_picture(pattern, seed, self.spec.shape), self.spec, tensor)[None]

    def to_dict(self) -> dict[str, Any]:
        """Return what makes a picture into a tensor, without the way to cut a photograph."""
        return {
            "dtype": self.dtype,
            "height": self.spec.height,
            "width": self.spec.width,
            "mean": list(self.spec.mean),
            "std": list(self.spec.std),
            "color_order": self.spec.color_order,
        }


@dataclass(frozen=True)
class ArrayInput:
    """An input that takes a drawn array.

    Args:
        name: Name of the input.
        shape: Shape of the input with the batch.
        dtype: Element type of the input.
        low: Least number, real also where a quantised input takes integers.
        high: Greatest number.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float

    def fits(self, tensor: TensorInfo) -> bool:
        """Say whether an input of a file takes such an array."""
        return (tensor.dtype, tensor.shape) == (self.dtype, self.shape)

    def tensor(self, pattern: str, seed: int, place: int, tensor: TensorInfo) -> npt.NDArray[Any]:
        """Return an array as the input takes it."""
        levels = draw_levels(pattern, seed, place, self.shape)
        if tensor.scale:
            return to_integers(spread(levels, np.dtype("float32"), self.low, self.high), tensor)
        return spread(levels, np.dtype(self.dtype), self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Return how the array is drawn."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "low": self.low,
            "high": self.high,
        }


GoldenInput = PictureInput | ArrayInput


def generator_of(inputs: Sequence[GoldenInput]) -> str:
    """Return the name of the algorithms that draw some inputs."""
    return GENERATOR if isinstance(inputs[0], PictureInput) else ARRAYS_GENERATOR


def default_patterns(inputs: Sequence[GoldenInput]) -> tuple[tuple[str, int], ...]:
    """Return (pattern, seed) of each call of a golden sample."""
    return DEFAULT_PICTURES if isinstance(inputs[0], PictureInput) else DEFAULT_ARRAYS


def tensors_of_call(
    inputs: Sequence[GoldenInput], pattern: str, seed: int, model: TfliteModel
) -> tuple[npt.NDArray[Any], ...]:
    """Return what goes into each input of a file in one call.

    Raises:
        InputError: There is no such pattern.
    """
    pairs = zip(inputs, model.inputs, strict=True)
    return tuple(
        each.tensor(pattern, seed, place, tensor) for place, (each, tensor) in enumerate(pairs)
    )


def can_have_pictures(shape: tuple[int, ...]) -> bool:
    """Say whether the golden pictures of an input's (height, width, channels) are small enough.

    Example:
        >>> can_have_pictures((224, 224, 3))
        True
    """
    return shape[0] * shape[1] <= MAX_PATTERN_PIXELS


def golden_picture(model: TfliteModel, spec: InputSpec | None) -> tuple[GoldenInput, ...]:
    """Return how pictures go into a fresh file; empty where it can have no golden sample.

    Args:
        model: The file's structure.
        spec: How images become the file's input; None where that is not known, and pixels then go
            in as [-1, 1].
    """
    (tensor,) = model.inputs
    if spec is None:
        # A grey image may go in without a channel.
        height, width, channels = (*tensor.shape[1:], 1)[:3]
        spec = preset("tf", height, width, channels)
    return (PictureInput(spec, tensor.dtype),) if can_have_pictures(spec.shape) else ()


def golden_arrays(model: TfliteModel, ranges: Sequence[Range] | None) -> tuple[GoldenInput, ...]:
    """Return the arrays that go into a fresh file; empty where it can have no golden sample.

    Args:
        model: The file's structure.
        ranges: Least and greatest number of each input; None where nothing tells it: floats are
            then within [-1, 1] and whole numbers 0, as nothing says which others there may be.
    """
    if len(model.inputs) > MAX_ENDS or not model.inputs:
        return ()
    inputs = []
    for place, (name, tensor) in enumerate(zip(input_names(model), model.inputs, strict=True)):
        is_drawn = is_number(tensor.dtype) and 0 < tensor.elements <= MAX_ARRAY_ELEMENTS
        if not is_drawn or tensor.is_open:
            return ()
        are_floats = tensor.scale or np.dtype(tensor.dtype).kind == "f"
        low, high = ranges[place] if ranges else NO_RANGE if are_floats else (0.0, 0.0)
        if max(abs(low), abs(high)) >= MAX_NUMBER:
            return ()
        inputs.append(ArrayInput(name, tensor.shape, tensor.dtype, low, high))
    return tuple(inputs)


def parse_input(described: Mapping[str, Any]) -> GoldenInput:
    """Read an input of a packed golden sample.

    Raises:
        ValueError: It is broken.
        KeyError: It lacks a part.
    """
    dtype = described["dtype"]
    if "low" not in described:
        if dtype not in PICTURE_DTYPES:
            raise ValueError(f"dtype {dtype!r}")
        try:
            return PictureInput(InputSpec.from_dict(described), dtype)
        except InputError as error:
            raise ValueError(str(error)) from error
    shape, low, high = described["shape"], described["low"], described["high"]
    are_sides = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape)
    if not are_sides or len(shape) > 32 or not is_number(dtype):
        raise ValueError(f"an input of {dtype!r} {shape!r}")
    if (
        not all(isinstance(n, float | int) and abs(n) < MAX_NUMBER for n in (low, high))
        or low > high
    ):
        raise ValueError(f"an input from {low!r} to {high!r}")
    if not isinstance(described["name"], str):
        raise ValueError("an input without a name")
    return ArrayInput(described["name"], tuple(shape), dtype, float(low), float(high))


def is_number(dtype: Any) -> bool:
    """Say whether elements of a type are numbers or truth values, and no text."""
    try:
        return isinstance(dtype, str) and np.dtype(dtype).kind in PLAIN_DTYPE_KINDS
    except TypeError:
        return False


def ranges_of(arrays: Sequence[npt.NDArray[Any]]) -> tuple[Range, ...] | None:
    """Return the least and the greatest number of each of some arrays; None if some hold text."""
    if not all(each.dtype.kind in PLAIN_DTYPE_KINDS for each in arrays):
        return None
    return tuple((float(each.min()), float(each.max())) for each in arrays)

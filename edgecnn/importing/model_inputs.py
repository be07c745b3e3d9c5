"""The inputs of a model that is being loaded: their shapes, and whether they are an image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.importing.input_format import ModelTensor
from edgecnn.models.build import MAX_SIZE
from edgecnn.tflite.calls import CallOptions, chosen_shapes
from edgecnn.tflite.structure import TensorInfo

MAX_INPUT_VALUES = 3 * MAX_SIZE**2
"""Most values of an input: those of the largest image."""

IMAGE_CHANNELS = (1, 3)
"""Numbers of channels of an image: grey, and red, green and blue."""

WHOLE_NUMBERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
"""Types in which a model may take pixels."""

StatedShape = Sequence[int | None]
"""A shape with the batch, with None for each open side."""


def known_inputs(
    stated: Iterable[tuple[str, StatedShape, str]], options: CallOptions, label: str
) -> tuple[ModelTensor, ...]:
    """Return a model's inputs with a known shape each; an open batch becomes 1.

    The pixels of an image that are whole numbers in the model are floats here: a graph is
    quantised from float32, and an app may feed bytes to what is made of it.

    Args:
        stated: Name, shape and element type of each input, as the model states them.
        options: What the user says of open sides.
        label: The model's name for messages.

    Raises:
        InputError: A shape is missing, does not fit, or is too large.

    Example:
        >>> known_inputs([("image", (None, None, None, 3), "float32")], CallOptions((96, 96)), "m")
        (ModelTensor(name='image', shape=(1, 96, 96, 3), dtype='float32'),)
    """
    tensors = [_stated(index, *each) for index, each in enumerate(stated)]
    shapes = chosen_shapes(tensors, options, {}, label)
    inputs = [
        ModelTensor(tensor.name, shapes.get(tensor.index, tensor.shape), tensor.dtype)
        for tensor in tensors
    ]
    for each in inputs:
        check_size(each.shape, label)
    if image_shape(inputs) is not None and inputs[0].dtype in WHOLE_NUMBERS:
        return (replace(inputs[0], dtype="float32"),)
    return tuple(inputs)


def check_size(shape: Sequence[int], label: str) -> None:
    """Raise InputError for an input of a shape that is too large.

    Args:
        shape: The shape with the batch.
        label: The model's name for messages.
    """
    if math.prod(shape[1:]) > MAX_INPUT_VALUES:
        raise InputError(
            f"{label} takes input of shape {tuple(shape)}, where at most {MAX_INPUT_VALUES:,} "
            "values can be converted"
        )


def image_shape(inputs: Sequence[ModelTensor]) -> tuple[int, int, int] | None:
    """Return (height, width, channels) in pixels of the image that a model takes.

    Returns:
        None for a model whose input has not the shape of one image. Without a channel only an input
        of two equal sides has that of a grey image: others are mostly steps of time with some
        values each, and whole numbers of more than a byte are mostly no pixels.

    Example:
        >>> image_shape([ModelTensor("digit", (1, 28, 28))])
        (28, 28, 1)
    """
    if len(inputs) != 1:
        return None
    batch, *sides = inputs[0].shape if inputs[0].shape else (0,)
    may_lack_channel = inputs[0].dtype not in WHOLE_NUMBERS or inputs[0].dtype == "uint8"
    if len(sides) == 2 and sides[0] == sides[1] and may_lack_channel:
        sides = [*sides, 1]
    if batch != 1 or len(sides) != 3 or sides[2] not in IMAGE_CHANNELS:
        return None
    height, width, channels = sides
    return height, width, channels


def shapes_text(inputs: Sequence[ModelTensor]) -> str:
    """Return the inputs of a model in words: ``'tokens' (1x16, int32)``."""
    return " and ".join(
        f"{quoted(each.name)} ({'x'.join(map(str, each.shape)) or 'one number'}, {each.dtype})"
        for each in inputs
    )


def _stated(index: int, name: str, shape: StatedShape, dtype: str) -> TensorInfo:
    signature = tuple(-1 if side is None else side for side in shape)
    known = tuple(max(side, 1) for side in signature)
    return TensorInfo(name, known, dtype, (), (), 0, shape_signature=signature, index=index)

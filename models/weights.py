"""Loading weights into a registered architecture, in order, every shape checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.models.layers import AUXILIARY
from edgecnn.models.registry import list_models
from edgecnn.models.weight_files import StoredWeights, read_weights

Shape = tuple[int, ...]


@dataclass(frozen=True)
class WeightsReport:
    """Report of loading a file of weights, which is refused as a whole if it fits only in part.

    Args:
        label: The file's name for messages.
        loaded: Number of loaded arrays, which are all that the model has.
        parameters: Number of values in the loaded arrays.
        left_out: Layers of the file that the model has no place for by design.
        notes: What a user should know of where the file came from.
    """

    label: str
    loaded: int
    parameters: int
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the report in one line."""
        text = f"weights: all {self.loaded} arrays ({self.parameters:,} parameters) from "
        text += self.label
        if self.left_out:
            text += f"; left out: {', '.join(self.left_out)}"
        return "; ".join([text, *self.notes])


class WidthError(InputError):
    """The arrays are those of the architecture in another width.

    Args:
        text: What does not fit, without advice.
        shapes: Shapes of the file's arrays.
        ratio: Width of the file's layers over the model's, roughly.
        classes: Number of classes of the file's last layer.
    """

    def __init__(self, text: str, shapes: Sequence[Shape], ratio: float, classes: int) -> None:
        super().__init__(f"{text}: check --alpha")
        self.text = text
        self.shapes = tuple(shapes)
        self.ratio = ratio
        self.classes = classes


def load_weights(model: Any, path: str | Path) -> WeightsReport:
    """Fill a Keras model with the weights of a file of the same architecture.

    Args:
        model: A model that ``edgecnn.build`` made.
        path: A legacy Keras HDF5 file (``.h5``; weights or a whole model), a ``.keras`` file, or a
            ``.weights.h5`` file of a model with the same layer names.

    Returns:
        What was loaded, and which layers of the file were not.

    Raises:
        InputError: The file is missing or broken, a weight does not fit, or one is not finite; the
            message says which. Nothing is loaded then.
    """
    path = Path(path)
    stored = read_weights(path, [layer.name for layer in model.layers])
    assign_in_order(model, stored, quoted(path))
    parameters = sum(array.size for array in stored.arrays)
    return WeightsReport(quoted(path), len(stored.arrays), parameters, stored.left_out)


def assign_in_order(model: Any, stored: StoredWeights, label: str) -> None:
    """Set a model's weights from arrays in the order of its layers.

    A pointwise kernel (1, 1, in, out) fits a dense kernel (in, out): published heads are
    convolutions where ours are dense layers.

    Args:
        model: A Keras model.
        stored: The arrays, one for each weight.
        label: The source's name for messages.

    Raises:
        InputError: The number of weights or a shape differs, or a value is not finite.
    """
    weights = weights_in_order(model)
    if not shapes_fit(model, [array.shape for array in stored.arrays]):
        raise _misfit(model, stored, label)
    for weight, array in zip(weights, stored.arrays, strict=True):
        if not (np.issubdtype(array.dtype, np.number) and np.isfinite(array).all()):
            raise InputError(
                f"{label} has values in {weight.path} that are no finite numbers (NaN or "
                "infinity): the training that saved it had gone astray"
            )
    for weight, array in zip(weights, stored.arrays, strict=True):
        weight.assign(array.reshape(weight.shape))


def weights_in_order(model: Any) -> list[Any]:
    """Return a model's weights, layer by layer."""
    return [weight for layer in model.layers for weight in layer.weights]


def shapes_fit(model: Any, shapes: Sequence[Shape], *, but_classes: bool = False) -> bool:
    """Say whether arrays of these shapes are all that a model needs.

    Args:
        model: A Keras model.
        shapes: Shapes of the arrays, in the order of the model's layers.
        but_classes: Whether the last kernel and bias may have other classes.
    """
    weights = [tuple(weight.shape) for weight in weights_in_order(model)]
    if len(weights) != len(shapes):
        return False
    pairs = list(zip(weights, shapes, strict=True))
    if but_classes:
        pairs = [
            (weight[:-1], shape[:-1]) if weight[-1] == weights[-1][-1] else (weight, shape)
            for weight, shape in pairs
        ]
    return all(shape in (weight, (1, 1, *weight)) for weight, shape in pairs)


def _misfit(model: Any, stored: StoredWeights, label: str) -> InputError:
    """Say why a file does not fit, and what would."""
    shapes = [array.shape for array in stored.arrays]
    weights = [(weight.path, tuple(weight.shape)) for weight in weights_in_order(model)]
    other = stored.architecture
    if other != model.name and other in {spec.name for spec in list_models()}:
        return InputError(
            f"{label} has the weights of {other}, and {model.name} is built: give the name {other}"
        )
    if shapes_fit(model, shapes, but_classes=True):
        classes, built = shapes[-1][-1], weights[-1][1][-1]
        return InputError(
            f"{label} has {classes} classes where {built} are built: say --classes {classes}"
        )
    if _differs_in_width([shape for _, shape in weights], shapes):
        ratio = _width(shapes) / _width([shape for _, shape in weights])
        text = f"{label} has weights of {model.name} in another width"
        return WidthError(text, shapes, ratio, shapes[-1][-1])
    return InputError(f"{label} does not fit {model.name}: {_difference(model, weights, shapes)}")


def _differs_in_width(weights: Sequence[Shape], shapes: Sequence[Shape]) -> bool:
    """Whether each array has its weight's rank and, if it is a convolution's, kernel."""
    if len(weights) != len(shapes):
        return False
    flat = [shape[2:] if shape[:2] == (1, 1) and len(shape) == 4 else shape for shape in shapes]
    flat_weights = [w[2:] if w[:2] == (1, 1) and len(w) == 4 else w for w in weights]
    return all(
        len(weight) == len(shape) and (len(weight) < 4 or weight[:2] == shape[:2])
        for weight, shape in zip(flat_weights, flat, strict=True)
    )


def _width(shapes: Sequence[Shape]) -> int:
    """Return the channels of all layers but the last, as their vectors have them."""
    return sum(shape[0] for shape in shapes[:-1] if len(shape) == 1) or 1


def _difference(model: Any, weights: Sequence[tuple[str, Shape]], shapes: Sequence[Shape]) -> str:
    """Name the first array that differs, or the numbers of arrays."""
    if any(layer.name.startswith(AUXILIARY) for layer in model.layers) and len(shapes) < len(
        weights
    ):
        return "it has no auxiliary classifiers: leave out auxiliary=True"
    for (path, weight), shape in zip(weights, shapes, strict=False):
        if shape not in (weight, (1, 1, *weight)):
            return (
                f"{path} has shape {weight}, the file has {shape}: it belongs to another "
                "architecture"
            )
    return f"it has {len(shapes)} arrays for {len(weights)}: it belongs to another architecture"

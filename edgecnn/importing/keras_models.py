"""What the formats of Keras models share: from a Keras model to what can be traced (in a child)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.input_format import InputFormat, LoadedModel, LoadOptions, Source
from edgecnn.importing.layer_names import keep_layer_names
from edgecnn.importing.tracing import traced_file
from edgecnn.models.build import MAX_SIZE
from edgecnn.models.cost import inner_layers
from edgecnn.models.layers import AUXILIARY

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")

MAX_INPUT_PIXELS = MAX_SIZE**2
"""Most pixels of a model's images."""

PREPROCESSING_LAYERS = ("Rescaling", "Normalization")


class KerasFormat(InputFormat):
    """A format from which :meth:`keras_model` makes a Keras model."""

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        """Load a model as a Keras model, and make it ready to be traced."""
        model, notes = self.keras_model(source, options)
        return _loaded(model, options.size, quoted(source.name), notes)


class SavedKerasFormat(KerasFormat):
    """A file in which Keras saved a whole model."""

    @abstractmethod
    def read(self, path: str, *, trust: bool) -> Any:
        """Return the Keras model in a file, as it was saved.

        Args:
            path: The file.
            trust: Whether code in the file may run.

        Raises:
            Exception: Whatever Keras raises for a file that it cannot read.
        """

    def keras_model(self, source: Source, options: LoadOptions) -> tuple[Any, list[str]]:
        """Read the file, and drop what only training uses."""
        label = quoted(source.name)
        with explained(label):
            model = self.read(source.name, trust=source.trust)
        # An unbuilt Sequential has no such attribute.
        if not getattr(model, "inputs", None):
            raise InputError(f"{label} was never built: save it after it has seen an input")
        return _without_auxiliary(model)


@contextmanager
def explained(label: str) -> Iterator[None]:
    """Raise InputError for whatever a library raises while it loads the file ``label``."""
    try:
        yield
    except EdgecnnError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{label} cannot be loaded: {reason}") from error


def _without_auxiliary(model: Any) -> tuple[Any, list[str]]:
    """Drop the outputs that only training uses, and with them the layers that lead to them."""
    names = getattr(model, "output_names", [])
    dropped = [name for name in names if name.startswith(AUXILIARY)]
    if not dropped or len(dropped) == len(names):
        return model, []
    outputs = [model.outputs[index] for index, name in enumerate(names) if name not in dropped]
    note = f"dropped {len(dropped)} outputs that only training uses: {', '.join(dropped)}"
    return keras.Model(model.inputs, outputs, name=model.name), [note]


def _loaded(
    model: Any, size: tuple[int, int] | None, label: str, notes: Sequence[str]
) -> LoadedModel:
    check_one_image_one_answer(model.inputs, model.outputs, label)
    shape = image_shape(tuple(model.inputs[0].shape)[1:], size, label)
    preprocessing = _leading_preprocessing(model)
    return LoadedModel(
        float_file=traced_file(_call_with_constants(model), shape),
        input_shape=shape,
        output_shape=tuple(model.outputs[0].shape)[1:],
        preprocessing_layer=preprocessing.name if preprocessing else None,
        preprocessing_factor=_factor(preprocessing) if preprocessing else None,
        ends_in_softmax=_ends_in_softmax(model),
        notes=tuple(notes),
        layers=keep_layer_names(model),
        names=(layer_name(model.inputs[0]), layer_name(model.outputs[0])),
    )


def layer_name(tensor: Any) -> str:
    """Return the name of the layer that makes an input or an output, by which Keras calls it."""
    return str(tensor._keras_history.operation.name)


def _call_with_constants(model: Any) -> Callable[[Any], Any]:
    """Return the call of a model, whose weights become constants of the graph that is traced."""
    trainable = [np.asarray(variable.value) for variable in model.trainable_variables]
    others = [np.asarray(variable.value) for variable in model.non_trainable_variables]

    def call(image: Any) -> Any:
        weights, state = [[tf.constant(v) for v in values] for values in (trainable, others)]
        answer = model.stateless_call(weights, state, image, training=False)[0]
        return answer[0] if isinstance(answer, list) else answer

    return call


def check_one_image_one_answer(inputs: Sized, outputs: Sized, label: str) -> None:
    """Raise InputError unless the model ``label`` has one input and one output."""
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{label} has {len(inputs)} inputs and {len(outputs)} outputs: "
            "only models with one image in and one answer out can be converted"
        )


def image_shape(
    shape: tuple[int | None, ...], size: tuple[int, int] | None, label: str
) -> tuple[int, int, int]:
    """Return (height, width, channels) of a model's images.

    Args:
        shape: Shape of the model's input without the batch, with None for open sides.
        size: (height, width) that the user chose, in pixels; None for the model's own.
        label: The model's name for messages.

    Raises:
        InputError: The model takes no images, or the size is missing or does not fit.
    """
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise InputError(
            f"{label} takes input of shape {shape}: only images with 1 or 3 channels last, "
            "(height, width, channels), can be converted"
        )
    height, width, channels = shape
    if size and all(side in (None, chosen) for side, chosen in zip(shape, size, strict=False)):
        height, width = size
    elif size:
        raise InputError(f"{label} takes {height}x{width} images only: leave --size out")
    if height is None or width is None:
        raise InputError(f"{label} takes images of any size: choose one with --size")
    assert channels is not None
    if height * width > MAX_INPUT_PIXELS:
        raise InputError(
            f"{label} takes images of {height}x{width} pixels, where at most "
            f"{MAX_INPUT_PIXELS:,} can be converted"
        )
    return (height, width, channels)


def _leading_preprocessing(model: Any) -> Any | None:
    layers = (x for x in inner_layers(model) if type(x).__name__ != "InputLayer")
    first = next(layers, None)
    return first if first and type(first).__name__ in PREPROCESSING_LAYERS else None


def _factor(layer: Any) -> float | None:
    """Return what a Rescaling or Normalization layer multiplies by, on the average of channels."""
    if type(layer).__name__ == "Rescaling":
        return float(np.mean(layer.scale))
    variance = float(np.mean(np.asarray(layer.variance)))
    return 1 / math.sqrt(variance) if variance > 0 else None


def _ends_in_softmax(model: Any) -> bool | None:
    *_, last = inner_layers(model)
    if type(last).__name__ == "Softmax":
        return True
    activation = getattr(last, "activation", None)
    if activation is None:
        return None
    return getattr(activation, "__name__", "") in ("softmax", "sigmoid")

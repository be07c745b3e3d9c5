"""How a Keras model is called: its inputs and outputs by name, and its weights as constants."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.layer_names import named_scopes

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")


class KerasCall:
    """A Keras model as a function of flat tensors, which leaves the model as it is.

    A functional or sequential model states its inputs and outputs. A subclassed model says only
    what it was built for: the shapes of its first call.

    Args:
        model: The model.
        label: The model's name for messages.

    Raises:
        InputError: The model was never built, or does not say for which input.
    """

    def __init__(self, model: Any, label: str) -> None:
        self.model = model
        self._functional = functional_part(model)
        if self._functional is not None:
            self._arguments = [self._functional._inputs_struct]
        else:
            self._arguments = _recorded_arguments(model, label)
        self._trainable = [np.asarray(each.value) for each in model.trainable_variables]
        self._others = [np.asarray(each.value) for each in model.non_trainable_variables]
        takes = inspect.signature(model.call).parameters.values()
        is_told = any(each.name == "training" or each.kind == each.VAR_KEYWORD for each in takes)
        self._mode = {"training": False} if is_told else {}

    @property
    def inputs(self) -> list[tuple[str, tuple[int | None, ...], str]]:
        """Name, shape with the batch, and element type of each input."""
        tensors = keras.tree.flatten(self._arguments)
        return [(_name(each), tuple(each.shape), dtype_of(each)) for each in tensors]

    def __call__(self, *tensors: Any) -> list[Any]:
        """Call the model; traced, its weights are constants of the graph."""
        constants = [
            [tf.constant(value) for value in values] for values in (self._trainable, self._others)
        ]
        with named_scopes(self.model):
            answer, *_ = self.model.stateless_call(*constants, *self._packed(tensors), **self._mode)
        flat: list[Any] = keras.tree.flatten(answer)
        return flat

    def outputs(self, inputs: Sequence[ModelTensor]) -> tuple[ModelTensor, ...]:
        """Return the outputs for inputs of known shapes."""
        tensors = [keras.KerasTensor(each.shape, each.dtype) for each in inputs]
        answer = self.model.compute_output_spec(*self._packed(tensors))
        results = keras.tree.flatten(answer)
        return tuple(
            ModelTensor(name, tuple(result.shape), dtype_of(result))
            for name, result in zip(self._output_names(answer), results, strict=True)
        )

    def _packed(self, tensors: Sequence[Any]) -> list[Any]:
        packed: list[Any] = keras.tree.pack_sequence_as(self._arguments, list(tensors))
        return packed

    def _output_names(self, answer: Any) -> list[str]:
        if self._functional is not None:
            return [_name(each) for each in self._functional.outputs]
        count = len(keras.tree.flatten(answer))
        if isinstance(answer, Mapping) and len(answer) == count:
            return sorted(map(str, answer))
        return ["output"] if count == 1 else [f"output_{number}" for number in range(count)]


def functional_part(model: Any) -> Any | None:
    """Return the functional model that a Keras model is; None for one that is subclassed."""
    functional = getattr(model, "_functional", None) or model
    return functional if hasattr(functional, "_inputs_struct") else None


def dtype_of(tensor: Any) -> str:
    """Return the element type of a tensor of Keras."""
    return str(keras.backend.standardize_dtype(tensor.dtype))


def _name(tensor: Any) -> str:
    """Return the name of the layer that makes a tensor, by which Keras calls it."""
    history = getattr(tensor, "_keras_history", None)
    return str(tensor.name if history is None else history.operation.name)


def _recorded_arguments(model: Any, label: str) -> list[Any]:
    """Return what a subclassed model was built for, with an open batch, as it is called."""
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes:
        raise InputError(
            f"{label} was never built, or does not know for which input: call "
            "model.build((None, HEIGHT, WIDTH, CHANNELS)), or the model on an input"
        )
    if len(shapes) == 1:
        names = [next(iter(inspect.signature(model.call).parameters), "input")]
    else:
        names = [name.removesuffix("_shape") for name in shapes]
    dtype = model.input_dtype
    return [_stated(each, name, dtype) for each, name in zip(shapes.values(), names, strict=True)]


def _stated(shape: Any, name: str, dtype: str) -> Any:
    """Return tensors in place of a structure of shapes."""
    if isinstance(shape, Mapping):
        return {key: _stated(each, str(key), dtype) for key, each in shape.items()}
    if all(side is None or isinstance(side, int) for side in shape):
        return keras.KerasTensor((None, *shape[1:]), dtype, name=name)
    return [_stated(each, f"{name}_{number}", dtype) for number, each in enumerate(shape)]

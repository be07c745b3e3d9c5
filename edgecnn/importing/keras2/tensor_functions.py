"""TensorFlow's functions as layers: Keras 2 wrote ``x + 1`` and ``tf.nn.relu(x)`` as such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.importing.model_bounds import refuse_large_tensors

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")

SLICING = "__operators__.getitem"
INFERRED = "_edgecnn_inferred"
"""Attribute of a symbolic tensor that holds a shape: its values, with None for open sides."""


def function_named(name: str) -> Callable[..., Any]:
    """Return the function of TensorFlow with a dotted name.

    Args:
        name: The name below ``tf``: ``"nn.relu"``. Whether it may be called is decided before.

    Raises:
        ValueError: This TensorFlow has no such function.

    Example:
        >>> function_named("nn.relu")([-1.0, 2.0])
        <tf.Tensor: shape=(2,), dtype=float32, numpy=array([0., 2.], dtype=float32)>
    """
    if name == SLICING:
        return _sliced
    found: Any = tf
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ValueError(f"this TensorFlow has no function tf.{name}")
    function: Callable[..., Any] = found
    return function


def _sliced(tensor: Any, slice_spec: Any) -> Any:
    """Return ``tensor[slice_spec]``, which Keras 2 writes with slices as dictionaries."""

    def part(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if value.get("class_name") == "__ellipsis__":
            return Ellipsis
        return slice(value["start"], value["stop"], value["step"])

    if isinstance(slice_spec, (list, tuple)):
        return tensor[tuple(part(each) for each in slice_spec)]
    return tensor[part(slice_spec)]


def function_layer(call: Callable[[Sequence[Any]], Any], name: str) -> Any:
    """Return a Keras 3 layer that calls a function of tensors.

    Args:
        call: The function: takes a list of tensors; returns a tensor or a structure of them.
        name: The layer's name.

    Returns:
        A layer without weights, which is called with a tensor or a list of them.

    Example:
        >>> function_layer(lambda tensors: tensors[0] + 1.0, "plus_one")([keras.Input((4,))])
        <KerasTensor shape=(None, 4), dtype=float32, sparse=False, ragged=False, name=keras_tensor>
    """
    return _layer_class()(call, name)


def _layer_class() -> Any:
    """Return the class of these layers, which needs Keras."""
    base: Any = keras.layers.Layer

    class TensorFlowFunction(base):  # type: ignore[misc]
        """Calls a function of TensorFlow on a list of tensors."""

        def __init__(self, function: Callable[[Sequence[Any]], Any], name: str) -> None:
            super().__init__(name=name)
            self.function = function
            self.built = True

        def call(self, tensors: Sequence[Any]) -> Any:
            return self.function(_listed(tensors))

        def compute_output_spec(self, tensors: Sequence[Any]) -> Any:
            return _traced(self.function, _listed(tensors))

    return TensorFlowFunction


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _traced(function: Callable[[Sequence[Any]], Any], tensors: Sequence[Any]) -> Any:
    """Return the symbolic results of a function of symbolic tensors."""
    graph = tf.Graph()
    with graph.as_default():
        answer = function([_placeholder(each) for each in tensors])
        refuse_large_tensors(graph)
        return tf.nest.map_structure(_symbol, answer)


def _placeholder(symbol: Any) -> Any:
    inferred = getattr(symbol, INFERRED, None)
    if inferred is not None:
        # TensorFlow sees through this to the sides that are known.
        values = tf.shape(tf.compat.v1.placeholder(tf.int32, inferred), out_type=symbol.dtype)
        return values if len(symbol.shape) == 1 else values[0]
    return tf.compat.v1.placeholder(symbol.dtype, tuple(symbol.shape))


def _symbol(result: Any) -> Any:
    result = tf.convert_to_tensor(result)
    if result.shape.rank is None:
        raise ValueError("the number of dimensions of a result is not known")
    symbol = keras.KerasTensor(tuple(result.shape), result.dtype.name)
    inferred = _inferred(result)
    if inferred is not None:
        setattr(symbol, INFERRED, inferred)
    return symbol


def _inferred(tensor: Any) -> list[int | None] | None:
    """Return the values of a tensor that may be a shape, as far as TensorFlow knows them."""
    from tensorflow.python.framework import tensor_util

    rank, is_shape = tensor.shape.rank, tensor.dtype in (tf.int32, tf.int64)
    if not is_shape or rank not in (0, 1) or (rank == 1 and (tensor.shape[0] or 99) > 8):
        return None
    try:
        values = tensor_util.constant_value_as_shape(tensor if rank else tensor[None])
    except ValueError:
        return None  # A negative number, which is no side of a shape.
    return None if values.rank is None else list(values.as_list())

"""The names of a model's layers in the files made of it, and back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgecnn.lazy import LazyModule

tf = LazyModule("tensorflow", extra="convert")


def keep_layer_names(model: Any) -> dict[str, bool]:
    """Let what is traced of a Keras model be named after its layers, exactly.

    Keras opens a layer's name scope twice, to build it and to call it, and TensorFlow gives the
    second a number: what ``conv2d`` does is called ``conv2d_1``, which is another layer's name.
    Each layer's ``call`` goes back to the scope of its own name here. A layer that is called
    again is in the same scope again.

    Args:
        model: A Keras model, which is changed.

    Returns:
        Where its layers are (``"conv1"``, or ``"backbone/conv1"`` in a model inside), and of each
        whether it has a kernel.

    Example:
        >>> keep_layer_names(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="a")]))
        {'a': True}
    """
    found = {}
    for path, layer in _layers(model, ""):
        layer.call = _in_own_scope(layer)
        # Biases and what batch normalisation has are vectors.
        found[path] = any(len(weight.shape) > 1 for weight in layer.weights)
    return found


def layer_of(tensor: str, layers: Mapping[str, bool]) -> str:
    """Return the name of the layer that a tensor of a ``.tflite`` file is the result of.

    Of several layers that became one op, that with a kernel gives the name.

    Args:
        tensor: The tensor's name.
        layers: As :func:`keep_layer_names` gave them; none if they are not known.

    Example:
        >>> layer_of("relu1/Relu6;bn1/mul;conv1/convolution", {"relu1": False, "conv1": True})
        'conv1'
    """
    paths = [path for part in tensor.split(";") if (path := _longest(part, layers))]
    if not paths:
        return scope_of(next((part for part in tensor.split(";") if "/" in part), tensor))
    path = next((path for path in paths if layers[path]), paths[0])
    name = path.rpartition("/")[2]
    is_unique = sum(other.rpartition("/")[2] == name for other in layers) == 1
    return name if is_unique else path


def _longest(part: str, layers: Mapping[str, bool]) -> str:
    """Return the longest beginning of a path that leads to a layer."""
    while part and part not in layers:
        part = part.rpartition("/")[0]
    return part


def scope_of(tensor: str) -> str:
    """Return the part of a tensor's name that leads back to its layer, by its form alone.

    Example:
        >>> scope_of("block_1_relu/Relu6;block_1/convolution")
        'block_1_relu'
    """
    first = tensor.split(";")[0]
    return first.rpartition("/")[0].rpartition("/")[2] or first


def _layers(model: Any, before: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        path = f"{before}{layer.name}"
        if hasattr(layer, "layers"):
            yield from _layers(layer, f"{path}/")
        yield path, layer


def _in_own_scope(layer: Any) -> Callable[..., Any]:
    call = layer.call

    @functools.wraps(call)
    def named(*arguments: Any, **options: Any) -> Any:
        above, slash, _ = tf.get_current_name_scope().rpartition("/")
        # A name that ends in a slash is taken as it is, also where it was used before.
        with tf.name_scope(f"{above}{slash}{layer.name}/"):
            return call(*arguments, **options)

    return named

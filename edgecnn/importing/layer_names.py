"""The names of a model's layers in the files made of it, and back."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.tflite.names import scope_of

tf = LazyModule("tensorflow", extra="convert")


@dataclass(frozen=True)
class TracedLayer:
    """A layer that is found again in a file.

    Args:
        path: Its name, after those of the models that it is in: ``"backbone/conv 1"``.
        has_kernel: Whether it has weights that are no vectors.
    """

    path: str
    has_kernel: bool


def keep_layer_names(model: Any) -> dict[str, TracedLayer]:
    """Let what is traced of a Keras model be named after its layers, exactly if that is possible.

    Keras opens a layer's name scope twice, to build it and to call it, and TensorFlow gives the
    second a number: what ``conv2d`` does is called ``conv2d_1``, which is another layer's name.
    Each layer's ``call`` goes back to the scope of its own name here. A layer that is called
    again is in the same scope again. Names that TensorFlow takes for no scope are changed first,
    as :func:`scope_name` says.

    Args:
        model: A Keras model, which is changed.

    Returns:
        Where its layers are in the file (``"conv1"``, or ``"backbone/conv1"`` in a model inside).

    Example:
        >>> keep_layer_names(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="a")]))
        {'a': TracedLayer(path='a', has_kernel=True)}
    """
    found: dict[str, TracedLayer] = {}
    known = [(layer, path) for path, layer in _layers(model, "")]
    _rename(model)
    for (scope, layer), (_, path) in zip(_layers(model, ""), known, strict=True):
        layer.call = _in_own_scope(layer)
        # Biases and what batch normalisation has are vectors.
        found[scope] = TracedLayer(path, any(len(weight.shape) > 1 for weight in layer.weights))
    return found


def scope_name(name: str) -> str:
    """Return what a layer is called in files: ASCII letters, digits, ``_``, ``.``, ``-`` and ``>``.

    Accents are left out, other letters become their code point, and what else TensorFlow refuses
    an underscore; it begins with a letter, a digit or a dot.

    Example:
        >>> scope_name("_entrée 1 层")
        'layer_entree_1_u5c42'
    """
    plain = "".join(
        f"u{ord(char):x}" if char.isalnum() and not char.isascii() else char
        for char in unicodedata.normalize("NFKD", name)
        if not unicodedata.combining(char)
    )
    plain = re.sub(r"[^A-Za-z0-9_.>-]+", "_", plain)
    if not re.match(r"[A-Za-z0-9.]", plain):
        plain = f"layer{plain}" if plain.startswith("_") else f"layer_{plain}"
    return plain


def layer_of(tensor: str, layers: Mapping[str, TracedLayer]) -> str:
    """Return the name of the layer that a tensor of a ``.tflite`` file is the result of.

    Of several layers that became one op, that with a kernel gives the name.

    Args:
        tensor: The tensor's name.
        layers: As :func:`keep_layer_names` gave them; none if they are not known.

    Example:
        >>> conv, relu = TracedLayer("conv1", True), TracedLayer("relu1", False)
        >>> layer_of("relu1/Relu6;bn1/mul;conv1/convolution", {"relu1": relu, "conv1": conv})
        'conv1'
    """
    scopes = [scope for part in tensor.split(";") if (scope := _longest(part, layers))]
    if not scopes:
        return scope_of(next((part for part in tensor.split(";") if "/" in part), tensor))
    scope = next((scope for scope in scopes if layers[scope].has_kernel), scopes[0])
    path = layers[scope].path
    name = path.rpartition("/")[2]
    is_unique = sum(other.path.rpartition("/")[2] == name for other in layers.values()) == 1
    return name if is_unique else path


def _longest(part: str, layers: Mapping[str, TracedLayer]) -> str:
    """Return the longest beginning of a path that leads to a layer."""
    while part and part not in layers:
        part = part.rpartition("/")[0]
    return part


def _layers(model: Any, before: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        path = f"{before}{layer.name}"
        if hasattr(layer, "layers"):
            yield from _layers(layer, f"{path}/")
        yield path, layer


def _rename(model: Any) -> None:
    """Give all layers names that TensorFlow takes, those that layers hold within themselves too."""
    layers = model._flatten_layers(include_self=False, recursive=False)
    taken = {layer.name for layer in layers}
    for layer in layers:
        if (plain := scope_name(layer.name)) != layer.name:
            numbered = (f"{plain}_{number}" for number in itertools.count(1))
            layer.name = next(n for n in itertools.chain([plain], numbered) if n not in taken)
            taken.add(layer.name)
        _rename(layer)


def _in_own_scope(layer: Any) -> Callable[..., Any]:
    call = layer.call

    @functools.wraps(call)
    def named(*arguments: Any, **options: Any) -> Any:
        above, slash, _ = tf.get_current_name_scope().rpartition("/")
        # A name that ends in a slash is taken as it is, also where it was used before.
        with tf.name_scope(f"{above}{slash}{layer.name}/"):
            return call(*arguments, **options)

    return named

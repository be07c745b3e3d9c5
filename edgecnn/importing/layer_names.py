"""The names of a model's layers in the files made of it, and back."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.tflite.names import scope_of

tf = LazyModule("tensorflow", extra="convert")


@dataclass(frozen=True)
class TracedLayer:
    """A layer that is found again in a file.

    Args:
        path: Name of the layer after those of the models that hold it: ``"backbone/conv 1"``.
        has_kernel: Whether the layer has weights that are no vectors.
    """

    path: str
    has_kernel: bool


def traced_layers(model: Any) -> dict[str, TracedLayer]:
    """Return the layers of a Keras model that is traced within :func:`named_scopes`.

    Args:
        model: A Keras model.

    Returns:
        Scope of each layer in the file (``"backbone/conv1"`` in an inner model) -> the layer.

    Example:
        >>> traced_layers(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="a")]))
        {'a': TracedLayer(path='a', has_kernel=True)}
    """
    names = _scope_names(model)
    traced: dict[str, TracedLayer] = {}
    for scope, path, layer in _layers(model, names, "", ""):
        # Biases and what batch normalisation has are vectors.
        traced[scope] = TracedLayer(path, any(len(weight.shape) > 1 for weight in layer.weights))
    return traced


@contextmanager
def named_scopes(model: Any) -> Iterator[None]:
    """Have a Keras model's traced tensors named after its layers, exactly where that is possible.

    Keras opens a layer's name scope twice, to build it and to call it, and TensorFlow gives the
    second a number: what ``conv2d`` does is called ``conv2d_1``, which is another layer's name.
    Within this context each layer's ``call`` goes back to the scope of its own name. A layer that
    is called again is in the same scope again. Names that TensorFlow takes for no scope are
    replaced as :func:`scope_name` says. Afterwards, also after an error, the model and its layers
    have all their attributes as before.

    Args:
        model: A Keras model.
    """
    names = _scope_names(model)
    kept = [(layer, dict(vars(layer))) for layer in (model, *_every_layer(model))]
    try:
        for layer, _ in kept[1:]:
            # Not by assignment: Keras tracks what is assigned.
            vars(layer).update(name=names[id(layer)])
        for _, _, layer in _layers(model, names, "", ""):
            vars(layer).update(call=_in_own_scope(layer))
        yield
    finally:
        for layer, attributes in kept:
            vars(layer).clear()
            vars(layer).update(attributes)


def scope_name(name: str) -> str:
    """Return a layer's name in files: ASCII letters, digits, ``_``, ``.``, ``-`` and ``>``.

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
        layers: The layers, as :func:`traced_layers` returns them; empty if they are not known.

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


def _layers(
    model: Any, names: Mapping[int, str], scope: str, path: str
) -> Iterator[tuple[str, str, Any]]:
    """Yield scope, path and layer of a model's layers, those of inner models before these."""
    for layer in model.layers:
        own, named = f"{scope}{names[id(layer)]}", f"{path}{layer.name}"
        if hasattr(layer, "layers"):
            yield from _layers(layer, names, f"{own}/", f"{named}/")
        yield own, named, layer


def _scope_names(model: Any) -> dict[int, str]:
    """Return a name that TensorFlow takes for each layer, by its id, also within other layers."""
    names: dict[int, str] = {}
    layers = _own_layers(model)
    taken = {layer.name for layer in layers}
    for layer in layers:
        name = layer.name
        if (plain := scope_name(name)) != name:
            numbered = (f"{plain}_{number}" for number in itertools.count(1))
            name = next(n for n in itertools.chain([plain], numbered) if n not in taken)
            taken.add(name)
        names |= {id(layer): name, **_scope_names(layer)}
    return names


def _every_layer(model: Any) -> Iterator[Any]:
    """Yield all layers of a model, also those within other layers."""
    for layer in _own_layers(model):
        yield layer
        yield from _every_layer(layer)


def _own_layers(layer: Any) -> list[Any]:
    layers: list[Any] = layer._flatten_layers(include_self=False, recursive=False)
    return layers


def _in_own_scope(layer: Any) -> Callable[..., Any]:
    call = layer.call

    @functools.wraps(call)
    def call_in_own_scope(*arguments: Any, **options: Any) -> Any:
        above, slash, _ = tf.get_current_name_scope().rpartition("/")
        # A name that ends in a slash is taken as it is, also where it was used before.
        with tf.name_scope(f"{above}{slash}{layer.name}/"):
            return call(*arguments, **options)

    return call_in_own_scope

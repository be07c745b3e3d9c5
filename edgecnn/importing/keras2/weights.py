"""The weights of a Keras 2 file, put into the Keras 3 model that was made of its configuration.

Two layouts: that of ``.h5`` files has a group for each outer layer, with the weights of inner ones
in one row, the trained before the others; that of ``.keras`` files has a group for each layer, in
groups for the layers and models around it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.importing.keras2.building import StoredLayer

INNER_PARTS = {
    "Bidirectional": ("forward_layer", "backward_layer"),
    "MultiHeadAttention": ("_query_dense", "_key_dense", "_value_dense", "_output_dense"),
    "SpectralNormalization": ("layer",),
    "TimeDistributed": ("layer",),
    **dict.fromkeys(
        ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN"), ("cell",)
    ),
}
"""Class of a layer -> its attributes that are layers with weights, as named in files too."""
NOT_WEIGHTS = re.compile(
    r"StateVar|seed_generator_state|optimizer_step|\w*pruning_step|threshold(_\d+)?|\w*_min"
    r"|\w*_max|\w*min_var|\w*max_var"
)
"""Arrays beside a layer's weights: steps, states of random numbers, what a wrapper measured."""
TELLING_NAMES = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
"""Names of weights that Keras 2 and Keras 3 have in common, so that a mix-up is noticed."""


@dataclass(frozen=True)
class _Array:
    """An array of a file: its name without the layer's, and the data set."""

    name: str
    data: Any


class WeightLoader:
    """Puts the weights of a file into a model.

    Args:
        inner: The layers of each model by the model's id, as ``ModelBuilder.inner`` has them.
        label: The file's name for messages.
    """

    def __init__(self, inner: Mapping[int, Sequence[StoredLayer]], label: str) -> None:
        self._inner, self._label = inner, label

    def from_h5(self, model: Any, group: Any) -> None:
        """Load the weights of an ``.h5`` file.

        Args:
            model: The model.
            group: The file's group with the weights.

        Raises:
            InputError: A layer's weights are missing, or not of its shapes.
        """
        for stored in self._inner[id(model)]:
            if stored.layer is None:
                continue
            trained, others = self._in_h5_order(stored.layer)
            self._assign(stored, [*trained, *others], _h5_arrays(group, stored.name))
        self._finish(model)

    def from_keras(self, model: Any, group: Any) -> None:
        """Load the weights of a ``.keras`` file.

        Args:
            model: The model.
            group: The HDF5 file in it.

        Raises:
            InputError: A layer's weights are missing, or not of its shapes.
        """
        self._model_from_keras(model, _layers_group(group))
        self._finish(model)

    def _model_from_keras(self, model: Any, group: Any) -> None:
        names = _group_names([each.kind for each in self._inner[id(model)]], group or ())
        for name, stored in zip(names, self._inner[id(model)], strict=True):
            if stored.layer is not None and stored.layer.weights:
                own = group.get(name) if group is not None else None
                self._layer_from_keras(stored, stored.layer, own)

    def _layer_from_keras(self, stored: StoredLayer, layer: Any, group: Any) -> None:
        if id(layer) in self._inner:
            self._model_from_keras(layer, None if group is None else _layers_group(group))
            return
        inner = group if group is None or not stored.is_wrapped else group.get("layer")
        own = _own_weights(layer, self._parts(layer))
        if own and stored.is_wrapped:
            arrays, masks = _wrapped_arrays(own, inner, group)
            has_masks = stored.kind == "PruneLowMagnitude"
            self._assign(stored, own, [*arrays, *(masks if has_masks else [])])
        elif own:
            arrays = _keras_arrays(inner)
            if len(arrays) > len(own) and self._parts(layer):
                # TensorFlow 2.13 stores a weight of a part again with the layer's own.
                arrays, _ = _wrapped_arrays(own, inner, None)
            self._assign(stored, own, arrays)
        for path, part in self._parts(layer):
            self._layer_from_keras(stored, part, None if inner is None else inner.get(path))

    def _parts(self, layer: Any) -> list[tuple[str, Any]]:
        """Return the layers in a layer, with their paths in the file."""
        if id(layer) in self._inner:
            return [("", each.layer) for each in self._inner[id(layer)] if each.layer is not None]
        if type(layer).__name__ == "StackedRNNCells":
            names = _group_names([type(cell).__name__ for cell in layer.cells])
            return [(f"cells/{n}", cell) for n, cell in zip(names, layer.cells, strict=True)]
        return [(name, getattr(layer, name)) for name in INNER_PARTS.get(type(layer).__name__, ())]

    def _in_h5_order(self, layer: Any) -> tuple[list[Any], list[Any]]:
        """Return a layer's trained weights and the others, each in the order of the file."""
        parts = self._parts(layer)
        own = [] if id(layer) in self._inner else _own_weights(layer, parts)
        trained = [each for each in own if each.trainable]
        others = [each for each in own if not each.trainable]
        for _, part in parts:
            more_trained, more_others = self._in_h5_order(part)
            trained += more_trained
            others += more_others
        return trained, others

    def _assign(
        self, stored: StoredLayer, weights: Sequence[Any], arrays: Sequence[_Array]
    ) -> None:
        if not weights:
            return
        masks = [each for each in arrays if re.fullmatch(r"mask(_\d+)?", each.name)]
        plain = [
            each for each in arrays if each not in masks and not NOT_WEIGHTS.fullmatch(each.name)
        ]
        if len(plain) > len(weights) and stored.is_wrapped:
            plain = plain[: len(weights)]
        if len(plain) != len(weights):
            raise InputError(
                f"{self._label} has {len(plain)} weights for its layer {quoted(stored.name)}, "
                f"which takes {len(weights)}: save the model again"
            )
        for weight, array in zip(weights, plain, strict=True):
            self._check(stored, weight, array)
            weight.assign(_masked(array.data, masks))

    def _check(self, stored: StoredLayer, weight: Any, array: _Array) -> None:
        names = (array.name, weight.name)
        is_other = names[0] != names[1] and all(name in TELLING_NAMES for name in names)
        if tuple(array.data.shape) != tuple(weight.shape) or is_other:
            raise InputError(
                f"{self._label} has {array.name} of shape {tuple(array.data.shape)} where its "
                f"layer {quoted(stored.name)} takes {weight.name} of shape "
                f"{tuple(weight.shape)}: save the model again"
            )

    def _finish(self, model: Any) -> None:
        """Have layers compute what they derive from their weights."""
        for layer in model._flatten_layers():
            if type(layer).__name__ == "Normalization" and layer.built:
                layer.finalize_state()


def _own_weights(layer: Any, parts: Sequence[tuple[str, Any]]) -> list[Any]:
    """Return a layer's weights without those of its parts."""
    inner = {id(weight) for _, part in parts for weight in part.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def _masked(data: Any, masks: list[_Array]) -> Any:
    """Return an array, with zeros where the first mask of its shape has them.

    A pruned model multiplies by its masks in each call, also when it does not train.
    """
    values = np.asarray(data, np.float32) if data.dtype.kind == "f" else np.asarray(data)
    for mask in masks:
        if mask.data.shape == data.shape:
            masks.remove(mask)
            return values * np.asarray(mask.data)
    return values


def _h5_arrays(group: Any, layer: str) -> list[_Array]:
    if layer not in group:
        return []
    own = group[layer]
    names = [each.decode() if isinstance(each, bytes) else str(each) for each in _weight_names(own)]
    return [_Array(_weight_name(name), own[name]) for name in names]


def _weight_names(group: Any) -> Iterator[Any]:
    """Yield the names of a group's weights, which are in several attributes where they are many."""
    if "weight_names" in group.attrs:
        yield from group.attrs["weight_names"]
        return
    number = 0
    while f"weight_names{number}" in group.attrs:
        yield from group.attrs[f"weight_names{number}"]
        number += 1


def _weight_name(path: str) -> str:
    """Return the name of a weight without its layer's.

    Example:
        >>> _weight_name("conv2d/kernel:0")
        'kernel'
    """
    return path.rpartition("/")[2].partition(":")[0]


def _keras_arrays(group: Any) -> list[_Array]:
    arrays = {} if group is None else group.get("vars", {})
    return [_Array(f"weight {number}", arrays[number]) for number in sorted(arrays, key=int)]


def _wrapped_arrays(
    weights: Sequence[Any], inner: Any, outer: Any
) -> tuple[list[_Array], list[_Array]]:
    """Return the arrays of a layer in a wrapper, and what may be their masks.

    Arrays have no names there, and a wrapper stores some again: a weight is the first of its
    shape, the layer's own before the wrapper's; what is left over of its shape, and is not the
    same, is its mask.
    """
    left = [*_keras_arrays(inner), *_keras_arrays(outer)]
    found, masks = [], []
    for weight in weights:
        fitting = [each for each in left if tuple(each.data.shape) == tuple(weight.shape)]
        if not fitting:
            continue
        first, *others = fitting
        found.append(first)
        left.remove(first)
        if len(weight.shape) > 1:
            values = np.asarray(first.data)
            others = [each for each in others if not np.array_equal(values, each.data)]
            masks += [_Array("mask", each.data) for each in others[:1]]
    return found, masks


def _layers_group(group: Any) -> Any:
    """Return the group of a model's layers, which versions of Keras 2 call differently."""
    return group.get("layers", group.get("_layer_checkpoint_dependencies"))


def _group_names(kinds: Sequence[str], there: Iterable[str] = ()) -> list[str]:
    """Return the names of layers' groups in ``.keras`` files: their classes, numbered.

    TensorFlow 2.13 leaves out the number behind that of a layer with weights: where there are as
    many groups of a class as layers, they are in the layers' order.

    Args:
        kinds: The layers' classes.
        there: The names of the groups that there are.

    Example:
        >>> _group_names(["Conv2D", "Conv2D", "Dense"])
        ['conv2d', 'conv2d_1', 'dense']
        >>> _group_names(["Conv2D", "Conv2D", "Dense"], ["conv2d", "conv2d_2", "dense"])
        ['conv2d', 'conv2d_2', 'dense']
    """
    classes = [_snake_case(kind) for kind in kinds]
    numbered: dict[str, list[int]] = {name: [] for name in classes}
    for name in there:
        stem, _, number = name.rpartition("_")
        if name in numbered:
            numbered[name].append(0)
        elif stem in numbered and number.isdecimal():
            numbered[stem].append(int(number))
    left = {}
    for name, count in Counter(classes).items():
        found = sorted(numbered[name])
        left[name] = iter(found if len(found) == count else range(count))
    return [f"{name}_{place}" if (place := next(left[name])) else name for name in classes]


def _snake_case(name: str) -> str:
    """Return a class's name as Keras 2 writes it in ``.keras`` files."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()

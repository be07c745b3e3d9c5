"""Loading weights into a registered architecture, in order, every shape checked.

Only arrays are read; nothing of a model that a file may hold is executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.errors import InputError
from edgecnn.files import quoted
from edgecnn.lazy import LazyModule
from edgecnn.models.layers import AUXILIARY

h5py = LazyModule("h5py", extra="convert")

Array = npt.NDArray[Any]

INPUT_NORMALISATION = "normalization"
"""Layer of published EfficientNets that holds mean and variance of the input; the InputSpec has
them here, so that the app's preprocessing or the input's scale does that work."""


@dataclass(frozen=True)
class WeightsReport:
    """What of a file went into a model; what fits only in part is refused, never half loaded.

    Args:
        label: The file's name for messages.
        loaded: Number of arrays, which are all that the model has.
        parameters: Values in them.
        left_out: Layers of the file that the model has no place for by design.
    """

    label: str
    loaded: int
    parameters: int
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line."""
        text = f"weights: all {self.loaded} arrays ({self.parameters:,} parameters) from "
        text += self.label
        return f"{text}; left out: {', '.join(self.left_out)}" if self.left_out else text


@dataclass(frozen=True)
class StoredWeights:
    """Arrays of a file in the order of its layers, and the layers that were left out."""

    arrays: list[Array]
    left_out: tuple[str, ...]


def load_weights(model: Any, path: str | Path) -> WeightsReport:
    """Fill a Keras model with the weights of a file of the same architecture.

    Args:
        model: A model that ``edgecnn.build`` made.
        path: A legacy Keras HDF5 file (``.h5``; weights or a whole model), a ``.keras`` file, or a
            ``.weights.h5`` file of a model with the same layer names.

    Returns:
        What was loaded, and which layers of the file were not.

    Raises:
        InputError: The file is missing or broken, or a weight does not fit; the message says which.
    """
    path = Path(path)
    stored = read_weights(path, [layer.name for layer in model.layers])
    assign_in_order(model, stored.arrays, quoted(path))
    parameters = sum(array.size for array in stored.arrays)
    return WeightsReport(quoted(path), len(stored.arrays), parameters, stored.left_out)


def assign_in_order(model: Any, arrays: Sequence[Array], label: str) -> None:
    """Set a model's weights from arrays in the order of its layers.

    A pointwise kernel (1, 1, in, out) fits a dense kernel (in, out): published heads are
    convolutions where ours are dense layers.

    Args:
        model: A Keras model.
        arrays: One for each weight.
        label: The source's name for messages.

    Raises:
        InputError: The number of weights or a shape differs.
    """
    weights = [weight for layer in model.layers for weight in layer.weights if _is_state(weight)]
    fitted = []
    for weight, array in zip(weights, arrays, strict=False):
        shape = tuple(weight.shape)
        if array.shape != shape and array.shape != (1, 1, *shape):
            raise InputError(_misfit(model, label, weight, array.shape, weights[-1]))
        fitted.append(array.reshape(shape))
    if len(arrays) != len(weights):
        raise InputError(
            f"{label} has {len(arrays)} weights and {model.name} has {len(weights)}: "
            "it belongs to another architecture"
        )
    for weight, array in zip(weights, fitted, strict=True):
        weight.assign(array)


def _is_state(weight: Any) -> bool:
    """Leave out the counters of random generators, which are no weights."""
    return "seed_generator" not in weight.path


def _misfit(model: Any, label: str, weight: Any, found: tuple[int, ...], last: Any) -> str:
    expected = tuple(weight.shape)
    is_head = expected[-1] == last.shape[-1] and found[:-1][-1:] == expected[:-1][-1:]
    if is_head:
        return (
            f"{label} has {found[-1]} classes where {expected[-1]} are built: "
            f"say --classes {found[-1]}"
        )
    return (
        f"{label} does not fit {model.name}: {weight.path} has shape {expected}, the file has "
        f"{found}: check the architecture and --alpha"
    )


def read_weights(path: Path, layer_names: Sequence[str]) -> StoredWeights:
    """Read a file's arrays in the order of its layers.

    Args:
        path: The file.
        layer_names: The model's, which are the order for a file that has none of its own.

    Raises:
        InputError: It is missing, broken, or of a kind that is not known.
    """
    try:
        if zipfile.is_zipfile(path):
            return _from_keras_archive(path, layer_names)
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            if "layer_names" in root.attrs:
                return _from_legacy(root, layer_names)
            return _stored(_named_groups(file), layer_names, layer_names)
    except FileNotFoundError:
        raise InputError(f"no such weights file: {quoted(path)}") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"cannot read weights from {quoted(path)}: give a .h5 or .keras file that Keras saved"
        ) from error


def _from_legacy(root: Any, layer_names: Sequence[str]) -> StoredWeights:
    groups = {}
    for layer in map(_text, root.attrs["layer_names"]):
        group = root[layer]
        groups[layer] = [group[_text(name)] for name in group.attrs["weight_names"]]
    return _stored(groups, groups, layer_names)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _from_keras_archive(path: Path, layer_names: Sequence[str]) -> StoredWeights:
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        content = io.BytesIO(archive.read("model.weights.h5"))
    names = [layer["config"]["name"] for layer in config["config"]["layers"]]
    with h5py.File(content, "r") as file:
        return _stored(_named_groups(file), names, layer_names)


def _named_groups(file: Any) -> dict[str, list[Any]]:
    """Return the arrays of a Keras 3 weights file by the names of their layers."""
    groups = {}
    for group in file["layers"].values():
        if "vars" in group:
            variables = group["vars"]
            name = _text(variables.attrs["name"])
            groups[name] = [variables[str(index)] for index in range(len(variables))]
    return groups


def _stored(
    groups: Mapping[str, list[Any]], order: Collection[str], layer_names: Sequence[str]
) -> StoredWeights:
    """Put the arrays of the layers that have a place in order; name the others."""
    fitting = {name: arrays for name, arrays in groups.items() if _has_place(name, layer_names)}
    lost = sorted(set(fitting) - set(order))
    if lost:
        raise KeyError(f"layers {lost[:3]}")
    arrays = [np.asarray(array) for name in order for array in fitting.get(name, ())]
    left_out = (name for name, stored in groups.items() if stored and name not in fitting)
    return StoredWeights(arrays, tuple(left_out))


def _has_place(layer: str, layer_names: Sequence[str]) -> bool:
    """Say whether a file's layer belongs into the model.

    What an InputSpec does, and classifiers that only training uses, do not.
    """
    if layer.startswith(AUXILIARY):
        return any(name.startswith(AUXILIARY) for name in layer_names)
    return not layer.startswith(INPUT_NORMALISATION)

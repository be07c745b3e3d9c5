"""Reading the arrays of a file of weights in the order of its layers.

Only arrays are read; nothing of a model that a file may hold is executed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, first_bytes, quoted
from edgecnn.core.json_text import json_value
from edgecnn.core.lazy import LazyModule
from edgecnn.core.zip_files import ZIP_ERRORS, RefusedZipError, member_bytes, opened_zip
from edgecnn.models.hdf5 import has_endless_heap, is_endless, refuse_long_file, stored_numbers
from edgecnn.models.layers import AUXILIARY

h5py = LazyModule("h5py", extra="convert")

Array = npt.NDArray[Any]

INPUT_NORMALISATION = "normalization"
"""Layer of published EfficientNets that holds the input's mean and variance. Here the InputSpec has
them, so that the app's preprocessing or the input's scale does that work."""

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
"""Files in a ``.keras`` file: the configuration of the layers, and their weights."""

MAX_CONFIG_BYTES = 16 << 20
"""Most bytes of the configuration in a ``.keras`` file; NASNet's, with 1,000 layers, has one MB."""

KNOWN_BEGINNINGS = (b"\x89HDF", b"PK\x03\x04")

READING_ERRORS = (*ZIP_ERRORS, LookupError, TypeError, AttributeError, OverflowError)
"""Errors of h5py, zipfile and json for a file whose bytes or structure are broken."""


@dataclass(frozen=True)
class StoredWeights:
    """Weights of a file.

    Args:
        arrays: The arrays, in the order of the file's layers.
        left_out: Layers that the model has no place for by design.
        architecture: Name of the saved model; None where the file has no name.
    """

    arrays: list[Array]
    left_out: tuple[str, ...]
    architecture: str | None = None


def read_weights(path: Path, layer_names: Sequence[str]) -> StoredWeights:
    """Read a file's arrays in the order of its layers.

    Args:
        path: The file.
        layer_names: Names of the model's layers, in the order that a file without an order of its
            own is read in.

    Raises:
        InputError: The file is missing, broken, of an unknown format, or has layers that the model
            lacks.
    """
    if not exists(path):
        raise InputError(f"no such weights file: {quoted(path)}")
    if path.is_dir():
        raise InputError(f"{quoted(path)} is a folder, where a file with weights is needed")
    head = first_bytes(path)
    refuse_long_file(path)
    try:
        if zipfile.is_zipfile(path):
            return _from_keras_archive(path, layer_names)
        if is_endless(path):
            raise ValueError("damaged strings")
        with h5py.File(path, "r") as file:
            return _from_hdf5(file, layer_names, quoted(path))
    except RefusedZipError as error:
        raise InputError(f"cannot read weights from {quoted(path)}: {error}") from error
    except READING_ERRORS as error:
        broken = "it is truncated or corrupt, or " if head.startswith(KNOWN_BEGINNINGS) else ""
        raise InputError(
            f"cannot read weights from {quoted(path)}: {broken}"
            "Keras did not save it: give a .h5 or .keras file"
        ) from error


def _from_hdf5(file: Any, layer_names: Sequence[str], label: str) -> StoredWeights:
    stored_numbers(file, label)
    root = file.get("model_weights", file)
    if "layer_names" in root.attrs:
        config = json_value(_text(file.attrs.get("model_config", "{}")))
        return _from_legacy(root, layer_names, _model_name(config))
    groups = _named_groups(file)
    fitting = _fitting(groups, layer_names)
    lost = [name for name in fitting if fitting[name] and name not in set(layer_names)]
    if lost:
        raise InputError(
            f"{label} has weights of {len(lost)} layers that are not in the model "
            f"({', '.join(lost[:3])}{', ...' if lost[3:] else ''}): "
            "they belong to another architecture"
        )
    return _stored(groups, layer_names, layer_names)


def _from_legacy(root: Any, layer_names: Sequence[str], architecture: str | None) -> StoredWeights:
    groups = {}
    for layer in map(_text, root.attrs["layer_names"]):
        group = root[layer]
        groups[layer] = [group[_text(name)] for name in group.attrs["weight_names"]]
    return _stored(groups, groups, layer_names, architecture)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _from_keras_archive(path: Path, layer_names: Sequence[str]) -> StoredWeights:
    with opened_zip(path) as archive:
        config = json_value(member_bytes(archive, CONFIG, MAX_CONFIG_BYTES))
        content = member_bytes(archive, WEIGHTS)
    if has_endless_heap(content):
        raise ValueError("damaged strings")
    names = [layer["config"]["name"] for layer in config["config"]["layers"]]
    with h5py.File(io.BytesIO(content), "r") as file:
        stored_numbers(file, quoted(path))
        return _stored(_named_groups(file), names, layer_names, _model_name(config))


def _model_name(config: Any) -> str | None:
    name = config.get("config", {}).get("name")
    return name if isinstance(name, str) else None


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
    groups: Mapping[str, list[Any]],
    order: Collection[str],
    layer_names: Sequence[str],
    architecture: str | None = None,
) -> StoredWeights:
    """Order the arrays of the layers that have a place in the model, and name the other layers."""
    fitting = _fitting(groups, layer_names)
    if lost := sorted(set(fitting) - set(order)):
        raise KeyError(f"layers {lost[:3]}")
    arrays = [np.asarray(array) for name in order for array in fitting.get(name, ())]
    left_out = (name for name, stored in groups.items() if stored and name not in fitting)
    return StoredWeights(arrays, tuple(left_out), architecture)


def _fitting(groups: Mapping[str, list[Any]], layer_names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: arrays for name, arrays in groups.items() if _has_place(name, layer_names)}


def _has_place(layer: str, layer_names: Sequence[str]) -> bool:
    """Say whether a file's layer has a place in the model.

    The input's normalisation, which an InputSpec does, and classifiers for training have none.
    """
    if layer.startswith(AUXILIARY):
        return any(name.startswith(AUXILIARY) for name in layer_names)
    return not layer.startswith(INPUT_NORMALISATION)

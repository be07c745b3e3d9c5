"""A ``.keras`` file: a zip of the model's configuration and of its weights."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.json_text import json_value
from edgecnn.core.lazy import LazyModule
from edgecnn.core.temporary import temporary_folder
from edgecnn.core.zip_files import (
    ZIP_MAGIC,
    check_contents,
    member_blocks,
    member_bytes,
    opened_zip,
    zip_explained,
)
from edgecnn.importing.custom_code import refuse_custom_code
from edgecnn.importing.formats.saved_keras import KerasFileFormat
from edgecnn.importing.input_format import NamedModel
from edgecnn.importing.keras2.entries import is_keras_2
from edgecnn.importing.keras2.loading import keras_2_model, refuse_keras_2_code
from edgecnn.importing.model_bounds import no_more_weights_than, refuse_many_objects
from edgecnn.importing.precision import half_precision_notes, in_float32
from edgecnn.models.hdf5 import HDF5_MAGIC, has_endless_heap, refuse_long_file, stored_numbers
from edgecnn.models.weight_files import CONFIG, MAX_CONFIG_BYTES, WEIGHTS
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER

keras = LazyModule("keras", extra="convert")
h5py = LazyModule("h5py", extra="convert")

METADATA = "metadata.json"
NEWER_SETTINGS: dict[str, Any] = {
    "quantization_config": None,
    "input_axes": None,
    "output_axes": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Settings that newer versions of Keras write and older ones refuse, where they have no effect."""


class _KerasFileFormat(KerasFileFormat):
    """Keras 3's own file, and Keras 2's from 2.12 on; a damaged one is known by its ending."""

    called = ".keras"

    def recognizes(self, model: NamedModel) -> bool:
        if model.head[:4] == ZIP_MAGIC:
            return True
        is_other = model.head == HDF5_MAGIC or model.head[4:8] == TFLITE_IDENTIFIER
        return bool(model.head) and model.path.suffix == ".keras" and not is_other

    def check(self, model: NamedModel, *, trust: bool) -> None:
        refuse_long_file(model.path)
        config, version = _checked_config(model.path)
        refuse_many_objects(config, quoted(model.path))
        if is_keras_2(version):
            refuse_keras_2_code(config, quoted(model.path), trust=trust)
        elif not trust:
            refuse_custom_code(config, quoted(model.path))

    def read(self, path: str, *, trust: bool) -> tuple[Any, list[str]]:
        file, label = Path(path), quoted(path)
        with opened_zip(file) as archive:
            weights = member_bytes(archive, WEIGHTS)
            numbers = _stored_numbers(weights, label)
            config = json_value(member_bytes(archive, CONFIG, MAX_CONFIG_BYTES))
            version = _keras_version(archive)
            is_packed = any(member.compress_type for member in archive.infolist())
        if is_keras_2(version):
            with h5py.File(io.BytesIO(weights), "r") as group:
                return keras_2_model(
                    config,
                    lambda loader, model: loader.from_keras(model, group),
                    numbers,
                    label,
                    trust=trust,
                )
        notes = half_precision_notes(config)
        if not is_packed and not notes:
            # A newer Keras names settings that this one does not know; most have no effect.
            with contextlib.suppress(TypeError):
                return _loaded(file, numbers, trust=trust, label=label), []
        with temporary_folder() as folder:
            copy = folder / "model.keras"
            _copy_with(_without(NEWER_SETTINGS, in_float32(config)), file, copy)
            return _loaded(copy, numbers, trust=trust, label=label), notes


def _stored_numbers(content: bytes, label: str) -> int:
    if has_endless_heap(content):
        raise InputError(f"{label} is corrupt: save the model again")
    with h5py.File(io.BytesIO(content), "r") as weights:
        return stored_numbers(weights, label)


def _loaded(path: Path, numbers: int, *, trust: bool, label: str) -> Any:
    with no_more_weights_than(numbers, label):
        return keras.models.load_model(path, compile=False, safe_mode=not trust)


def _checked_config(path: Path) -> tuple[object, object]:
    """Return the configuration and Keras' version of a ``.keras`` file whose parts are whole."""
    kind = "a .keras file"
    with zip_explained(path, kind, "save the model again"), opened_zip(path) as archive:
        missing = [part for part in (CONFIG, WEIGHTS) if part not in archive.namelist()]
        if missing:
            raise InputError(f"{quoted(path)} is not {kind}: it has no {missing[0]}")
        config: object = json_value(member_bytes(archive, CONFIG, MAX_CONFIG_BYTES))
        version = _keras_version(archive)
        check_contents(archive)
    return config, version


def _keras_version(archive: zipfile.ZipFile) -> object:
    """Return the version of Keras that wrote a file; 3 for a file that does not say it."""
    if METADATA not in archive.namelist():
        return "3"
    values = json_value(member_bytes(archive, METADATA, MAX_CONFIG_BYTES))
    return values.get("keras_version", "3") if isinstance(values, dict) else "3"


def _without(settings: Mapping[str, Any], value: Any) -> Any:
    """Return a configuration less the settings of its layers that have these values."""
    if isinstance(value, list):
        return [_without(settings, item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {k: v for k, v in value.items() if not (k in settings and v == settings[k])}
    return {key: _without(settings, item) for key, item in fields.items()}


def _copy_with(config: Any, source: Path, target: Path) -> None:
    """Copy a .keras file, unpacked, with another configuration.

    Keras reads whole files from a zip, which unpacks them whatever size its list says.
    """
    with opened_zip(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name == CONFIG:
                new.writestr(name, json.dumps(config))
                continue
            with new.open(name, "w", force_zip64=True) as file:
                for block in member_blocks(old, name):
                    file.write(block)


input_format = _KerasFileFormat()

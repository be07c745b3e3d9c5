"""A ``.keras`` file: a zip of the model's configuration and of its weights."""

from __future__ import annotations

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
from edgecnn.importing.custom_code import refuse_custom_code
from edgecnn.importing.input_format import NamedModel
from edgecnn.importing.keras_models import SavedKerasFormat
from edgecnn.models.hdf5 import HDF5_MAGIC
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER

keras = LazyModule("keras", extra="convert")

ZIP_MAGIC = b"PK\x03\x04"
MAX_CONFIG_BYTES = 64 << 20
KERAS_PARTS = ("config.json", "model.weights.h5")
NEWER_SETTINGS: dict[str, Any] = {
    "quantization_config": None,
    "input_axes": None,
    "output_axes": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Settings that newer versions of Keras write and older ones refuse, where they have no effect."""


class _KerasFileFormat(SavedKerasFormat):
    """Keras 3's own file; a damaged one is recognised by its ending."""

    called = ".keras"

    def recognizes(self, model: NamedModel) -> bool:
        if model.head[:4] == ZIP_MAGIC:
            return True
        is_other = model.head == HDF5_MAGIC or model.head[4:8] == TFLITE_IDENTIFIER
        return bool(model.head) and model.path.suffix == ".keras" and not is_other

    def check(self, model: NamedModel, *, trust: bool) -> None:
        config = _checked_config(model.path)
        if not trust:
            refuse_custom_code(config, quoted(model.path))

    def read(self, path: str, *, trust: bool) -> Any:
        try:
            return keras.models.load_model(path, compile=False, safe_mode=not trust)
        except TypeError:
            # A newer Keras names settings that this one does not know; most have no effect.
            with temporary_folder() as folder:
                copy = folder / "model.keras"
                _copy_without(NEWER_SETTINGS, Path(path), copy)
                return keras.models.load_model(copy, compile=False, safe_mode=not trust)


def _checked_config(path: Path) -> object:
    """Return the configuration in a ``.keras`` file all of whose parts are whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [part for part in KERAS_PARTS if part not in archive.namelist()]
            if missing:
                raise InputError(f"{quoted(path)} is not a .keras file: it has no {missing[0]}")
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise InputError(f"{quoted(path)}: its config.json is too large to be real")
            damaged = archive.testzip()
            config: object = json_value(archive.read("config.json"))
    except (zipfile.BadZipFile, EOFError, ValueError, OSError, NotImplementedError) as error:
        raise InputError(
            f"{quoted(path)} is truncated or corrupt ({error}): save the model again"
        ) from error
    if damaged:
        raise InputError(f"{quoted(path)} is corrupt (part {damaged!r}): save the model again")
    return config


def _copy_without(settings: Mapping[str, Any], source: Path, target: Path) -> None:
    """Copy a .keras file less the settings of its layers that have these values."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        fields = {k: v for k, v in value.items() if not (k in settings and v == settings[k])}
        return {key: cleaned(item) for key, item in fields.items()}

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                content = json.dumps(cleaned(json_value(content))).encode()
            new.writestr(name, content)


input_format = _KerasFileFormat()

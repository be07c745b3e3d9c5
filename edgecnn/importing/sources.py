"""What ``SOURCE`` names: a registered architecture, a Keras file, or a SavedModel folder.

Only names, headers and JSON are looked at here; nothing of a user's model is executed.
"""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, first_bytes, quoted
from edgecnn.models.hdf5 import is_endless
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_CONFIG_BYTES = 64 << 20
KERAS_PARTS = ("config.json", "model.weights.h5")


@dataclass(frozen=True)
class Source:
    """One thing to convert.

    Args:
        kind: ``"registered"``, ``"keras"``, ``"h5"`` or ``"saved_model"``.
        name: The architecture's name, or the path as given.
        stem: What output files are named after.
        trust: Whether code in the file may run.
    """

    kind: str
    name: str
    stem: str
    trust: bool = False


def find_source(text: str, *, trust: bool = False) -> Source:
    """Say what a ``SOURCE`` argument is, after looking at it from outside.

    Args:
        text: A registered name or a path.
        trust: Let a file pass that carries code of its own.

    Raises:
        InputError: No such name or file; a file that is empty, corrupt, of another kind, or that
            carries custom code without ``trust``.

    Example:
        >>> find_source("mobilenet_v2").kind
        'registered'
    """
    path = Path(text)
    if not exists(path):
        return _registered(text)
    found = _saved_model(path) if path.is_dir() else _file(path, trust=trust)
    return dataclasses.replace(found, trust=trust)


def _registered(text: str) -> Source:
    if "/" in text or "\\" in text or Path(text).suffix:
        raise InputError(f"no such file: {quoted(text)}")
    from edgecnn.models.registry import get_spec

    return Source("registered", get_spec(text).name, text)


def _saved_model(path: Path) -> Source:
    if not (path / "saved_model.pb").is_file():
        raise InputError(
            f"folder {quoted(path)} is not a SavedModel (it has no saved_model.pb): "
            "give a .keras or .h5 file, a SavedModel folder, or a registered name"
        )
    return Source("saved_model", str(path), output_stem(path))


def _file(path: Path, *, trust: bool) -> Source:
    head = first_bytes(path)
    if head[4:8] == TFLITE_IDENTIFIER:
        raise InputError(f"{quoted(path)} is a .tflite file already: give its Keras model instead")
    if head == HDF5_MAGIC:
        if is_endless(path):
            raise InputError(f"{quoted(path)} is corrupt: save the model again")
        return Source("h5", str(path), output_stem(path))
    if head[:4] == b"PK\x03\x04" or path.suffix == ".keras":
        _check_keras_file(path, trust=trust)
        return Source("keras", str(path), output_stem(path))
    raise InputError(
        f"{quoted(path)} is no Keras model: give a .keras or .h5 file, a SavedModel folder, "
        "or a registered name"
    )


def _check_keras_file(path: Path, *, trust: bool) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [part for part in KERAS_PARTS if part not in archive.namelist()]
            if missing:
                raise InputError(f"{quoted(path)} is not a .keras file: it has no {missing[0]}")
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise InputError(f"{quoted(path)}: its config.json is too large to be real")
            damaged = archive.testzip()
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, EOFError, ValueError, OSError, NotImplementedError) as error:
        raise InputError(
            f"{quoted(path)} is truncated or corrupt ({error}): save the model again"
        ) from error
    if damaged:
        raise InputError(f"{quoted(path)} is corrupt (part {damaged!r}): save the model again")
    if not trust:
        refuse_custom_code(config, quoted(path))


def refuse_custom_code(config: object, label: str) -> None:
    """Raise InputError if a Keras model's JSON configuration asks for code that is not Keras' own.

    Args:
        config: The parsed configuration.
        label: The file's name for the message.
    """
    found = next(custom_code(config), None)
    if found:
        raise InputError(
            f"{label} carries code of its own ({found}), which converting it would run: "
            "add --trust if you know where it comes from"
        )


def custom_code(config: object) -> Iterator[str]:
    """Yield the names of Lambda layers and custom classes in a Keras configuration."""
    if isinstance(config, dict):
        if name := _custom_class(config):
            yield name
        for value in config.values():
            yield from custom_code(value)
    elif isinstance(config, list):
        for value in config:
            yield from custom_code(value)


def _custom_class(entry: dict[str, Any]) -> str | None:
    name = entry.get("class_name")
    if not isinstance(name, str):
        return None
    registered, module = entry.get("registered_name"), entry.get("module")
    if name in ("Lambda", "TFOpLambda", "SlicingOpLambda", "__lambda__", "function"):
        return f"{name} layer"
    is_foreign = isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins")
    is_registered = isinstance(registered, str) and ">" in registered
    return f"custom class {name!r}" if is_foreign or is_registered else None


def output_stem(path: Path) -> str:
    """Return what a model's files are named after, in characters that shells and apps take.

    Example:
        >>> output_stem(Path("my model.keras"))
        'my_model'
    """
    stem = path.resolve().name if exists(path) and path.is_dir() else path.stem
    return re.sub(r"[^\w.\-]+", "_", stem).strip("._-") or "model"

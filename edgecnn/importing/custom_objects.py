"""Classes and functions of a user's own, which a Keras file names and does not hold."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError, describe_error
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule

keras = LazyModule("keras", extra="convert")

CustomObjects = str | Path | Mapping[str, Any]
"""A Python file with classes and functions, or these under their names."""

MODULE = "custom_objects"
"""Name of the module that a user's file is executed as."""

LIBRARIES = ("builtins", "keras", "tensorflow", "tf_keras", "numpy", "typing", "collections", "abc")
"""Packages whose classes and functions a user's file imports, and Keras knows or does not need."""


def names_in_files(objects: Mapping[str, Any]) -> set[str]:
    """Return the names by which a Keras file may call a user's classes and functions.

    Args:
        objects: Each class or function under its name.
    """
    registered = {keras.saving.get_registered_name(each) for each in objects.values()}
    return {*objects, *registered}


@contextmanager
def executed_objects(file: str | None) -> Iterator[None]:
    """Have Keras find the classes and functions of a Python file, which is executed.

    What the file registers with ``keras.saving.register_keras_serializable`` is found as well.

    Args:
        file: The file, which the user trusts; None for none.

    Raises:
        InputError: The file cannot be executed.
    """
    with found_by_keras({} if file is None else _executed(Path(file))):
        yield


@contextmanager
def found_by_keras(objects: Mapping[str, Any]) -> Iterator[None]:
    """Have Keras find classes and functions by their names.

    Args:
        objects: Each class or function under its name.
    """
    # Of Keras' own scopes an inner one hides those around it.
    registry = keras.saving.get_custom_objects()
    before = dict(registry)
    registry.update(objects)
    try:
        yield
    finally:
        registry.clear()
        registry.update(before)


def _executed(path: Path) -> dict[str, Any]:
    """Execute a Python file, and return its classes and functions by name."""
    spec = importlib.util.spec_from_file_location(MODULE, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # As `python FILE.py` does: what lies beside the file can be imported.
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{quoted(path)} cannot be executed: {describe_error(error)}") from error
    return {name: value for name, value in vars(module).items() if _is_custom(value)}


def _is_custom(value: Any) -> bool:
    """Say whether a value of a module is a class or a function that is no library's."""
    home = getattr(value, "__module__", None)
    if not callable(value) or not isinstance(home, str):
        return False
    return home.partition(".")[0] not in LIBRARIES

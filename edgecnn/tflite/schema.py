"""The public schema of ``.tflite`` files, from whichever package has it here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from edgecnn.core.errors import EdgecnnError


def load_schema() -> Any:
    """Return the module with the public TFLite schema's classes.

    The module comes with ai-edge-litert; where only tflite-runtime exists, the ``tflite`` package
    has it.

    Raises:
        EdgecnnError: Neither package is installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        try:
            import tflite as schema
        except ImportError:
            raise EdgecnnError(
                "no TFLite schema to read the file with: pip install ai-edge-litert"
            ) from None
    return schema


@cache
def enum_names(enum: Any) -> Mapping[int, str]:
    """Return the names of an enumeration of the schema, by their numbers."""
    return {
        value: name
        for name, value in vars(enum).items()
        if isinstance(value, int) and not name.startswith("_")
    }

"""Models that were trained in half precision, loaded in float32, as their weights are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

HALF = re.compile(r"(mixed_)?b?float16")
"""Names of policies that compute in half precision."""


def policy_name(dtype: Any) -> Any:
    """Return the name of an element type or of a policy, whichever way Keras wrote it.

    Example:
        >>> policy_name({"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}})
        'mixed_float16'
    """
    if not isinstance(dtype, dict):
        return dtype
    config = dtype.get("config")
    return config.get("name") if isinstance(config, dict) else None


def in_float32(value: Any) -> Any:
    """Return a Keras configuration with float32 in place of half and of mixed precision.

    Example:
        >>> in_float32({"class_name": "ReLU", "config": {"dtype": "mixed_bfloat16"}})
        {'class_name': 'ReLU', 'config': {'dtype': 'float32'}}
    """
    if isinstance(value, list):
        return [in_float32(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "float32" if key == "dtype" and _is_half(item) else in_float32(item)
        for key, item in value.items()
    }


def half_precision_notes(config: Any) -> list[str]:
    """Return a note for a configuration that :func:`in_float32` changes.

    Example:
        >>> half_precision_notes([{"dtype": "mixed_float16"}])
        ['was trained in mixed_float16: loaded in float32']
    """
    every = sorted(set(_half_policies(config)))
    # Tensors between layers of mixed precision are of plain half precision.
    names = [name for name in every if name.startswith("mixed_")] or every
    return [f"was trained in {' and '.join(names)}: loaded in float32"] if names else []


def _half_policies(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if _is_half(value.get("dtype")):
            yield policy_name(value["dtype"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _half_policies(item)


def _is_half(dtype: Any) -> bool:
    name = policy_name(dtype)
    return isinstance(name, str) and HALF.fullmatch(name) is not None

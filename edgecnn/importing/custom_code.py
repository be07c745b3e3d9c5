"""Code of a model's author in a Keras configuration, which loading the model would run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgecnn.core.errors import InputError


def refuse_custom_code(config: object, label: str) -> None:
    """Raise InputError if a Keras model's JSON configuration asks for code that is not Keras' own.

    Args:
        config: The parsed configuration.
        label: The file's name for the message.
    """
    code = next(custom_code(config), None)
    if code:
        raise InputError(
            f"{label} carries code of its own ({code}), which converting it would run: "
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

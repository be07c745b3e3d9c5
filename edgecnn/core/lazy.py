"""Modules that are imported at their first use, so that commands without them start fast."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from edgecnn.core.errors import MissingExtraError

PRODUCTS = {"keras": "TensorFlow", "tensorflow": "TensorFlow"}
"""Names by which users know modules; other modules are known by their own names."""


class LazyModule(ModuleType):
    """Stands in for a module until an attribute of it is read.

    Args:
        name: The dotted name of the module, ``"keras"``.
        extra: The edgecnn extra that installs it, ``"convert"``.

    Raises:
        MissingExtraError: The first use raises it when the module is not installed.

    Example:
        >>> keras = LazyModule("keras", extra="convert")  # imports nothing yet
    """

    def __init__(self, name: str, extra: str) -> None:
        super().__init__(name)
        self._extra = extra

    def __getattr__(self, attribute: str) -> Any:
        """Import the module, and return its attribute."""
        try:
            module = importlib.import_module(self.__name__)
        except ModuleNotFoundError as error:
            name = PRODUCTS.get(self.__name__, self.__name__)
            raise MissingExtraError(name, self.__dict__["_extra"]) from error
        return getattr(module, attribute)

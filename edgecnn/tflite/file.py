"""A ``.tflite`` file that is opened and mapped once, whatever is asked of it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from edgecnn.core.files import quoted
from edgecnn.tflite.calls import (
    NO_CALL_OPTIONS,
    CallOptions,
    ModelCall,
    call_of,
    choose_subgraph,
)
from edgecnn.tflite.mapping import BoundedMap, map_tflite
from edgecnn.tflite.reading import TfliteModel, parse_model


class TfliteFile:
    """A file on disk; each part of it is read when it is first asked for, and then remembered.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing, unreadable, empty, or no ``.tflite`` file.

    Example:
        >>> TfliteFile("model.tflite").model.op_counts["CONV_2D"]
        35
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.label = quoted(self.path)
        """The file's name, quoted for messages."""
        self.content: BoundedMap = map_tflite(self.path)
        """The file's bytes, of which only what is asked for is read."""

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return len(self.content)

    @cached_property
    def model(self) -> TfliteModel:
        """The file's structure; InputError if it is truncated or corrupt."""
        return parse_model(self.content, self.label)

    def call(self, options: CallOptions = NO_CALL_OPTIONS) -> ModelCall:
        """Return how the file is called.

        Args:
            options: What the user said of it.

        Raises:
            InputError: The file is broken, leaves a shape or its signature open, or no CPU runs it.
        """
        number, _ = choose_subgraph(self.model.signatures, options.signature, self.label)
        model = self.model if not number else parse_model(self.content, self.label, number)
        return call_of(model, options, self.label)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

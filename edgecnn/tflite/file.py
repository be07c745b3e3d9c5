"""A ``.tflite`` file that is opened and mapped once, whatever is asked of it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from edgecnn.core.files import quoted
from edgecnn.tflite.mapping import BoundedMap, map_tflite
from edgecnn.tflite.reading import TfliteModel, parse_model


class TfliteFile:
    """A file on disk; each part of it is read when it is first asked for, and then kept.

    Args:
        path: The file.

    Raises:
        InputError: It is missing, unreadable, empty, or no ``.tflite`` file.

    Example:
        >>> TfliteFile("model.tflite").model.op_counts["CONV_2D"]
        35
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.label = quoted(self.path)
        """The file's name as messages have it."""
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

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

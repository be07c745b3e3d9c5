"""The bytes of a ``.tflite`` file, read only where they are asked for."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input

TFLITE_IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every ``.tflite`` file."""

MAX_SLICE_BYTES = 1 << 20
"""Greatest length of a name or description; a broken file may claim gigabytes."""


class BoundedMap(mmap.mmap):
    """A file as a buffer that refuses slices longer than any text of a real file."""

    def __getitem__(self, place: Any) -> Any:
        """Return a byte or a slice; ValueError if the slice is too long."""
        if isinstance(place, slice) and place.stop - place.start > MAX_SLICE_BYTES:
            raise ValueError(f"{place.stop - place.start} bytes of text")
        return super().__getitem__(place)


def map_tflite(path: Path) -> BoundedMap:
    """Return a file's content without reading it, once its header says that it is a ``.tflite``.

    Raises:
        InputError: The file is missing, unreadable, empty, or no ``.tflite`` file.

    Example:
        >>> len(map_tflite(Path("model.tflite")))
        3998224
    """
    try:
        with open_input(path) as file:
            head = file.read(8)
            if head[4:8] == TFLITE_IDENTIFIER:
                return BoundedMap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise InputError(f"no such file: {quoted(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {quoted(path)}: {reason}") from error
    if not head:
        raise InputError(f"{quoted(path)} is empty")
    raise InputError(f"{quoted(path)} is not a .tflite file (its header is missing)")

"""HDF5 files that came from outside: what they are, and what they claim, before they are read."""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.core.text import size_text
from edgecnn.core.zip_files import is_bomb

h5py = LazyModule("h5py", extra="convert")

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
HEAP_START = b"GCOL\x01\0\0\0"
HEADER_BYTES = 16
"""Length of the header of a heap, and of each object in a heap."""
FREE_ARRAY_BYTES = 32 << 20
"""A file may claim arrays of this size whatever it stores; Keras does not deflate what it saves."""

MAX_FILE_BYTES = 8 << 30
"""Most bytes of a file with weights: four times those that a model may have, as an optimiser keeps
up to three more numbers for each."""

UINT64_RANGE = 1 << 64


def refuse_long_file(path: Path) -> None:
    """Raise InputError for a file that is too long to hold a model, and takes minutes to look at.

    Args:
        path: A file with weights: HDF5, or a zip with HDF5 in it.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"{quoted(path)} has {size_text(size)}, more than any model that can be converted"
        )


def is_endless(path: Path) -> bool:
    """Say whether HDF5's library would read a file's damaged strings without end.

    Args:
        path: A file of any format that is not empty.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return has_endless_heap(content)


def has_endless_heap(content: bytes | mmap.mmap) -> bool:
    """Say whether a heap of strings has an object that takes no space.

    The library goes from object to object by their 64-bit lengths, and would stay at that object.

    Args:
        content: Content of a whole file.

    Example:
        >>> has_endless_heap(bytes(100))
        False
    """
    start = content.find(HEAP_START)
    while start >= 0:
        if _stands_still(content, start):
            return True
        start = content.find(HEAP_START, start + len(HEAP_START))
    return False


def _stands_still(content: bytes | mmap.mmap, start: int) -> bool:
    if start + HEADER_BYTES > len(content):
        return False
    (size,) = struct.unpack_from("<Q", content, start + len(HEAP_START))
    position, end = start + HEADER_BYTES, min(start + size, len(content))
    while position + HEADER_BYTES <= end:
        index, length = struct.unpack_from("<H6xQ", content, position)
        # Object 0 is free space, header included; others are padded to multiples of 8 bytes.
        padded = (length + 7) % UINT64_RANGE // 8 * 8
        step = length if index == 0 else (HEADER_BYTES + padded) % UINT64_RANGE
        if step == 0:
            return True
        position += step
    return False


def stored_numbers(file: Any, label: str) -> int:
    """Return how many numbers the arrays of a file hold, without reading any of them.

    An array may claim any shape and have no bytes in the file: what was not stored is read as
    zeros, and stored pieces may be deflated.

    Args:
        file: An ``h5py.File``.
        label: The file's name for messages.

    Raises:
        InputError: The arrays claim far more than the file stores, or lie in another file.
    """
    numbers = claimed = stored = 0
    for array in _arrays(file, label):
        if array.external or array.is_virtual:
            raise InputError(
                f"{label}: its array {array.name!r} lies in another file: save the model again"
            )
        size = math.prod((0,) if array.shape is None else array.shape)
        numbers += size
        # Each text of an array can be the same one, which is as long as the file.
        each = file.id.get_filesize() if array.dtype.hasobject else array.dtype.itemsize
        # A piece is unpacked as a whole, also where the array is only a corner of it.
        claimed += max(size, math.prod(array.chunks or (0,))) * each
        stored += array.id.get_storage_size()
    if is_bomb(claimed, stored, FREE_ARRAY_BYTES):
        raise InputError(
            f"{label} claims arrays of {claimed:,} bytes, and stores {stored:,}: save the model "
            "again"
        )
    return numbers


def _arrays(file: Any, label: str) -> Iterator[Any]:
    """Yield each array of an ``h5py.File`` once, without following links to elsewhere."""
    groups, seen = [file], set()
    while groups:
        group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputError(f"{label}: {name!r} in it is a link: save the model again")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                yield item

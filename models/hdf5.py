"""Recognising HDF5 files, and those that HDF5's own library would read without end."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
HEAP_START = b"GCOL\x01\0\0\0"
HEADER_BYTES = 16
"""Length of the header of a heap, and of each object in a heap."""
UINT64_RANGE = 1 << 64


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

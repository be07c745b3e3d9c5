"""Numbers of a golden sample as text, and the digest of an array."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt


def pack_numbers(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> str:
    """Return numbers as text: base64 of zlib of their bytes, first the lowest byte of each.

    The highest bytes are similar, so that they pack smaller together.

    Args:
        values: Numbers, one-dimensional.
        dtype: Type as which the numbers are packed, little-endian.

    Example:
        >>> unpack_numbers(pack_numbers(np.float32([0.75, 0.25]), SCORE_DTYPE), 2, SCORE_DTYPE)
        array([0.75, 0.25], dtype=float32)
    """
    planes = values.astype(dtype).reshape(-1, 1).view(np.uint8).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode()


def unpack_numbers(text: str, count: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the numbers of a text that :func:`pack_numbers` gave.

    Args:
        text: The packed numbers.
        count: How many numbers there must be; no more are unpacked.
        dtype: Type as which the numbers were packed.

    Raises:
        ValueError: The text is broken, or holds another number of values.
    """
    size = count * dtype.itemsize
    content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    if len(content) != size:
        count_found = "more" if len(content) > size else len(content) // dtype.itemsize
        raise ValueError(f"an answer has {count_found} values where {count} are needed")
    planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, count)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(-1)


def sha256_of_array(values: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes, each value little-endian, in row-major order."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(np.ascontiguousarray(little).tobytes()).hexdigest()

"""Images and labels in an ``.npz``, read without trust in what the file claims."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.images import Pixels

MAX_NPZ_BYTES = 8 << 30
"""Most bytes of an array; larger ones are refused, as arrays are held in memory whole."""

MAX_DEFLATION = 1032
"""Deflate packs at most this many bytes into one (258 bytes in two bits, RFC 1951)."""


def read_npz(path: Path) -> tuple[Pixels, tuple[int, ...] | None]:
    """Read images ``x`` and labels ``y`` from an ``.npz``; nothing in it is run.

    Returns:
        Pixels, uint8, shape (count, height, width, channels), and the class index of each image or
        None.

    Raises:
        InputError: The file is broken or too large, or its arrays are no images or no labels.
    """
    if path.suffix != ".npz":
        raise InputError(f"{quoted(path)} is a file, where a folder or an .npz is needed")
    try:
        _check_claims(path)
        with np.load(path, allow_pickle=False) as arrays:
            if "x" not in arrays:
                raise InputError(f"{quoted(path)} has no array 'x' with images")
            images = arrays["x"]
            labels = arrays.get("y")
    except InputError:
        raise
    except Exception as error:
        # A broken archive raises what its zip or header parser happens to raise.
        raise InputError(f"{quoted(path)} is truncated, corrupt, or no .npz file") from error
    label = quoted(path)
    pixels = _pixels(images, label)
    return pixels, _labels(labels, len(pixels), label)


def _check_claims(path: Path) -> None:
    """Refuse arrays that claim more than their file can hold before memory is set aside."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename not in ("x", "x.npy", "y", "y.npy"):
                continue
            with archive.open(member) as file:
                claimed = _claimed_bytes(file, quoted(path))
            if claimed > min(member.file_size, path.stat().st_size * MAX_DEFLATION):
                raise ValueError(f"{member.filename} claims {claimed} bytes")
            if claimed > MAX_NPZ_BYTES:
                raise InputError(
                    f"{quoted(path)} needs {claimed >> 30} GiB of memory: give a folder of images"
                )


def _claimed_bytes(file: IO[bytes], label: str) -> int:
    npy: Any = np.lib.format  # numpy 2.2 has no types for its functions
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(file)
    else:
        shape, _, dtype = npy.read_array_header_2_0(file)
    if dtype.hasobject:
        raise InputError(f"{label} holds Python objects: images need one size and one array")
    return int(math.prod(shape) * dtype.itemsize)


def _pixels(images: npt.NDArray[np.generic], label: str) -> Pixels:
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"{label}: x has shape {images.shape}, where (count, height, width, 1 or 3) is needed"
        )
    if images.dtype == np.uint8:
        return images.astype(np.uint8, copy=False)
    if images.dtype.kind not in "fiu":
        raise InputError(f"{label}: x has dtype {images.dtype}, where pixels 0..255 are needed")
    values = images.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{label}: x has NaN or infinite values")
    if values.min() < 0 or values.max() > 255 or (values.max() <= 1 and images.dtype.kind == "f"):
        raise InputError(
            f"{label}: x spans {values.min():g} to {values.max():g}, where pixels 0..255 are "
            "needed: edgecnn normalises them itself"
        )
    return np.round(values).astype(np.uint8)


def _labels(
    labels: npt.NDArray[np.generic] | None, count: int, label: str
) -> tuple[int, ...] | None:
    if labels is None:
        return None
    flat = labels.reshape(-1)
    if len(flat) != count or labels.dtype.kind not in "iu":
        raise InputError(f"{label}: y needs one whole number for each of the {count} images in x")
    classes = tuple(int(value) for value in flat)
    if min(classes) < 0:
        raise InputError(f"{label}: y has a negative class index")
    return classes

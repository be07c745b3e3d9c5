"""Images and labels in an ``.npz``, read without trust in what the file claims."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input
from edgecnn.core.platform_support import physical_memory_bytes
from edgecnn.core.text import first_few, size_text
from edgecnn.core.zip_files import RefusedZipError, opened_zip
from edgecnn.data.image_files import DataNote
from edgecnn.data.images import Pixels
from edgecnn.data.npz_arrays import Roles, choice, find_roles
from edgecnn.data.npz_labels import class_indices

MAX_NPZ_BYTES = 8 << 30
"""Most bytes of an array; larger ones are refused, as arrays are held in memory whole."""

ARRAY_MEMORY_SHARE = 1 / 2
"""Largest share of the memory that an array may take: what it becomes is there as well."""

MAX_HEADER_BYTES = 1 << 16
"""Most bytes of an array's header that are looked at; NumPy takes 10,000."""

MAX_DEFLATION = 1032
"""Deflate packs at most this many bytes into one (258 bytes in two bits, RFC 1951)."""

NPZ, NPY = ".npz", ".npy"
CHANNELS = (1, 3)


@dataclass(frozen=True)
class NpzImages:
    """What an ``.npz`` holds.

    Args:
        images: Pixels, uint8, shape (count, height, width, channels).
        labels: Class index of each image; None where there are no labels.
        notes: What a user should know of how the arrays were read.
    """

    images: Pixels
    labels: tuple[int, ...] | None
    notes: tuple[DataNote, ...]


@dataclass(frozen=True)
class ArrayHeader:
    """What an array claims to be, before it is read.

    Args:
        file: Name of its file, or of its member of an ``.npz``.
        bytes: Size of that, unpacked.
        shape: Shape of the array.
        dtype: Element type; None where it is no array.
    """

    file: str
    bytes: int
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None

    def __str__(self) -> str:
        """Return shape and element type."""
        return "is no array" if self.dtype is None else f"{self.shape} {self.dtype}"


def split_choice(name: str) -> tuple[Path, tuple[str, ...]]:
    """Split ``data.npz:images,labels`` into the file and the names of the arrays.

    Example:
        >>> split_choice("mnist.npz:x_test,y_test")
        (PosixPath('mnist.npz'), ('x_test', 'y_test'))
    """
    file, colon, arrays = name.rpartition(":")
    if not colon or Path(file).suffix.lower() != NPZ or not arrays:
        return Path(name), ()
    return Path(file), tuple(arrays.split(","))


def read_npz(path: Path, arrays: Sequence[str] = ()) -> NpzImages:
    """Read images and labels from an ``.npz``; nothing in it is run.

    Args:
        path: The file.
        arrays: Names of the arrays of images and of labels; without labels if it is one name. Where
            none is given, they are found by the customary names (``x``, ``y`` and others).

    Raises:
        InputError: The file is broken or too large, its arrays are no images or no labels, or
            several may be meant.
    """
    if path.suffix.lower() != NPZ:
        raise InputError(
            f"{quoted(path)} is a file, where a folder or an .npz is needed, or a list of images "
            "(.csv, .json, .txt)"
        )
    label = quoted(path)
    headers = read_headers(path)
    roles = find_roles({name: str(each) for name, each in headers.items()}, arrays, path)
    images, *rest = load_arrays(path, roles.names, headers)
    labels = rest[0] if rest else None
    images, notes = _channels_last(images, roles.images, label)
    pixels = _pixels(images, roles.images, label)
    return NpzImages(
        pixels,
        None if labels is None else class_indices(labels, len(pixels), str(roles.labels), label),
        (*notes, *_not_read(headers, roles, path)),
    )


def read_headers(path: Path) -> dict[str, ArrayHeader]:
    """Return what the arrays of an ``.npz`` or of a folder of ``.npy`` claim to be, by their names.

    Raises:
        InputError: The file is broken.
    """
    with _explained(path):
        return _npy_headers(path) if path.is_dir() else _npz_headers(path)


def load_arrays(
    path: Path, names: Sequence[str], headers: Mapping[str, ArrayHeader]
) -> list[npt.NDArray[Any]]:
    """Return arrays of an ``.npz`` or of a folder of ``.npy``.

    Args:
        path: The file or the folder.
        names: Names of the arrays.
        headers: What the arrays claim to be, as :func:`read_headers` returns it.

    Raises:
        InputError: The file is broken, or an array is too large or no array of numbers.
    """
    with _explained(path):
        for name in names:
            _check_claim(path, headers[name], quoted(path))
        if path.is_dir():
            return [
                np.load(path / headers[name].file, mmap_mode="r", allow_pickle=False)
                for name in names
            ]
        with np.load(path, allow_pickle=False) as content:
            return [content[name] for name in names]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise InputError for whatever a broken file makes its parsers raise."""
    label = quoted(path)
    try:
        yield
    except InputError:
        raise
    except RefusedZipError as error:
        raise InputError(f"{label} is no .npz file: {error}") from error
    except Exception as error:
        what = "holds an .npy file that is broken" if path.is_dir() else "is truncated, corrupt, or"
        end = "" if path.is_dir() else " no .npz file"
        raise InputError(f"{label} {what}{end}") from error


def _npy_headers(folder: Path) -> dict[str, ArrayHeader]:
    headers = {}
    for path in sorted(folder.glob(f"*{NPY}")):
        with open_input(path) as file:
            shape, dtype = shape_and_dtype(io.BytesIO(file.read(MAX_HEADER_BYTES)))
        headers[path.stem] = ArrayHeader(path.name, path.stat().st_size, shape, dtype)
    return headers


def _npz_headers(path: Path) -> dict[str, ArrayHeader]:
    """Return what the arrays of a file claim to be, by their names."""
    headers: dict[str, ArrayHeader] = {}
    with opened_zip(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                start = io.BytesIO(file.read(MAX_HEADER_BYTES))
            try:
                header = ArrayHeader(member.filename, member.file_size, *shape_and_dtype(start))
            except ValueError:
                header = ArrayHeader(member.filename, member.file_size)
            name = member.filename.removesuffix(NPY)
            if name in headers:
                raise ValueError(f"two members are called {name}, and either may be read")
            headers[name] = header
    return headers


def shape_and_dtype(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return what the beginning of an ``.npy`` claims of its array.

    Args:
        file: The beginning of the file.

    Raises:
        ValueError: It is the beginning of no such file.
    """
    npy: Any = np.lib.format  # numpy 2.2 has no types for its functions
    is_first = npy.read_magic(file) == (1, 0)
    read_header = npy.read_array_header_1_0 if is_first else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    return shape, dtype


def _check_claim(path: Path, header: ArrayHeader, label: str) -> None:
    """Refuse an array that claims more than its file can hold before memory is set aside."""
    if header.dtype is None:
        raise ValueError(f"{header.file} is no array")
    if header.dtype.hasobject:
        raise InputError(f"{label} holds Python objects: images need one size and one array")
    claimed = int(math.prod(header.shape) * header.dtype.itemsize)
    stored = header.bytes if path.is_dir() else path.stat().st_size * MAX_DEFLATION
    if claimed > min(header.bytes, stored):
        raise ValueError(f"{header.file} claims {claimed} bytes")
    memory = physical_memory_bytes()
    if claimed > min(MAX_NPZ_BYTES, math.inf if memory is None else memory * ARRAY_MEMORY_SHARE):
        raise InputError(
            f"{label} needs {size_text(claimed)} of memory for one array: give a folder of images"
        )


def _not_read(headers: Mapping[str, ArrayHeader], roles: Roles, path: Path) -> tuple[DataNote, ...]:
    others = [f"{quoted(name)} {each}" for name, each in headers.items() if name not in roles.names]
    if not others:
        return ()
    labels = "no labels" if roles.labels is None else f"labels {quoted(roles.labels)}"
    return (
        DataNote(
            f"{quoted(path)}: images are {quoted(roles.images)}, {labels}; not read: "
            f"{first_few(others)}",
            f"{quoted(choice(path))} names others",
        ),
    )


def _channels_last(
    images: npt.NDArray[np.generic], name: str, label: str
) -> tuple[npt.NDArray[np.generic], tuple[DataNote, ...]]:
    """Bring images to (count, height, width, channels), and say where that was not plain."""
    if images.ndim == 3:
        return images[..., None], ()
    if images.ndim != 4 or images.shape[1] not in CHANNELS:
        return images, ()
    found = f"{label}: {name} has shape {images.shape}"
    if images.shape[3] in CHANNELS:
        return images, (DataNote(found, "taken as (count, height, width, channels)"),)
    taken = DataNote(found, "taken as (count, channels, height, width)")
    return images.transpose(0, 2, 3, 1), (taken,)


def _pixels(images: npt.NDArray[np.generic], name: str, label: str) -> Pixels:
    if images.ndim != 4 or images.shape[3] not in CHANNELS or 0 in images.shape:
        raise InputError(
            f"{label}: {name} has shape {images.shape}, where (count, height, width, 1 or 3) is "
            "needed"
        )
    if images.dtype.kind not in "fiu":
        raise InputError(
            f"{label}: {name} has dtype {images.dtype}, where pixels 0..255 are needed"
        )
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{label}: {name} has NaN or infinite values")
    # Black images alone are 0 as whole numbers, too; as fractions they are as odd as others.
    is_scaled = high <= 1 if images.dtype.kind == "f" else high == 1
    if low < 0 or high > 255 or is_scaled:
        advice = ": multiply them by 255" if is_scaled and low >= 0 else ""
        raise InputError(
            f"{label}: {name} spans {low:g} to {high:g}, where pixels 0..255 are needed{advice}; "
            "edgecnn normalises them itself"
        )
    if images.dtype == np.uint8:
        return images.astype(np.uint8, copy=False)
    return np.round(images.astype(np.float64)).astype(np.uint8)

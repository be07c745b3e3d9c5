"""Samples for inputs of any kind: an array for each, in an ``.npz`` or a folder of ``.npy``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, quoted
from edgecnn.core.text import first_few
from edgecnn.data.npz import NPY, NPZ, ArrayHeader, load_arrays, read_headers
from edgecnn.data.npz_arrays import ARRAY_NAMES
from edgecnn.tflite.numbers import STRINGS

Array = npt.NDArray[Any]

ONLY_ARRAY = tuple(name for names, _ in ARRAY_NAMES for name in names)
"""Names that an array of samples may have in the place of that of a model's only input."""


@dataclass(frozen=True)
class InputWanted:
    """What an input of a model takes.

    Args:
        name: Name of the input.
        shape: Shape of one sample.
        dtype: Element type of the input.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class NamedArrays:
    """Arrays by their names, of which the headers are read.

    Args:
        path: The ``.npz``, or the folder of ``.npy`` files.
        headers: What each array claims to be, by its name.
    """

    path: Path
    headers: Mapping[str, ArrayHeader]

    def has_all(self, names: Sequence[str]) -> bool:
        """Say whether there is an array of each of some names."""
        return all(name in self.headers for name in names)

    def read(self, inputs: Sequence[InputWanted]) -> tuple[Array, ...]:
        """Return the samples for each input of a model, shape (samples, *shape of a sample).

        Raises:
            InputError: An array is missing, has not the shape or the kind of numbers that its
                input takes, holds NaN, or the arrays hold different numbers of samples.
        """
        label = quoted(self.path)
        names = [self._name_for(each, only=len(inputs) == 1) for each in inputs]
        arrays = load_arrays(self.path, names, self.headers)
        samples = tuple(
            _fitting(array, name, wanted, label)
            for array, name, wanted in zip(arrays, names, inputs, strict=True)
        )
        counts = {len(each) for each in samples}
        if len(counts) > 1:
            listed = ", ".join(f"{n} {len(s)}" for n, s in zip(names, samples, strict=True))
            raise InputError(f"{label}: its arrays hold different numbers of samples ({listed})")
        return samples

    def _name_for(self, wanted: InputWanted, *, only: bool) -> str:
        if wanted.name in self.headers:
            return wanted.name
        others = [name for name in ONLY_ARRAY if name in self.headers]
        others = list(self.headers) if len(self.headers) == 1 else others
        if only and len(others) == 1:
            return others[0]
        listed = first_few(f"{quoted(name)} {each}" for name, each in self.headers.items())
        raise InputError(
            f"{quoted(self.path)} has no array {quoted(wanted.name)}, shape (samples, "
            f"{', '.join(map(str, wanted.shape))}), for the input of that name: it has "
            f"{listed or 'none'}"
        )


def find_arrays(data: str | Path) -> NamedArrays | None:
    """Return the arrays that ``DATA`` names; None for what is no ``.npz`` or folder of ``.npy``.

    Raises:
        InputError: A file is broken.

    Example:
        >>> list(find_arrays("words.npz").headers)
        ['tokens']
    """
    path = Path(data)
    if not exists(path):
        return None
    if path.is_dir():
        if not any(path.glob(f"*{NPY}")):
            return None
    elif path.suffix.lower() != NPZ:
        return None
    return NamedArrays(path, read_headers(path))


def _fitting(array: Array, name: str, wanted: InputWanted, label: str) -> Array:
    """Return an array as an input takes it, or refuse it."""
    what = f"{label}: {quoted(name)} has"
    shape = array.shape[1:]
    if array.ndim < 1 or not len(array) or shape != wanted.shape:
        sides = ", ".join(map(str, ("samples", *wanted.shape)))
        raise InputError(
            f"{what} shape {array.shape}, and the input {quoted(wanted.name)} takes ({sides})"
        )
    if wanted.dtype == STRINGS:
        return _as_text(array, what, wanted)
    takes_floats = np.dtype(wanted.dtype).kind == "f"
    if array.dtype.kind not in ("fiub" if takes_floats else "iub"):
        raise InputError(
            f"{what} dtype {array.dtype}, and the input {quoted(wanted.name)} takes {wanted.dtype}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{what} NaN or infinite values")
    converted = array.astype(wanted.dtype)
    if not takes_floats and not np.array_equal(converted, array):
        raise InputError(f"{what} values that are no {wanted.dtype}")
    return converted


def _as_text(array: Array, what: str, wanted: InputWanted) -> Array:
    """Return text as a file takes it: bytes, in UTF-8."""
    if array.dtype.kind not in "SU":
        raise InputError(
            f"{what} dtype {array.dtype}, and the input {quoted(wanted.name)} takes text: "
            "np.array(['one', 'two'])"
        )
    return array if array.dtype.kind == "S" else np.char.encode(array, "utf-8")

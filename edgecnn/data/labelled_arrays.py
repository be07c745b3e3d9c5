"""Labelled samples that are no images: an array for each input, and arrays of what is wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.arrays import ONLY_ARRAY, InputWanted, NamedArrays
from edgecnn.data.image_files import DataNote
from edgecnn.data.images import Pixels
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.npz import load_arrays
from edgecnn.data.npz_arrays import ARRAY_NAMES
from edgecnn.data.targets import ArrayTargets

Array = npt.NDArray[Any]

LABEL_NAMES = tuple(name for _, names in ARRAY_NAMES for name in names)
"""Names that an array of labels may have in the place of that of a model's only output."""


@dataclass(frozen=True)
class LabelledArrays:
    """Samples by index, each an array for each input of a model, with what is wanted of them.

    Args:
        name: Path that the arrays were opened by.
        arrays: The arrays.
        reason: Why the data hold no images; None where that was not asked.
    """

    name: str
    arrays: NamedArrays
    reason: InputError | None = None

    class_names: tuple[str, ...] | None = None
    labels: tuple[int, ...] | None = None
    classes: int | None = None
    states_indices: bool = True
    notes: tuple[DataNote, ...] = ()
    targets: None = None

    def __len__(self) -> int:
        """Return the number of samples: the first side of most arrays."""
        sides = [header.shape[0] for header in self.arrays.headers.values() if header.shape]
        return max(set(sides), key=sides.count) if sides else 0

    def read(self, index: int) -> Pixels:
        """Refuse: the samples are no images."""
        raise self.no_images

    def cut(self, index: int, spec: InputSpec) -> Pixels:
        """Refuse: the samples are no images."""
        raise self.no_images

    @property
    def no_images(self) -> InputError:
        """Say that the samples are no images, and why."""
        return self.reason or InputError(f"{quoted(self.name)} holds arrays, and no images")

    def item_name(self, index: int) -> str:
        """Return the name and the index."""
        return f"{self.name}[{index}]"

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of all arrays' values of a sample."""
        digest = hashlib.sha256()
        for name, array in self._every.items():
            if array.ndim and len(array) == len(self):
                digest.update(f"{name}{array.dtype}{array.shape[1:]}".encode())
                digest.update(np.ascontiguousarray(array[index]).tobytes())
        return digest.digest()

    def name_for(self, names: Sequence[str], *, only: bool) -> str:
        """Return the name of the array for an input.

        Args:
            names: What the input is called: by its signature, and in the file.
            only: Whether the model has no other input, so that the only array beside the labels is
                meant for it.

        Raises:
            InputError: There is no such array.
        """
        headers = self.arrays.headers
        others = [name for name in headers if name not in LABEL_NAMES]
        for name in (*names, *(name for name in ONLY_ARRAY if only)):
            if name in headers:
                return name
        if only and len(others) == 1:
            return others[0]
        listed = first_few(f"{quoted(name)} {each}" for name, each in headers.items())
        raise InputError(
            f"{quoted(self.name)} has no array for the input {quoted(names[0])}: it has "
            f"{listed or 'none'}"
        )

    def samples(self, name: str, shape: tuple[int, ...], dtype: str) -> Array:
        """Return the samples for an input of a model, shape (samples, *shape).

        Args:
            name: Name of the array.
            shape: Shape of one sample.
            dtype: Type of the input.

        Raises:
            InputError: The array does not fit the input, or holds another number of samples.
        """
        [samples] = self.arrays.read([InputWanted(name, shape, dtype)])
        if len(samples) != len(self):
            raise InputError(
                f"{quoted(self.name)}: {quoted(name)} holds {len(samples)} samples, and other "
                f"arrays {len(self)}"
            )
        return samples

    def wanted(self, output: str, *, only: bool) -> ArrayTargets | None:
        """Return what is wanted of an output: the array of its name.

        Args:
            output: Name of the output.
            only: Whether the model has no other output, so that an array ``labels``, ``y`` and the
                like is meant for it.

        Returns:
            None where there is no such array.

        Raises:
            InputError: Several arrays may be meant, or they hold another number of samples.
        """
        names = [name for name in LABEL_NAMES if name in self.arrays.headers] if only else []
        if output in self.arrays.headers:
            names = [output]
        if len(names) > 1:
            raise InputError(
                f"{quoted(self.name)} has several arrays of labels, "
                f"{first_few(map(quoted, names))}: keep one"
            )
        if not names:
            return None
        values = self._every[names[0]]
        if not values.ndim or len(values) != len(self):
            raise InputError(
                f"{quoted(self.name)}: {quoted(names[0])} has shape {values.shape}, where there "
                f"are {len(self)} samples"
            )
        is_finite = values.dtype.kind in "iub" or (
            values.dtype.kind == "f" and bool(np.isfinite(values).all())
        )
        if not is_finite:
            raise InputError(
                f"{quoted(self.name)}: {quoted(names[0])} holds {values.dtype}, some of which are "
                "no finite numbers"
            )
        return ArrayTargets(names[0], values)

    @cached_property
    def _every(self) -> dict[str, Array]:
        headers = self.arrays.headers
        names = list(headers)
        return dict(zip(names, load_arrays(self.arrays.path, names, headers), strict=True))

"""Data with labels, or with what else is wanted of each sample, for measuring accuracy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.arrays import NamedArrays, find_arrays
from edgecnn.data.datasets import Dataset, ImageArray, open_dataset
from edgecnn.data.labelled_arrays import LabelledArrays
from edgecnn.data.npz import load_arrays, read_npz
from edgecnn.data.npz_arrays import find_roles
from edgecnn.data.targets import ArrayTargets


def open_labelled(data: Any) -> Dataset:
    """Open data and check that something is wanted of each sample.

    Args:
        data: What :func:`~edgecnn.data.datasets.open_dataset` takes: a path, or a built-in name;
            or an ``.npz`` or a folder of ``.npy`` with arrays that are no images.

    Raises:
        InputError: The data cannot be opened, are empty, or have no labels.
    """
    try:
        dataset = open_dataset(data)
    except InputError as error:
        arrays = find_arrays(data)
        if arrays is None or not arrays.headers:
            raise
        return _images_and_arrays(str(data), arrays, error)
    if not len(dataset):
        raise InputError(f"{quoted(data)} holds no images")
    if dataset.labels is None and dataset.targets is None:
        raise InputError(
            f"{quoted(data)} has no labels: accuracy needs class folders, images/ with "
            "val_map.txt, a labels.csv, COCO's .json, images with masks, or an .npz with x and y"
            + "".join(f"; {note}" for note in dataset.notes)
        )
    return dataset


def _images_and_arrays(data: str, arrays: NamedArrays, error: InputError) -> Dataset:
    """Return images with an array that says no classes, or arrays where there are no images."""
    path = Path(data)
    if not path.is_dir():
        try:
            listed = {name: str(header) for name, header in arrays.headers.items()}
            roles = find_roles(listed, (), path)
            if roles.labels is not None:
                images = read_npz(path, [roles.images])
                [values] = load_arrays(path, [roles.labels], arrays.headers)
                is_number = values.dtype.kind in "fiub" and bool(np.isfinite(values).all())
                if is_number and values.shape[:1] == (len(images.images),):
                    found = ImageArray(data, images.images, notes=images.notes)
                    return replace(found, targets=ArrayTargets(roles.labels, values))
        except InputError:
            pass
    return LabelledArrays(data, arrays, error)

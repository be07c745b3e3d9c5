"""Data whose images have labels, for measuring accuracy."""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.datasets import Dataset, open_dataset


def open_labelled(data: Any) -> Dataset:
    """Open data and check that each image has a label.

    Args:
        data: What :func:`~edgecnn.data.datasets.open_dataset` takes: a path, or a built-in name.

    Raises:
        InputError: The data cannot be opened, are empty, or have no labels.
    """
    dataset = open_dataset(data)
    if not len(dataset):
        raise InputError(f"{quoted(data)} holds no images")
    if dataset.labels is None:
        raise InputError(
            f"{quoted(data)} has no labels: accuracy needs class folders, images/ with "
            "val_map.txt, a labels.csv, COCO's .json, or an .npz with x and y"
            + "".join(f"; {note}" for note in dataset.notes)
        )
    return dataset

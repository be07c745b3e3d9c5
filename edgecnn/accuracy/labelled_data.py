"""Labelled data, and which of a model's outputs stands for its class 0."""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.datasets import Dataset, open_dataset
from edgecnn.model_metadata.labels import IMAGENET_OUTPUTS


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


def find_label_offset(
    outputs: int, dataset: Dataset, given: int | None = None, label: str = "the model"
) -> int:
    """Return which output stands for class 0: 1 where a background class comes first, else 0.

    Data with class names have as many classes. Otherwise only the highest label is known: then a
    model with ImageNet's 1,000 or 1,001 outputs is taken for one of ImageNet, and other models must
    have as many outputs as the labels reach, or one more.

    Args:
        outputs: Number of class scores that the model gives.
        dataset: Labelled data.
        given: The user's own choice, which may be negative for labels that start at 1.
        label: What messages call the model.

    Raises:
        InputError: The model's outputs do not fit the data's classes.
    """
    labels = dataset.labels or (0,)
    if given is not None:
        if min(labels) + given < 0 or max(labels) + given >= outputs:
            raise InputError(
                f"--label-offset {given} leads labels {min(labels)}..{max(labels)} out of the "
                f"outputs 0..{outputs - 1} of {label}"
            )
        return given
    exact = dataset.class_names is not None
    classes = len(dataset.class_names) if dataset.class_names is not None else max(labels) + 1
    if not exact and outputs in IMAGENET_OUTPUTS and classes <= IMAGENET_OUTPUTS[0]:
        classes = IMAGENET_OUTPUTS[0]
    if outputs - classes not in (0, 1):
        raise InputError(
            f"{label} has {outputs} outputs, the data {'' if exact else 'at least '}{classes} "
            "class(es): give data of the model's own classes, or say with --label-offset N that "
            "class 0 is output N"
        )
    return outputs - classes

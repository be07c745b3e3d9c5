"""Labels in an array: class indices, whole numbers as floats, or one-hot rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

MOST_CLASSES = 10**9
"""Class indices stay below this number, as those of lists do."""


def class_indices(
    labels: npt.NDArray[np.generic], count: int, name: str, label: str
) -> tuple[int, ...]:
    """Return the class index of each image.

    Args:
        labels: Whole numbers of any type, shape (count,), (count, 1) or (1, count); or one-hot
            rows, shape (count, classes).
        count: Number of images.
        name: Name of the array, for messages.
        label: What messages call the file.

    Raises:
        InputError: The array is of another shape, or has anything but one class an image.

    Example:
        >>> class_indices(np.array([[0, 1], [1, 0]]), 2, "y", "the file")
        (1, 0)
    """
    if labels.ndim == 2 and labels.shape[0] == count and labels.shape[1] > 1:
        return _hot_places(labels, f"{label}: {name}")
    if labels.shape not in ((count,), (count, 1), (1, count)):
        raise InputError(
            f"{label}: {name} has shape {labels.shape}, where a class index for each of the "
            f"{count} images is needed, or a one-hot row"
        )
    if labels.dtype.kind not in "iuf" or not _are_whole(labels):
        raise InputError(f"{label}: {name} needs one whole number for each of the {count} images")
    if labels.min() < 0:
        raise InputError(f"{label}: {name} has a negative class index")
    if labels.max() >= MOST_CLASSES:
        raise InputError(f"{label}: {name} has the class index {labels.max():.0f}, which is none")
    return tuple(int(value) for value in labels.reshape(-1).tolist())


def _are_whole(labels: npt.NDArray[np.generic]) -> bool:
    if labels.dtype.kind != "f":
        return True
    values = labels.astype(np.float64)
    return bool((np.isfinite(values) & (values == np.round(values))).all())


def _hot_places(labels: npt.NDArray[np.generic], place: str) -> tuple[int, ...]:
    """Return the place of the one in each row."""
    if labels.dtype.kind not in "iufb":
        raise InputError(f"{place} has dtype {labels.dtype}, where one-hot rows are numbers")
    hot = labels == 1
    if not ((hot | (labels == 0)).all() and (hot.sum(axis=1) == 1).all()):
        raise InputError(
            f"{place} has shape {labels.shape} and rows that are not one-hot: each image needs one "
            "class, as its index or as a row with a single 1"
        )
    return tuple(int(place) for place in hot.argmax(axis=1))

"""Calibration images that make activations far beyond those of all others.

Some networks answer a rare image through values dozens of times as large: normalisation that has
seen little, before activations without an upper bound, as hard-swish, multiplied by a gate. One
such image among a hundred widens every step of 8 bits as much for the ninety-nine others; without
it that one is cut off. Nothing else makes MobileNet v3 and EfficientNet lose as much in int8.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgecnn.quantize.calibration.ranges import Values

USUAL_SHARE = 0.9
"""Share of the images whose magnitudes count as usual."""
FAR_OUT = 3.0
"""Times the usual magnitude from which on an image is an outlier. The furthest images of networks
without outliers stay below 2."""
LEAST_TENSORS = 0.05
"""Share of the tensors: a layer that is rarely active makes no image an outlier."""
MOST_OUTLIERS = 0.1
"""Share of the images: more of them are no exception, and integers must hold them."""


def outlier_images(extents: Mapping[int, Values]) -> dict[int, float]:
    """Find the images whose activations are far beyond what is usual in many layers.

    Args:
        extents: Tensor -> greatest magnitude for each image, shape (images,).

    Returns:
        Number of an image -> how many times the usual magnitude it reaches; empty where there are
        too many for exceptions.

    Example:
        >>> magnitudes = np.float32([1, 2] * 10 + [90])
        >>> outlier_images({1: magnitudes, 2: magnitudes})
        {20: 45.0}
    """
    if not extents:
        return {}
    magnitudes = np.stack(list(extents.values()))
    usual = np.quantile(magnitudes, USUAL_SHARE, axis=1, keepdims=True)
    times = np.divide(magnitudes, usual, out=np.zeros_like(magnitudes), where=usual > 0)
    counts = (times > FAR_OUT).sum(axis=0)
    odd = np.flatnonzero(counts >= max(2, LEAST_TENSORS * len(magnitudes)))
    if len(odd) > MOST_OUTLIERS * magnitudes.shape[1]:
        return {}
    # The median layer of those where it is far: in one alone the usual magnitude may be next to 0.
    return {int(n): float(np.median(times[times[:, n] > FAR_OUT, n])) for n in odd}


def says_outliers(outliers: Mapping[int, float], images: int) -> str:
    """Return what a user should know of images that were left out.

    Args:
        outliers: What :func:`odd_images` found.
        images: Number of images that they are among.
    """
    times = max(outliers.values())
    return (
        f"{len(outliers)} of {images} calibration images make activations about {times:.0f} times "
        "as large as others do: the ranges of integers leave them out, and such images may get "
        "other answers than from the float model"
    )

"""Calibration images that make activations far beyond those of all others.

In some networks a rare image has activations dozens of times as large as all others: normalisation
whose statistics hardly saw such images stands before activations without an upper bound, such as
hard-swish, which a gate multiplies. One such image among a hundred widens every 8-bit step as many
times for the ninety-nine others; if it is left out, its own activations are cut off. Nothing else
makes MobileNet v3 and EfficientNet lose as much in int8.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgecnn.quantize.calibration.ranges import Values

USUAL_SHARE = 0.9
"""Share of the images whose magnitudes count as usual."""
FAR_OUT = 3.0
"""Times the usual magnitude beyond which an image is far out. The furthest images of networks
without outliers stay below 2."""
LEAST_TENSORS = 0.05
"""Share of the tensors in which an outlier must be far out: a layer that is rarely active makes no
image an outlier."""
MOST_OUTLIERS = 0.1
"""Greatest share of the images that can be outliers: more are no exception, and integers must hold
them."""


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
    outliers = np.flatnonzero(counts >= max(2, LEAST_TENSORS * len(magnitudes)))
    if len(outliers) > MOST_OUTLIERS * magnitudes.shape[1]:
        return {}
    # The median over the layers where an image is far out: in a single one the usual magnitude
    # may be next to 0.
    return {int(n): float(np.median(times[times[:, n] > FAR_OUT, n])) for n in outliers}


def describe_outliers(outliers: Mapping[int, float], count: int, noun: str = "images") -> str:
    """Return what a user should know of images, or other samples, that were left out.

    Args:
        outliers: The images that :func:`outlier_images` found.
        count: Number of all calibration images.
        noun: What they are.
    """
    times = max(outliers.values())
    return (
        f"{len(outliers)} of {count} calibration {noun} make activations about {times:.0f} times "
        f"as large as others do: the ranges of integers leave them out, and such {noun} may get "
        "other answers than from the float model"
    )

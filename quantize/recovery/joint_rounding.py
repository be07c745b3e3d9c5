"""Rounding weights together, so that their errors cancel on the layer's real inputs.

Rounding each weight to the nearest level is best only if the inputs are uncorrelated. With the
inputs' covariance C, the mean squared error of an output is e C e for the rounding errors e of its
weights. The levels here minimise this error, exactly for small kernels and greedily for large ones.

- Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization"
- Frantar et al. 2022, "GPTQ", whose order of columns and blocks are used
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.numbers import INT8

Floats = npt.NDArray[np.float64]

EXACT_UP_TO = 9
"""Most weights of a kernel that is rounded by trying all ways, of which there are 512."""

COLUMN_BLOCK = 64
"""Number of columns whose errors are carried over at once."""

DAMPING = 0.03
"""Part of the mean variance that is added to the covariance's diagonal: a few dozen images say
little of directions that hardly vary in them."""


def round_weights(weights: Any, covariance: Any, scales: Any) -> npt.NDArray[np.int8]:
    """Choose the integer levels of weights for the least error of the outputs.

    Args:
        weights: The weights, shape (groups, outputs, inputs).
        covariance: Covariance of each group's inputs, shape (groups, inputs, inputs).
        scales: Scale of each output's weights, shape (groups, outputs).

    Returns:
        The levels, in the weights' shape: symmetric int8, -127 to 127.

    Example:
        >>> round_weights([[[0.4, 0.4]]], [[[1.0, 1.0], [1.0, 1.0]]], [[1.0]])
        array([[[1, 0]]], dtype=int8)
    """
    ratios = np.asarray(weights, np.float64) / np.asarray(scales, np.float64)[..., None]
    damped = _damped(np.asarray(covariance, np.float64))
    inputs = ratios.shape[-1]
    levels = _exact(ratios, damped) if inputs <= EXACT_UP_TO else _greedy(ratios, damped)
    return np.clip(levels, -INT8.largest, INT8.largest).astype(np.int8)


def _damped(covariance: Floats) -> Floats:
    """Make a covariance invertible, also of inputs that never change."""
    diagonal = np.diagonal(covariance, axis1=1, axis2=2)
    extra = DAMPING * diagonal.mean(axis=1) + 1e-12
    damped: Floats = covariance + extra[:, None, None] * np.eye(covariance.shape[-1])
    return damped


def _exact(ratios: Floats, covariance: Floats) -> Floats:
    """Try all ways to round each weight down or up."""
    inputs = ratios.shape[-1]
    ways = np.array(list(itertools.product((0.0, 1.0), repeat=inputs)))
    down = np.floor(ratios)
    fractions = ratios - down
    # Of (w - f) C (w - f), only w C w - 2 f C w depends on the way w.
    squares = (ways[:, :, None] * ways[:, None, :]).reshape(len(ways), -1)
    own = covariance.reshape(len(covariance), -1) @ squares.T
    mixed = (fractions @ covariance) @ ways.T
    best = (own[:, None, :] - 2 * mixed).argmin(axis=-1)
    levels: Floats = down + ways[best]
    return levels


def _greedy(ratios: Floats, covariance: Floats) -> Floats:
    """Round input by input, the most varied first; each takes up the errors of earlier inputs.

    With C = L L', the cost of errors e is the squared length of L' e. The last component of L' e
    depends on one error alone, the one before it on two, and so on: from the end on, each level is
    the best one for the levels that are chosen already.
    """
    order = np.argsort(np.diagonal(covariance, axis1=1, axis2=2), axis=1, kind="stable")
    by_rows = np.take_along_axis(covariance, order[:, :, None], axis=1)
    factor = np.linalg.cholesky(np.take_along_axis(by_rows, order[:, None, :], axis=2))
    # Row j of L' over its diagonal tells how much of the later errors input j has to take up.
    shares = (factor / np.diagonal(factor, axis1=1, axis2=2)[:, None, :]).transpose(0, 2, 1)
    wanted = np.take_along_axis(ratios, order[:, None, :], axis=2)
    # Inputs come first, so that what belongs to one input lies together.
    wanted = wanted.transpose(0, 2, 1).copy()
    errors = np.empty_like(wanted)
    for end in range(wanted.shape[1], 0, -COLUMN_BLOCK):
        start = max(end - COLUMN_BLOCK, 0)
        values = wanted[:, start:end] + shares[:, start:end, end:] @ errors[:, end:]
        for column in range(end - 1, start - 1, -1):
            near = shares[:, column, None, column + 1 : end] @ errors[:, column + 1 : end]
            value = values[:, column - start] + near[:, 0]
            np.rint(value, out=value)
            np.clip(value, -INT8.largest, INT8.largest, out=value)
            np.subtract(wanted[:, column], value, out=errors[:, column])
    rounded = (wanted - errors).transpose(0, 2, 1)
    levels = np.empty_like(ratios)
    np.put_along_axis(levels, order[:, None, :], rounded, axis=2)
    return np.rint(levels)

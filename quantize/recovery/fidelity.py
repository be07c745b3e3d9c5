"""Measures of how near a file's scores are to the float file's."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.recovery.proof import Fidelity

TOP_K = 5


def fidelity(
    scores: npt.NDArray[np.float32],
    wanted: npt.NDArray[np.float32],
    outputs: Sequence[int] | None = None,
) -> Fidelity:
    """Compare scores with the float file's.

    Args:
        scores: A file's scores before softmax, shape (images, classes).
        wanted: The float file's scores, of the same shape.
        outputs: For each image the output that stands for its label; None without labels.

    Example:
        >>> fidelity(np.array([[1.0, 0.0]]), np.array([[0.9, 0.0]])).agreement
        1.0
    """
    images, classes = wanted.shape
    result = Fidelity(
        images=images,
        agreement=_agreement(scores, wanted) if classes > 1 else None,
        sqnr_db=sqnr_db(scores, wanted),
        divergence=divergence(scores, wanted),
    )
    if outputs is None or classes < 2:
        return result
    labels = np.asarray(outputs)
    return dataclasses.replace(
        result,
        top1_percent=_top(scores, labels, 1),
        top5_percent=_top(scores, labels, TOP_K) if classes > TOP_K else None,
        float_top1_percent=_top(wanted, labels, 1),
        float_top5_percent=_top(wanted, labels, TOP_K) if classes > TOP_K else None,
    )


def sqnr_db(scores: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    """Return the signal-to-quantisation-noise ratio (SQNR) of scores in decibels.

    Of several classes, a change that is the same for all classes of an image does not count, as
    softmax takes it out.

    Args:
        scores: A file's scores before softmax, shape (images, classes).
        wanted: The float file's scores, of the same shape.
    """
    difference = scores.astype(np.float64) - wanted
    signal = wanted.astype(np.float64)
    if wanted.shape[1] > 1:
        difference -= difference.mean(axis=1, keepdims=True)
        signal = signal - signal.mean(axis=1, keepdims=True)
    noise, power = float((difference**2).mean()), float((signal**2).mean())
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(power / noise) if power else -math.inf


def divergence(scores: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    """Return the Kullback-Leibler divergence of scores from the float file's scores, in nats.

    It compares the softmax of both. Of an answer of one number it is the mean square difference.

    Args:
        scores: A file's scores before softmax, shape (images, classes).
        wanted: The float file's scores, of the same shape.

    Example:
        >>> divergence(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0]]))
        0.0
    """
    if wanted.shape[1] == 1:
        return float(((scores.astype(np.float64) - wanted) ** 2).mean())
    logs, wanted_logs = _log_softmax(scores), _log_softmax(wanted)
    return float((np.exp(wanted_logs) * (wanted_logs - logs)).sum(axis=1).mean())


def _log_softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    logs: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _agreement(scores: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    return float((scores.argmax(axis=1) == wanted.argmax(axis=1)).mean())


def _top(scores: npt.NDArray[np.float32], labels: npt.NDArray[Any], k: int) -> float:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return 100.0 * float((best == labels[:, None]).any(axis=1).mean())

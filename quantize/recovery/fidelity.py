"""How near a file's answers are to the float file's, on images that nothing was fitted to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

TOP_K = 5


@dataclass(frozen=True)
class Fidelity:
    """A file's answers beside the float file's.

    Args:
        images: How many were answered; none of them was used to fit anything.
        agreement: Part of them for which both have the same best class; None for an answer of
            one number.
        sqnr_db: Signal-to-quantisation-noise ratio (SQNR) of the scores before softmax, in
            decibels: the variance of the float file's scores over the mean square of the
            difference. Infinite for equal scores.
        divergence: Kullback-Leibler divergence of the softmax of the scores from the float file's,
            mean over the images, in nats; of a single number the mean square of the difference.
            What is wrong with answers that are sure anyway hardly counts.
        top1_percent: Of this file, where labels are known.
        top5_percent: Of this file, where labels are known and there are more than five classes.
        float_top1_percent: Of the float file.
        float_top5_percent: Of the float file.
    """

    images: int
    agreement: float | None
    sqnr_db: float
    divergence: float
    top1_percent: float | None = None
    top5_percent: float | None = None
    float_top1_percent: float | None = None
    float_top5_percent: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no infinity: an infinite ratio is None."""
        values = dataclasses.asdict(self)
        values["sqnr_db"] = self.sqnr_db if math.isfinite(self.sqnr_db) else None
        return values


def fidelity(
    scores: npt.NDArray[np.float32],
    wanted: npt.NDArray[np.float32],
    outputs: Sequence[int] | None = None,
) -> Fidelity:
    """Compare scores with the float file's.

    Args:
        scores: Shape (images, classes), before softmax.
        wanted: The float file's, of the same shape.
        outputs: For each image the output that stands for its label; None where there are none.

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

    A change that is the same for all classes of an image does not count, where there are several:
    softmax takes it out.
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
    """Return how far the softmax of scores is from that of the wanted ones, in nats.

    Args:
        scores: Shape (images, classes), before softmax.
        wanted: Of the same shape.

    Example:
        >>> divergence(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0]]))
        0.0
    """
    if wanted.shape[1] == 1:
        return float(((scores.astype(np.float64) - wanted) ** 2).mean())
    given, right = _log_softmax(scores), _log_softmax(wanted)
    return float((np.exp(right) * (right - given)).sum(axis=1).mean())


def _log_softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    logs: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _agreement(scores: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    return float((scores.argmax(axis=1) == wanted.argmax(axis=1)).mean())


def _top(scores: npt.NDArray[np.float32], labels: npt.NDArray[Any], k: int) -> float:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return 100.0 * float((best == labels[:, None]).any(axis=1).mean())

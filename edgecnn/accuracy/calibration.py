"""Whether a model is right as often as its probabilities say: the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.shares import wilson
from edgecnn.records.interval import DECISION_CONFIDENCE, Interval

CALIBRATION_BINS = 15
"""Bins of equal width, as many as Guo et al. use: errors with other bins cannot be compared."""


@dataclass(frozen=True)
class Bin:
    """Images whose best class has a probability above ``low`` and up to ``high``.

    Args:
        low: Lower end of the probabilities, 0 to 1.
        high: Upper end of the probabilities, 0 to 1.
        images: Number of images in the bin.
        confidence: Mean probability of these images' best classes, 0 to 1.
        accuracy: Share of these images whose best class is the label, 0 to 1.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error and the bins that it comes from.

    Args:
        error: Mean of the bins' differences between confidence and accuracy, weighted by their
            images: 0 is perfect, 0.1 means off by 10 percentage points.
        bins: Bins that have images, those of the lowest probability first.
    """

    error: float
    bins: tuple[Bin, ...]

    @property
    def images(self) -> int:
        """Number of images in all bins."""
        return sum(each.images for each in self.bins)

    @property
    def bias(self) -> float:
        """Mean confidence less accuracy: above 0 the model is surer than it is right."""
        off = sum(each.images * (each.confidence - each.accuracy) for each in self.bins)
        return off / self.images

    @property
    def is_biased(self) -> bool:
        """Whether the bias is more than the choice of the images explains."""
        accuracy = sum(each.images * each.accuracy for each in self.bins) / self.images
        low, high = wilson(accuracy, self.images, DECISION_CONFIDENCE)
        confidence = accuracy + self.bias
        return Interval(self.bias, confidence - high, confidence - low).is_different


def calibration(answers: Answers) -> Calibration | None:
    """Return the expected calibration error of the best class, with 15 bins of equal width.

    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017),
    https://arxiv.org/abs/1706.04599, equation 3.

    Args:
        answers: Answers of a model whose scores are probabilities.

    Returns:
        None where no score is a number.

    Example:
        >>> calibration(answers).error
        0.031
    """
    import numpy as np

    confidence = np.clip(answers.scores[answers.finite, 0], 0.0, 1.0)
    correct = answers.correct[answers.finite]
    if not len(confidence):
        return None
    # The upper end belongs to a bin, the lower end does not: (0, 1/15], (1/15, 2/15], ...
    numbers = np.clip(
        np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1
    )
    bins = []
    for number in np.unique(numbers):
        here = numbers == number
        means = float(confidence[here].mean()), float(correct[here].mean())
        bins.append(
            Bin(number / CALIBRATION_BINS, (number + 1) / CALIBRATION_BINS, int(here.sum()), *means)
        )
    off = sum(each.images * abs(each.confidence - each.accuracy) for each in bins)
    return Calibration(off / len(confidence), tuple(bins))

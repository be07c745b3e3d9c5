"""Whether a model is right as often as its probabilities say."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.accuracy.answers import Answers

BINS = 15
"""As in Guo et al.: figures with other bins cannot be compared."""


@dataclass(frozen=True)
class Bin:
    """Images whose best class has a probability above ``low`` and up to ``high``.

    Args:
        low: 0 to 1.
        high: 0 to 1.
        images: How many.
        confidence: Mean probability of their best classes.
        accuracy: Share of them whose best class is the label.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error and the bins that it comes from; empty ones are left out.

    Args:
        error: Mean of the bins' differences between confidence and accuracy, weighted by their
            images: 0 is right, 0.1 means off by 10 points.
        bins: By probability.
    """

    error: float
    bins: tuple[Bin, ...]

    @property
    def bias(self) -> float:
        """Mean confidence less accuracy: above 0 a model is surer than it is right."""
        images = sum(one.images for one in self.bins)
        return sum(one.images * (one.confidence - one.accuracy) for one in self.bins) / images


def calibration(answers: Answers) -> Calibration | None:
    """Return the expected calibration error of the best class, with 15 bins of equal width.

    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017),
    https://arxiv.org/abs/1706.04599, equation 3.

    Args:
        answers: With scores that are probabilities.

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
    # A bin holds its upper end: (0, 1/15], (1/15, 2/15], ...
    numbers = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = []
    for number in np.unique(numbers):
        here = numbers == number
        means = float(confidence[here].mean()), float(correct[here].mean())
        bins.append(Bin(number / BINS, (number + 1) / BINS, int(here.sum()), *means))
    off = sum(one.images * abs(one.confidence - one.accuracy) for one in bins)
    return Calibration(off / len(confidence), tuple(bins))

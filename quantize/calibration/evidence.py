"""Which of two inputs suits a model: its answers to the same images are compared, pair by pair.

With labels, the worth of an answer is the probability that it gives to the right class. Without
labels, its worth is its information on the image: its distance from the model's mean answer, which
is small where all images get the same answer, and where no answer is sure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LogProbabilities = npt.NDArray[np.float64]
"""Logarithms of probabilities, shape (images, classes)."""

LEAST_ODDS = 1e-4
"""With labels: probability of as many images speaking for another input by chance, below which the
other input is believed."""
TIE = 0.35
"""With labels: difference of the right class' logarithms below which an image speaks for neither
input."""
LEAST_GAIN = 0.08
"""With labels: part of the images by which another input must be right more often."""
LEAST_ERRORS = 5.0
"""Without labels: standard errors by which the mean gain of information must exceed zero."""
LEAST_WINS = 0.65
"""Without labels: part of the images whose answers must give more information."""
TELLING = 0.6
"""Without labels: part of the greatest possible information from which on answers are good."""
FEWEST_CLASSES = 8
"""Least number of classes for judging without labels: of fewer, a model is sure of one even for
unsuitable input."""
FLOOR = math.log(1e-30)
"""Least logarithm of a probability that trained networks give a class; only input that is far too
large makes them give less."""
LEAST_TOLD = math.log(1e-4)
"""Least logarithm of a right class' probability that counts: a lower one is no more wrong."""


class Judge(Protocol):
    """A way to compare answers as given (``own``) with those to another input."""

    def worth(self, answers: LogProbabilities) -> Array:
        """Return the worth of each answer to the first images, shape (images,)."""

    def is_good(self, own: LogProbabilities) -> bool:
        """Whether answers are such that input of another magnitude can't be the right one."""

    def is_better(
        self, own: LogProbabilities, other: LogProbabilities, *, is_rescaled: bool
    ) -> bool:
        """Whether another input, which may be scaled differently, is far better, beyond chance."""

    def describe(self, own: LogProbabilities, other: LogProbabilities, how: str) -> str:
        """Say in words how much better the answers to another input are."""

    def score(self, answers: LogProbabilities) -> float:
        """Return how good answers are for themselves: 0 for nothing, 1 for all."""

    def compare(self, answers: Mapping[str, LogProbabilities]) -> str:
        """Say in words how good the answers to several inputs are, by their names, best first."""


class LabelJudge:
    """Compares by the labels.

    Args:
        labels: For each image the output that is its label, shape (images,).

    Example:
        >>> LabelJudge(np.array([1, 0])).worth(np.log([[0.5, 0.5], [0.9, 0.1]])).round(2)
        array([-0.69, -0.11])
    """

    def __init__(self, labels: Array) -> None:
        self._labels = labels

    def worth(self, answers: LogProbabilities) -> Array:
        """Return the logarithm of the right class' probability."""
        right: Array = answers[np.arange(len(answers)), self._labels[: len(answers)]]
        return right.clip(min=LEAST_TOLD)

    def is_good(self, own: LogProbabilities) -> bool:
        """Whether far more answers are right than would be by chance."""
        return bool(self._right(own).mean() > 0.25 + 1 / own.shape[1])

    @property
    def most_common(self) -> float:
        """Part of the images for which the same answer to all would be right."""
        return float(np.bincount(self._labels).max()) / len(self._labels)

    def means_something(self, own: LogProbabilities) -> bool:
        """Whether the labels seem to be the model's classes in the model's order."""
        return bool(self._right(own).mean() >= self.most_common + 0.1)

    def is_better(
        self, own: LogProbabilities, other: LogProbabilities, *, is_rescaled: bool
    ) -> bool:
        """Whether more answers are right: more than by chance, and than one answer to all."""
        del is_rescaled
        before, after = self._right(own), self._right(other)
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        gain = self.worth(other) - self.worth(own)
        return bool(
            after.mean() - before.mean() >= LEAST_GAIN
            and after.mean() >= self.most_common + 0.1
            and sign_test(gained, lost) < 0.05
            and sign_test(int((gain > TIE).sum()), int((gain < -TIE).sum())) < LEAST_ODDS
        )

    def describe(self, own: LogProbabilities, other: LogProbabilities, how: str) -> str:
        """Say for how many images the answers are right."""
        before, after = (100 * self._right(answers).mean() for answers in (own, other))
        return (
            f"its answers are right for {before:.0f} % of {len(own)} images as given, and for "
            f"{after:.0f} % {how}"
        )

    def score(self, answers: LogProbabilities) -> float:
        """Return the part of the right answers, less that of one answer to all."""
        return float(self._right(answers).mean()) - self.most_common

    def compare(self, answers: Mapping[str, LogProbabilities]) -> str:
        """Say for how many images the answers are right."""
        rates = {name: 100 * self._right(each).mean() for name, each in answers.items()}
        return (
            f"its answers are right for {_listed(rates, '{:.0f} %')} of {len(self._labels)} images"
        )

    def _right(self, answers: LogProbabilities) -> npt.NDArray[np.bool_]:
        right: npt.NDArray[np.bool_] = answers.argmax(axis=1) == self._labels[: len(answers)]
        return right


class InformationJudge:
    """Compares by how much answers say of their images, for models of many classes.

    Example:
        >>> InformationJudge().worth(np.log([[0.999, 0.001], [0.001, 0.999]])).round(1)
        array([0.7, 0.7])
    """

    def worth(self, answers: LogProbabilities) -> Array:
        """Return each answer's information on its image: its distance from the mean answer."""
        chances = np.exp(answers)
        information: Array = (chances * (answers - np.log(chances.mean(axis=0)))).sum(axis=1)
        return information

    def is_good(self, own: LogProbabilities) -> bool:
        """Whether answers give much of the information that they could, and are not overdone."""
        is_overdone = (own <= FLOOR).mean() > 0.1
        return bool(not is_overdone and self.worth(own).mean() > TELLING * math.log(min(own.shape)))

    def is_better(
        self, own: LogProbabilities, other: LogProbabilities, *, is_rescaled: bool
    ) -> bool:
        """Whether answers give far more information: twice as much where the scale differs.

        Input of a greater scale alone makes answers surer.
        """
        if not self.is_good(other):
            return False
        gain = self.worth(other) - self.worth(own)
        return bool(
            gain.mean() > (math.log(2) if is_rescaled else 0.15)
            and standard_errors(gain) > LEAST_ERRORS
            and (gain > 0).mean() > LEAST_WINS
        )

    def describe(self, own: LogProbabilities, other: LogProbabilities, how: str) -> str:
        """Say how many different answers there are, and how sure they are."""
        before, after = (
            f"{len(set(answers.argmax(axis=1)))} different, {_sure(answers):.0f} % sure"
            for answers in (own, other)
        )
        return (
            f"its answers to {len(own)} images tell less as given ({before}) than {how} ({after})"
        )

    def score(self, answers: LogProbabilities) -> float:
        """Return the part of the greatest possible information that the answers give."""
        return float(self.worth(answers).mean()) / math.log(min(answers.shape))

    def compare(self, answers: Mapping[str, LogProbabilities]) -> str:
        """Say how much of the greatest possible information the answers give."""
        parts = {name: 100 * self.score(each) for name, each in answers.items()}
        count = len(next(iter(answers.values())))
        return (
            f"its answers to {count} images hold {_listed(parts, '{:.0f} %')} of the information "
            "that they could"
        )


MOST_COMPARED = 3
"""Inputs that a comparison in words names."""


def _listed(values: Mapping[str, float], form: str) -> str:
    """Return the first values in words: ``"53 % (tf), 47 % (unit)"``."""
    first = list(values.items())[:MOST_COMPARED]
    return ", ".join(f"{form.format(value)} ({name})" for name, value in first)


def _sure(answers: LogProbabilities) -> float:
    return 100 * float(np.exp(answers.max(axis=1)).mean())


def log_probabilities(answers: Array) -> LogProbabilities:
    """Return the logarithms of the probabilities that a model's answers stand for.

    Args:
        answers: Probabilities that add up to one for each image, probabilities of each class by
            itself, or scores before softmax, shape (images, classes).

    Example:
        >>> log_probabilities(np.array([[0.25, 0.75]])).round(2)
        array([[-1.39, -0.29]])
    """
    values = np.nan_to_num(answers.astype(np.float64), nan=0.0, posinf=1e30, neginf=-1e30)
    if is_softmax(values):
        values = np.log(np.maximum(values, 1e-45))
    elif values.min() >= 0 and values.max() <= 1:
        values = np.log(np.maximum(values, 1e-45)) - np.log(np.maximum(1 - values, 1e-45))
    values = values - values.max(axis=1, keepdims=True)
    logs: LogProbabilities = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return np.maximum(logs, FLOOR)


def is_softmax(answers: Array) -> bool:
    """Whether each image's answers are probabilities that add up to one."""
    return bool(answers.min() >= 0 and np.abs(answers.sum(axis=1) - 1).max() < 0.01)


def sign_test(wins: int, losses: int) -> float:
    """Return the probability that chance gives at least so many wins (the sign test).

    Example:
        >>> sign_test(3, 1)
        0.3125
    """
    pairs = wins + losses
    return float(sum(math.comb(pairs, k) for k in range(wins, pairs + 1)) / 2**pairs)


def standard_errors(differences: Array) -> float:
    """Return by how many standard errors a mean difference exceeds zero.

    Example:
        >>> standard_errors(np.array([1.0, 3.0]))
        2.0
    """
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean() / max(error, 1e-9))

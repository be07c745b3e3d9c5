"""Which of two inputs suits a model: its answers to the same images are compared, pair by pair.

With labels, an answer is worth the probability that it gives to the right class. Without, it is
worth what it says of its image: its distance from what the model answers on the average, which is
little where all images get one answer, and where none gets a sure one.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Logs = npt.NDArray[np.float64]
"""Logarithms of probabilities, shape (images, classes)."""

LEAST_ODDS = 1e-4
"""With labels: another input is believed if chance makes as many images speak for it less often."""
TIE = 0.35
"""With labels: an image speaks for neither input if the right class' logarithms differ by less."""
LEAST_GAIN = 0.08
"""With labels: part of the images that another input must be right for in addition."""
LEAST_ERRORS = 5.0
"""Without labels: standard errors that the mean difference must be away from nothing."""
LEAST_WINS = 0.65
"""Without labels: part of the images whose answers must tell more."""
TELLING = 0.6
"""Without labels: part of all that answers could tell, which those to suitable images do tell."""
FEWEST_CLASSES = 8
"""Without labels: strange input, too, makes a model sure of one of two classes."""
FLOOR = math.log(1e-30)
"""Trained networks call no class less probable; numbers that are far too large make them do so."""
LEAST_TOLD = math.log(1e-4)
"""A right class that is called less probable is as wrong as can be."""


class Judge(Protocol):
    """A way to compare answers as given (``own``) with those to another input."""

    def worth(self, answers: Logs) -> Array:
        """Return of each answer to the first images what it is worth."""

    def is_well(self, own: Logs) -> bool:
        """Whether answers are such that input of another magnitude can't be the right one."""

    def is_sure(self, own: Logs, other: Logs, *, is_rescaled: bool) -> bool:
        """Whether another input, which may be scaled differently, is far better, beyond chance."""

    def says(self, own: Logs, other: Logs, how: str) -> str:
        """Say in words how much better."""


class ByLabel:
    """Compares by the labels.

    Args:
        labels: Of each image the output that is its label, shape (images,).

    Example:
        >>> ByLabel(np.array([1, 0])).worth(np.log([[0.5, 0.5], [0.9, 0.1]])).round(2)
        array([-0.69, -0.11])
    """

    def __init__(self, labels: Array) -> None:
        self._labels = labels

    def worth(self, answers: Logs) -> Array:
        """Return the logarithm of the right class' probability."""
        right: Array = answers[np.arange(len(answers)), self._labels[: len(answers)]]
        return right.clip(min=LEAST_TOLD)

    def is_well(self, own: Logs) -> bool:
        """Whether far more are right than would be by chance."""
        return bool(self._right(own).mean() > 0.25 + 1 / own.shape[1])

    @property
    def most_common(self) -> float:
        """Part of the images that one answer to all would be right for."""
        return float(np.bincount(self._labels).max()) / len(self._labels)

    def means_something(self, own: Logs) -> bool:
        """Whether the labels seem to be the model's classes in the model's order."""
        return bool(self._right(own).mean() >= self.most_common + 0.1)

    def is_sure(self, own: Logs, other: Logs, *, is_rescaled: bool) -> bool:
        """Whether more are right, by more than chance and than one answer to all would be."""
        del is_rescaled
        before, after = self._right(own), self._right(other)
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        told = self.worth(other) - self.worth(own)
        return bool(
            after.mean() - before.mean() >= LEAST_GAIN
            and after.mean() >= self.most_common + 0.1
            and odds(gained, lost) < 0.05
            and odds(int((told > TIE).sum()), int((told < -TIE).sum())) < LEAST_ODDS
        )

    def says(self, own: Logs, other: Logs, how: str) -> str:
        """Say how many are right."""
        before, after = (100 * self._right(answers).mean() for answers in (own, other))
        return (
            f"its answers are right for {before:.0f} % of {len(own)} images as given, and for "
            f"{after:.0f} % {how}"
        )

    def _right(self, answers: Logs) -> npt.NDArray[np.bool_]:
        right: npt.NDArray[np.bool_] = answers.argmax(axis=1) == self._labels[: len(answers)]
        return right


class ByTelling:
    """Compares by how much answers say of their images, for models of many classes.

    Example:
        >>> ByTelling().worth(np.log([[0.999, 0.001], [0.001, 0.999]])).round(1)
        array([0.7, 0.7])
    """

    def worth(self, answers: Logs) -> Array:
        """Return each answer's information on its image: its distance from the mean answer."""
        chances = np.exp(answers)
        told: Array = (chances * (answers - np.log(chances.mean(axis=0)))).sum(axis=1)
        return told

    def is_well(self, own: Logs) -> bool:
        """Whether answers tell much of what they could of so many images, and are not overdone."""
        is_overdone = (own <= FLOOR).mean() > 0.1
        return bool(not is_overdone and self.worth(own).mean() > TELLING * math.log(min(own.shape)))

    def is_sure(self, own: Logs, other: Logs, *, is_rescaled: bool) -> bool:
        """Whether answers tell far more; twice as much if the scale may have made them surer."""
        if not self.is_well(other):
            return False
        gain = self.worth(other) - self.worth(own)
        return bool(
            gain.mean() > (math.log(2) if is_rescaled else 0.15)
            and standard_errors(gain) > LEAST_ERRORS
            and (gain > 0).mean() > LEAST_WINS
        )

    def says(self, own: Logs, other: Logs, how: str) -> str:
        """Say how many different answers there are, and how sure they are."""
        before, after = (
            f"{len(set(answers.argmax(axis=1)))} different, {_sure(answers):.0f} % sure"
            for answers in (own, other)
        )
        return (
            f"its answers to {len(own)} images tell less as given ({before}) than {how} ({after})"
        )


def _sure(answers: Logs) -> float:
    return 100 * float(np.exp(answers.max(axis=1)).mean())


def log_probabilities(answers: Array) -> Logs:
    """Return the logarithms of the probabilities that a model's answers stand for.

    Args:
        answers: Shape (images, classes): probabilities, of one class an image or of each by itself,
            or scores before softmax.

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
    logs: Logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return np.maximum(logs, FLOOR)


def is_softmax(answers: Array) -> bool:
    """Whether each image's answers are probabilities that add up to one."""
    return bool(answers.min() >= 0 and np.abs(answers.sum(axis=1) - 1).max() < 0.01)


def odds(wins: int, losses: int) -> float:
    """Return the probability that chance gives at least so many wins (the sign test).

    Example:
        >>> odds(3, 1)
        0.3125
    """
    pairs = wins + losses
    return float(sum(math.comb(pairs, k) for k in range(wins, pairs + 1)) / 2**pairs)


def standard_errors(differences: Array) -> float:
    """Return how many standard errors a mean difference is above nothing.

    Example:
        >>> standard_errors(np.array([1.0, 3.0]))
        2.0
    """
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean() / max(error, 1e-9))

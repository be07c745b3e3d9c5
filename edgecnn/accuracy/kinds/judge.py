"""What every kind of output has in common: a row for each sample, and figures of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.indexed_answers import order_of_data
from edgecnn.accuracy.kinds.figures import KindFigure
from edgecnn.data.inputspec import InputSpec

Array = npt.NDArray[Any]


class OutputJudge(Protocol):
    """Judges outputs of one kind against what labelled data want.

    Attributes:
        name: Name of the output, or of the first of several.
        outputs: Numbers of the outputs that it judges.
        takes_places: Whether it is given the place of the greatest value along the last side
            instead of all values.
        reading: How the outputs or the targets were read, in words, where that is to be told; empty
            where there is nothing to tell.
    """

    name: str
    outputs: tuple[int, ...]
    takes_places: bool
    reading: str

    def target(self, index: int, spec: InputSpec | None) -> Any:
        """Return what is wanted of a sample.

        Args:
            index: Number of the sample in the data.
            spec: How the sample's image was cut; None where it is none.

        Raises:
            UnreadableImageError: A file of the target cannot be read.
            InputError: The target does not fit the model.
        """

    def row(self, values: Sequence[Array], target: Any) -> Any:
        """Return what the figures need to know of one sample.

        Args:
            values: The outputs of the sample, as real numbers, or the places of the greatest.
            target: What is wanted of the sample.
        """

    def answer(self, values: Sequence[Array]) -> Any:
        """Return what a comparison with another model needs to know of one sample."""

    def figures(self, rows: Sequence[Any]) -> list[KindFigure]:
        """Return the figures of all samples, the most important first."""

    def agreement(self, answers: Sequence[Any], others: Sequence[Any]) -> KindFigure:
        """Return how alike the answers of two models to the same samples are."""


@dataclass(frozen=True)
class KindAnswers:
    """What a model answered to samples, as its judges need it.

    Args:
        indices: Number of each sample in the data, int64, shape (samples,).
        rows: For each sample what each judge needs for its figures.
        answers: For each sample what each judge needs for a comparison; None where no other model
            is compared.
        finite: Whether all values of a sample are finite, bool, shape (samples,).
        unreadable: One line for each sample that could not be read.
    """

    indices: npt.NDArray[np.int64]
    rows: tuple[tuple[Any, ...], ...]
    answers: tuple[tuple[Any, ...], ...] | None
    finite: npt.NDArray[np.bool_]
    unreadable: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[KindAnswers], unreadable: tuple[str, ...]) -> KindAnswers:
        """Return the answers to several parts of the data as one, in the order of the data.

        Args:
            parts: Answers to different samples, in any order; at least one part.
            unreadable: Lines about the unreadable samples of all parts.
        """
        indices, order = np.concatenate([part.indices for part in parts]), order_of_data(parts)
        rows = [row for part in parts for row in part.rows]
        kept = [part.answers for part in parts if part.answers is not None]
        answers = [answer for part in kept for answer in part]
        return cls(
            indices[order],
            tuple(rows[place] for place in order),
            tuple(answers[place] for place in order) if len(kept) == len(parts) else None,
            np.concatenate([part.finite for part in parts])[order],
            unreadable,
        )

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.indices)

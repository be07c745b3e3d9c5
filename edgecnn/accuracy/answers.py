"""What a model answered to labelled images, one row for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from edgecnn.accuracy.indexed_answers import order_of_data
from edgecnn.accuracy.shares import CONFIDENCE, Bounds, wilson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Answers:
    """The answers to the images that could be read, in the order of the data.

    Args:
        indices: Number of each row's image in the data, int64, shape (images,).
        label_outputs: Output that stands for each image's label, int64, shape (images,).
        top: Outputs with the best scores, the best first, int64, shape (images, k); of equal scores
            the lower output comes first.
        scores: Scores of the outputs in ``top``, float64, shape (images, k); of a quantised output
            the real numbers that its integers stand for.
        label_scores: Score of the output that stands for the label, float64, shape (images,).
        finite: Whether all scores of an image are finite numbers, bool, shape (images,).
        unreadable: One line for each image that could not be read, which names it and says why.
    """

    indices: npt.NDArray[np.int64]
    label_outputs: npt.NDArray[np.int64]
    top: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    label_scores: npt.NDArray[np.float64]
    finite: npt.NDArray[np.bool_]
    unreadable: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[Answers], unreadable: tuple[str, ...]) -> Answers:
        """Return the answers to several parts of the data as one, in the order of the data.

        Args:
            parts: Answers to different images, in any order; at least one part.
            unreadable: Lines about the unreadable images of all parts.
        """
        import numpy as np

        order = order_of_data(parts)
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name in _column_names()
        }
        return cls(**columns, unreadable=unreadable)

    def rows(self, kept: npt.NDArray[np.int64]) -> Answers:
        """Return some of the rows.

        Args:
            kept: Numbers of the rows, int64.
        """
        columns = {name: getattr(self, name)[kept] for name in _column_names()}
        return Answers(**columns, unreadable=self.unreadable)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.indices)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether the best class is the label, bool, shape (images,)."""
        return self.hits(1)

    def hits(self, k: int) -> npt.NDArray[np.bool_]:
        """Return whether the label is among the best ``k`` classes, bool, shape (images,)."""
        found: npt.NDArray[np.bool_] = (self.top[:, :k] == self.label_outputs[:, None]).any(axis=1)
        return found

    def share(self, k: int) -> float:
        """Return the share of images whose label is among the best ``k`` classes, 0 to 1."""
        return int(self.hits(k).sum()) / len(self)

    def bounds(self, k: int, confidence: float = CONFIDENCE) -> Bounds:
        """Return Wilson's interval of :meth:`share`, 0 to 1."""
        return wilson(self.share(k), len(self), confidence)

    def worst(self, count: int) -> list[int]:
        """Return the rows of wrong answers that were given with the most confidence.

        Confidence is how far the answer's score is above the label's score, which has a meaning for
        probabilities and for logits. Answers with scores that are no numbers come first.

        Args:
            count: Number of rows at most.
        """
        import numpy as np

        rows = np.flatnonzero(~self.correct)
        with np.errstate(invalid="ignore"):
            ahead = self.scores[rows, 0] - self.label_scores[rows]
        ahead = np.where(self.finite[rows], ahead, np.inf)
        return [int(row) for row in rows[np.argsort(-ahead, kind="stable")[:count]]]


def _column_names() -> list[str]:
    return [field.name for field in fields(Answers) if field.name != "unreadable"]

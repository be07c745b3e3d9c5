"""What a model answered to labelled images, one row an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from edgecnn.accuracy.shares import CONFIDENCE, Bounds, wilson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Answers:
    """The answers to the images that could be read, in the order of the data.

    Args:
        indices: int64, shape (images,): which images of the data.
        wanted: int64, shape (images,): the output that is right.
        top: int64, shape (images, k): outputs with the best scores, the best first; of equal scores
            the lower output.
        scores: float64, shape (images, k): theirs, of a quantised output what it stands for.
        wanted_scores: float64, shape (images,): of the output that is right.
        finite: bool, shape (images,): whether all scores of an image are numbers.
        unreadable: What was wrong with each image that could not be read; one line that names it.
    """

    indices: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.int64]
    top: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    wanted_scores: npt.NDArray[np.float64]
    finite: npt.NDArray[np.bool_]
    unreadable: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[Answers], unreadable: tuple[str, ...]) -> Answers:
        """Return parts as one, in the order of the data.

        Args:
            parts: At least one; of different images, in any order.
            unreadable: Of the whole.
        """
        import numpy as np

        order = np.argsort(np.concatenate([part.indices for part in parts]))
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name in _column_names()
        }
        return cls(**columns, unreadable=unreadable)

    def rows(self, kept: npt.NDArray[np.int64]) -> Answers:
        """Return some of the rows."""
        columns = {name: getattr(self, name)[kept] for name in _column_names()}
        return Answers(**columns, unreadable=self.unreadable)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.indices)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether the best class is the label, shape (images,)."""
        return self.hits(1)

    def hits(self, k: int) -> npt.NDArray[np.bool_]:
        """Return whether the label is among the best ``k``, shape (images,)."""
        found: npt.NDArray[np.bool_] = (self.top[:, :k] == self.wanted[:, None]).any(axis=1)
        return found

    def share(self, k: int) -> float:
        """Return the share of images whose label is among the best ``k``, 0 to 1."""
        return int(self.hits(k).sum()) / len(self)

    def bounds(self, k: int, confidence: float = CONFIDENCE) -> Bounds:
        """Return Wilson's interval of :meth:`share`, 0 to 1."""
        return wilson(self.share(k), len(self), confidence)

    def worst(self, count: int) -> list[int]:
        """Return the rows of wrong answers that were given with the most confidence.

        That is how far the answer's score is above the label's: it means the same for probabilities
        and for logits. Answers that are no numbers come first.

        Args:
            count: How many at most.
        """
        import numpy as np

        rows = np.flatnonzero(~self.correct)
        with np.errstate(invalid="ignore"):
            ahead = self.scores[rows, 0] - self.wanted_scores[rows]
        ahead = np.where(self.finite[rows], ahead, np.inf)
        return [int(row) for row in rows[np.argsort(-ahead, kind="stable")[:count]]]


def _column_names() -> list[str]:
    return [field.name for field in fields(Answers) if field.name != "unreadable"]

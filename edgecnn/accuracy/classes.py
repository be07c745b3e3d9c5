"""The confusion matrix: which classes a model recognises, and which it takes for others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.shares import Bounds, wilson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class ClassResult:
    """How often one class was recognised, and how often it was answered.

    Args:
        output: Output of the model for the class.
        images: Number of images with this label.
        answered: Number of images for which this was the best class, rightly or not.
        correct: Number of images with this label for which this was the best class.
    """

    output: int
    images: int
    answered: int
    correct: int

    @property
    def recall(self) -> float | None:
        """Share of the images with this label that were recognised; None without images."""
        return self.correct / self.images if self.images else None

    @property
    def recall_bounds(self) -> Bounds | None:
        """Wilson's interval of the recall; None without images."""
        return wilson(self.correct / self.images, self.images) if self.images else None

    @property
    def precision(self) -> float | None:
        """Share of the answers with this class that were right; None without such answers."""
        return self.correct / self.answered if self.answered else None


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix as its cells that are not 0: 1,000 classes have a million cells.

    Args:
        labels: Output that stands for the label of each cell, int64, shape (cells,), ascending.
        answers: Best class of each cell, right or not, int64, shape (cells,).
        images: Number of images in each cell, int64, shape (cells,).
        outputs: Number of classes.
    """

    labels: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    outputs: int

    @classmethod
    def of(cls, answers: Answers, outputs: int) -> Confusion:
        """Count the answers of a model.

        Args:
            answers: What the model answered to each labelled image.
            outputs: The model's number of outputs.

        Example:
            >>> Confusion.of(answers, 10).matrix().trace() == answers.correct.sum()
            True
        """
        import numpy as np

        cells = answers.label_outputs * outputs + answers.top[:, 0]
        filled, counts = np.unique(cells, return_counts=True)
        return cls(filled // outputs, filled % outputs, counts.astype(np.int64), outputs)

    def matrix(self) -> npt.NDArray[np.int64]:
        """Return all cells, int64, shape (outputs, outputs): a row a label, a column an answer."""
        import numpy as np

        full = np.zeros((self.outputs, self.outputs), np.int64)
        full[self.labels, self.answers] = self.images
        return full

    def classes(self) -> list[ClassResult]:
        """Return the result of each class that is a label or an answer, in the order of outputs."""
        import numpy as np

        def per_output(where: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]) -> list[int]:
            counts = np.bincount(where[kept], self.images[kept], self.outputs)
            return [int(count) for count in counts]

        every, right = np.ones(len(self.labels), bool), self.labels == self.answers
        images, answered = per_output(self.labels, every), per_output(self.answers, every)
        correct = per_output(self.labels, right)
        seen = np.union1d(self.labels, self.answers)
        return [ClassResult(int(o), images[o], answered[o], correct[o]) for o in seen]

    def mistakes(self) -> list[tuple[int, int, int]]:
        """Return (label, answer, images) of each mistake that was made, the most frequent first."""
        import numpy as np

        wrong = np.flatnonzero(self.labels != self.answers)
        order = wrong[np.argsort(-self.images[wrong], kind="stable")]
        columns = (self.labels[order], self.answers[order], self.images[order])
        return [
            (int(label), int(answer), int(count))
            for label, answer, count in zip(*columns, strict=True)
        ]

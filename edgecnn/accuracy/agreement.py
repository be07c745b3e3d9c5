"""Two models on the same images: how often they answer alike, and which is right more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.shares import Bounds, mcnemar, paired_difference, wilson


@dataclass(frozen=True)
class Agreement:
    """How many images two models answered in which way.

    Args:
        same: Images to which both give the same class, right or not.
        both_right: Images that both are right on.
        only_this: Images that this model alone is right on.
        only_other: Images that the other model alone is right on.
        neither: Images that both are wrong on.
    """

    same: int
    both_right: int
    only_this: int
    only_other: int
    neither: int

    @classmethod
    def of(
        cls, answers: Answers, others: Answers, translation: Sequence[int] | None = None
    ) -> Agreement:
        """Compare two models' answers, image by image.

        Args:
            answers: Answers of this model.
            others: Answers of the other model; images that only one of them has are left out.
            translation: For each output of the other model this model's output for the same class,
                negative where it has none; None where the two models have the same outputs.
        """
        import numpy as np

        _, here, there = np.intersect1d(answers.indices, others.indices, return_indices=True)
        answers, others = answers.rows(here), others.rows(there)
        right, other_right = answers.correct, others.correct
        best = others.top[:, 0] if translation is None else np.take(translation, others.top[:, 0])
        return cls(
            same=int((answers.top[:, 0] == best).sum()),
            both_right=int((right & other_right).sum()),
            only_this=int((right & ~other_right).sum()),
            only_other=int((~right & other_right).sum()),
            neither=int((~right & ~other_right).sum()),
        )

    @property
    def images(self) -> int:
        """Number of images that both models classified."""
        return self.both_right + self.only_this + self.only_other + self.neither

    @property
    def share(self) -> float:
        """Share of images with the same best class, 0 to 1."""
        return self.same / self.images

    @property
    def bounds(self) -> Bounds:
        """Wilson's interval of :attr:`share`."""
        return wilson(self.share, self.images)

    @property
    def other_top1(self) -> float:
        """Share of the images that the other model is right on, 0 to 1."""
        return (self.both_right + self.only_other) / self.images

    @property
    def difference(self) -> float:
        """Top-1 of this model less the other's: 0.01 is one point."""
        return (self.only_this - self.only_other) / self.images

    @property
    def difference_bounds(self) -> Bounds:
        """Newcombe's interval of :attr:`difference` for the same images."""
        return paired_difference(self.both_right, self.only_this, self.only_other, self.neither)

    @property
    def p_value(self) -> float:
        """p-value of McNemar's exact test: how likely so unequal counts are for equal models."""
        return mcnemar(self.only_this, self.only_other)

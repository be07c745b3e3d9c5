"""What running labelled samples gives, whatever the kind of the model's output."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from edgecnn.accuracy.image_by_image import images_sha256
from edgecnn.accuracy.indexed_answers import IndexedAnswers
from edgecnn.accuracy.seen_images import SeenImages
from edgecnn.data.datasets import Dataset

AnyAnswers = TypeVar("AnyAnswers", bound=IndexedAnswers)


@dataclass(frozen=True)
class LabelledResult(Generic[AnyAnswers]):
    """The answers of a model to labelled samples.

    Args:
        dataset: The samples and what is wanted of them.
        answers: Answers to the samples that could be read.
        seen: The images that the model was made with; None where its file does not say.
        geometry: How images came to the model's size, in plain words; None where there are none.
    """

    dataset: Dataset
    answers: AnyAnswers
    seen: SeenImages | None = field(default=None, kw_only=True)
    geometry: str | None = field(default=None, kw_only=True)

    @property
    def images(self) -> int:
        """Number of samples that were run."""
        return len(self.answers)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """One line for each sample that could not be read."""
        return self.answers.unreadable

    @property
    def not_finite(self) -> int:
        """Number of samples for which the model gave NaN or infinity."""
        return int((~self.answers.finite).sum())

    @cached_property
    def images_sha256(self) -> str | None:
        """SHA-256 of the samples and of what is wanted of them; None if one is gone."""
        return images_sha256(self.dataset, self.answers.indices.tolist())

    @property
    def sample_fields(self) -> dict[str, Any]:
        """The fields of a record that say which samples were run."""
        fields: dict[str, Any] = {
            "data": self.dataset.name,
            "images": self.images,
            "images_unreadable": len(self.unreadable),
            "images_sha256": self.images_sha256,
            "image_geometry": self.geometry,
        }
        return fields if self.seen is None else fields | {"images_seen": len(self.seen)}

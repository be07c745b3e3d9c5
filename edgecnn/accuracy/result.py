"""The result of classifying labelled images: accuracy, and the answers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgecnn.accuracy.agreement import Agreement
from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.calibration import Calibration, calibration
from edgecnn.accuracy.class_outputs import ClassOutputs
from edgecnn.accuracy.classes import Confusion
from edgecnn.accuracy.image_by_image import packed_hits
from edgecnn.accuracy.labelled_result import LabelledResult
from edgecnn.accuracy.seen_images import SeenImages

TOP_K = 5


@dataclass(frozen=True)
class OtherModel:
    """Another model that classified the same images for comparison.

    Args:
        model: Path of the other model, as it was given.
        sha256: SHA-256 of the other model's file.
        agreement: How the two models' answers agree.
        answers: Answers of the other model.
        translation: For each output of the other model the measured model's output for the same
            class, negative where it has none.
        seen: The images that the other model was made with; None where its file does not say.
    """

    model: str
    sha256: str
    agreement: Agreement
    answers: Answers
    translation: tuple[int, ...]
    seen: SeenImages | None = None

    def answer_to(self, answers: Answers) -> dict[int, int]:
        """Return the other model's best class of each image, as an output of the measured model.

        Args:
            answers: Answers of the measured model to the images that are asked about.

        Returns:
            Number of the image -> output; :data:`~edgecnn.accuracy.class_outputs.NO_OUTPUT` where
            the measured model has none for that class.
        """
        top = [self.translation[output] for output in self.answers.top[:, 0].tolist()]
        every = dict(zip(self.answers.indices.tolist(), top, strict=True))
        return {index: every[index] for index in answers.indices.tolist() if index in every}

    def regressions(self, answers: Answers) -> list[int]:
        """Return the rows that the measured model is wrong on and the other model right.

        Args:
            answers: Answers of the measured model.
        """
        right = set(self.answers.indices[self.answers.correct].tolist())
        wrong = (~answers.correct).nonzero()[0]
        return [int(row) for row in wrong if int(answers.indices[row]) in right]


@dataclass(frozen=True)
class Accuracy(LabelledResult[Answers]):
    """The answers of a model to a data set, and its accuracy.

    Args:
        dataset: The images and their labels.
        answers: Answers to the images that could be read.
        classes: The model's outputs, and which of them stands for each class of the data.
        gives_probabilities: Whether scores are probabilities, by softmax or sigmoid.
        other: The model that classified the same images for comparison, if any.
        seen: The images that the model was made with; None where its file does not say.
        geometry: How images came to the model's size, in plain words.
    """

    classes: ClassOutputs
    gives_probabilities: bool = False
    other: OtherModel | None = None

    @property
    def data(self) -> str:
        """Name of the data."""
        return self.dataset.name

    @property
    def outputs(self) -> int:
        """Number of the model's outputs."""
        return self.classes.count

    @property
    def top1_percent(self) -> float:
        """Share of the images whose best class is the label, in percent."""
        return 100 * self.answers.share(1)

    @cached_property
    def unseen_answers(self) -> Answers | None:
        """Answers to the images that the model was not made with, if it was made with some.

        None also where it was made with all of them.
        """
        if not self.seen or len(self.seen) == self.images:
            return None
        return self.seen.without(self.answers)

    @property
    def top5_percent(self) -> float | None:
        """Share of the images with the label among the best five; None below six outputs."""
        return 100 * self.answers.share(TOP_K) if self.outputs > TOP_K else None

    @cached_property
    def confusion(self) -> Confusion:
        """The confusion matrix."""
        return Confusion.of(self.answers, self.outputs)

    @cached_property
    def calibration(self) -> Calibration | None:
        """Expected calibration error and its bins; None where scores are no probabilities."""
        return calibration(self.answers) if self.gives_probabilities else None

    def label(self, output: int) -> str:
        """Return the name of an output's class; ``"class 7"`` where the class has no name."""
        labels = self.classes.labels
        name = labels[output] if 0 <= output < len(labels) else ""
        return name or f"class {output}"

    def image_name(self, row: int) -> str:
        """Return the name of the image of a row of the answers."""
        return self.dataset.item_name(int(self.answers.indices[row]))

    def record_fields(self) -> dict[str, Any]:
        """Return the accuracy fields of a :class:`~edgecnn.records.record.Record`."""
        low, high = self.answers.bounds(1)
        fields: dict[str, Any] = {
            **self.sample_fields,
            "hits_top1": packed_hits(self.answers.hits(1)),
            "label_offset": self.classes.offset,
            "class_matching": self.classes.matching.value,
            "top1_percent": self.top1_percent,
            "top1_low_percent": 100 * low,
            "top1_high_percent": 100 * high,
            "top5_percent": self.top5_percent,
        }
        if self.top5_percent is not None:
            low, high = self.answers.bounds(TOP_K)
            fields.update(top5_low_percent=100 * low, top5_high_percent=100 * high)
            fields["hits_top5"] = packed_hits(self.answers.hits(TOP_K))
        if self.unseen_answers is not None:
            low, high = self.unseen_answers.bounds(1)
            fields.update(
                top1_unseen_percent=100 * self.unseen_answers.share(1),
                top1_unseen_low_percent=100 * low,
                top1_unseen_high_percent=100 * high,
            )
        if self.calibration is not None:
            fields["calibration_error_percent"] = 100 * self.calibration.error
        if self.other is not None:
            fields.update(_agreement_fields(self.other))
        return fields


def _agreement_fields(other: OtherModel) -> dict[str, Any]:
    agreement = other.agreement
    low, high = agreement.bounds
    return {
        "against": other.model,
        "against_sha256": other.sha256,
        "against_top1_percent": 100 * agreement.other_top1,
        "agreement_percent": 100 * agreement.share,
        "agreement_low_percent": 100 * low,
        "agreement_high_percent": 100 * high,
        "images_only_right": agreement.only_this,
        "images_only_against_right": agreement.only_other,
        "mcnemar_p": agreement.p_value,
    }

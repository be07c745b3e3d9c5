"""A model and labelled data that fit each other, run on a device, perhaps beside a reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic

from edgecnn.accuracy.indexed_answers import IndexedAnswers
from edgecnn.accuracy.seen_images import SeenImageFinder, SeenImages
from edgecnn.data.datasets import Dataset, sample_indices
from edgecnn.data.loader import Samples
from edgecnn.golden.calibration_images import CalibrationRecord
from edgecnn.measure.parallel_classification import (
    DeployedModel,
    OnImages,
    Part,
    RunnerSource,
    classify_images,
)
from edgecnn.runner.session import RunnerSession


class LabelledTask(ABC, Generic[Part]):
    """A model and labelled data that fit each other, ready to be run.

    Args:
        dataset: Labelled data.
        images: Images to run, drawn evenly over the classes; None runs all.
        calibration: The images that the file was made with; None where it does not say.

    Attributes:
        dataset: Labelled data.
        samples: What is loaded for each index: the data's images, unless a task says otherwise.
        indices: Numbers of the images to run.
        finder: Finds the images that the file was made with; None where it does not say.
    """

    def __init__(
        self, dataset: Dataset, images: int | None, calibration: CalibrationRecord | None
    ) -> None:
        self.dataset = dataset
        self.samples: Samples = dataset
        every = range(len(dataset))
        self.indices = every if images is None else sorted(sample_indices(dataset, images))
        self.finder: SeenImageFinder | None = None
        if calibration is not None:
            self.finder = SeenImageFinder(dataset, calibration.digests, calibration.spec)

    @abstractmethod
    def deployed(self, runners: RunnerSource | None) -> DeployedModel[Part]:
        """Return the model as it lies on a device."""

    @abstractmethod
    def result(self, answers: Part, reference: ReferenceRun[Part] | None) -> Any:
        """Return the figures that follow from the answers.

        Args:
            answers: The answers to all samples.
            reference: The model that answered to the same samples, for comparison.
        """

    def run(
        self,
        session: RunnerSession,
        on_images: OnImages = lambda done, total: None,
        more: RunnerSource | None = None,
        reference: ReferenceRun[Part] | None = None,
    ) -> Any:
        """Run every sample; images are decoded while the model runs.

        Args:
            session: A runner that has the model loaded.
            on_images: Called with (images done, images in all).
            more: Source of further runners; None where there are none.
            reference: Another model for comparison. It is given the same samples, too, unless it
                has been before.

        Raises:
            InputError: No sample can be read.
        """
        model = self.deployed(more)
        joins = reference is not None and reference.may_join(model)
        models = [model, reference.model] if reference is not None and joins else [model]
        most = more.most if more else 1
        answers, *others = classify_images(
            self.samples, self.indices, models, session, most, on_images
        )
        if reference is not None:
            reference.answers = others[0] if others else reference.answers
            reference.complete(on_images)
        return self.result(answers, reference)

    def seen(self, answers: IndexedAnswers) -> SeenImages | None:
        """Return which images the file was made with; None where it does not say.

        Args:
            answers: Answers to the images.
        """
        return None if self.finder is None else self.finder.among(answers.indices.tolist())


class ReferenceRun(Generic[Part]):
    """A reference on one device, where it runs the samples once for all other models.

    Args:
        task: The reference with the samples that it is given.
        path: Path of the reference, as it was given.
        sha256: SHA-256 of the reference's file.
        runners: Source of runners of the reference.

    Attributes:
        model: The reference as it lies on the device.
        answers: Answers of the reference; None before it was run.
        seen: The images that the reference was made with; None where it does not say, or before.
    """

    def __init__(
        self, task: LabelledTask[Part], path: str, sha256: str, runners: RunnerSource
    ) -> None:
        self.task, self.path, self.sha256 = task, path, sha256
        self.model = task.deployed(runners)
        self._most = runners.most
        self.answers: Part | None = None
        self.seen: SeenImages | None = None

    def may_join(self, other: DeployedModel[Part]) -> bool:
        """Return whether the reference can run together with another model.

        It can if it has no answers yet and takes the same samples, cut alike.
        """
        return self.answers is None and self.model.takes_the_cut_of(other)

    def complete(self, on_images: OnImages) -> None:
        """Have the answers of the reference, and know the images that it was made with.

        Args:
            on_images: Called with (images done, images in all) while the reference runs.
        """
        if self.answers is None:
            task = self.task
            [self.answers] = classify_images(
                task.samples, task.indices, [self.model], most=self._most, on_images=on_images
            )
        self.seen = self.seen or self.task.seen(self.answers)

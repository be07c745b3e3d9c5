"""How often a ``.tflite`` file is right on labelled images, alone and beside a reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn.accuracy.agreement import Agreement
from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.labelled_data import find_label_offset
from edgecnn.accuracy.result import Accuracy, OtherModel
from edgecnn.data.datasets import Dataset, sample_indices
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.file_calls import file_call
from edgecnn.measure.parallel_classification import (
    DeployedModel,
    OnImages,
    RunnerSource,
    classify_images,
)
from edgecnn.model_metadata.input_tensors import NO_PREPROCESSING_GIVEN, input_spec, scores_output
from edgecnn.model_metadata.labels import BACKGROUND
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions, ModelCall
from edgecnn.tflite.file import TfliteFile
from edgecnn.tflite.outputs import final_activation
from edgecnn.tflite.reading import TfliteModel


class AccuracyTask:
    """A model and labelled data that fit each other, ready to be run.

    Args:
        model: Structure of the model's file.
        dataset: Labelled data.
        preprocessing: What the user said of how images become input.
        label_offset: Output of class 0; None finds it.
        label: What messages call the file.
        images: Images to classify, drawn evenly over the classes; None classifies all.
        labels: Names of the outputs, as the file has them.

    Raises:
        InputError: The model and the data do not fit.

    Example:
        >>> task = AccuracyTask(read_model(path), open_labelled("photos/"))
        >>> task.run(session).top1_percent
        71.8
    """

    def __init__(
        self,
        model: TfliteModel,
        dataset: Dataset,
        preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN,
        label_offset: int | None = None,
        label: str = "the model",
        images: int | None = None,
        labels: tuple[str, ...] = (),
    ) -> None:
        self.dataset = dataset
        every = range(len(dataset))
        self.indices = every if images is None else sorted(sample_indices(dataset, images))
        self._spec = input_spec(model, preprocessing, label)
        self._input = model.inputs[0]
        self._output = scores_output(model, label)
        self._offset = find_label_offset(self._output.elements, dataset, label_offset, label)
        self._labels = labels if len(labels) == self._output.elements else self._class_names()
        self._gives_probabilities = final_activation(model) is not None

    def run(
        self,
        session: RunnerSession,
        on_images: OnImages = lambda done, total: None,
        more: RunnerSource | None = None,
        reference: ReferenceRun | None = None,
    ) -> Accuracy:
        """Classify every image; images are decoded while the model runs.

        Args:
            session: A runner that has the model loaded.
            on_images: Called with (images done, images in all).
            more: Source of further runners; None where there are none.
            reference: Another model for comparison. It classifies the same images, too, unless it
                has done so before.

        Raises:
            InputError: No image can be read.
        """
        model = self.deployed(more)
        joins = reference is not None and reference.may_join(model)
        models = [model, reference.model] if reference is not None and joins else [model]
        answers, *others = classify_images(
            self.dataset, self.indices, models, session, more.most if more else 1, on_images
        )
        beside = None
        if reference is not None:
            reference.answers = others[0] if others else reference.answers
            beside = reference.beside(answers, self._offset, on_images)
        return Accuracy(
            dataset=self.dataset,
            answers=answers,
            outputs=self._output.elements,
            label_offset=self._offset,
            labels=self._labels,
            gives_probabilities=self._gives_probabilities,
            other=beside,
        )

    def deployed(self, runners: RunnerSource | None) -> DeployedModel:
        """Return the model as it lies on a device."""
        return DeployedModel(self._spec, self._input, self._output, self._offset, runners)

    def _class_names(self) -> tuple[str, ...]:
        """Return the data's names of its classes by output."""
        names = self.dataset.class_names or ()
        before = [BACKGROUND if self._offset == 1 else f"class {n}" for n in range(self._offset)]
        return (*before, *names[max(0, -self._offset) :]) if names else ()


@dataclass(frozen=True)
class ReferenceModel:
    """A file that others are compared with on the same images.

    Args:
        path: Path of the file.
        sha256: SHA-256 of the file.
        task: The file with the images that it is to classify.
        call: How the file is called.
    """

    path: Path
    sha256: str
    task: AccuracyTask
    call: ModelCall

    @classmethod
    def open(
        cls,
        path: str | Path,
        dataset: Dataset,
        preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN,
        label_offset: int | None = None,
        images: int | None = None,
        call: CallOptions = NO_CALL_OPTIONS,
    ) -> ReferenceModel:
        """Read a file that others are to be compared with.

        Args:
            path: Path of the file.
            dataset: Labelled data.
            preprocessing: What the user said of how images become input.
            label_offset: Output of class 0; None finds it.
            images: Images to classify, drawn evenly over the classes; None classifies all.
            call: How the others are called, and this file, too, where it needs that.

        Raises:
            InputError: The file is no ``.tflite`` file, or it does not fit the data.
        """
        file = TfliteFile(path)
        called = file_call(file, call.where_needed(file.model))
        task = AccuracyTask(called.model, dataset, preprocessing, label_offset, file.label, images)
        return cls(file.path, file.sha256, task, called)


class ReferenceRun:
    """A reference on one device, where it classifies the images once for all other models.

    Args:
        reference: File of ``--against``, with the images that it classifies.
        runners: Source of runners of the reference.

    Attributes:
        model: The reference as it lies on the device.
        answers: Answers of the reference; None before it has classified the images.
    """

    def __init__(self, reference: ReferenceModel, runners: RunnerSource) -> None:
        self.reference = reference
        self.model = reference.task.deployed(runners)
        self.answers: Answers | None = None

    def may_join(self, other: DeployedModel) -> bool:
        """Return whether the reference can classify together with another model.

        It can if it has no answers yet and takes the same cut of an image.
        """
        return self.answers is None and self.model.takes_the_cut_of(other)

    def beside(self, answers: Answers, offset: int, on_images: OnImages) -> OtherModel:
        """Return the reference beside another model that classified the same images.

        Args:
            answers: Answers of the other model.
            offset: Output of class 0 of the other model.
            on_images: Called with (images done, images in all) while the reference classifies.
        """
        if self.answers is None:
            task, runners = self.reference.task, self.model.runners
            assert runners is not None
            images = (task.dataset, task.indices, [self.model])
            [self.answers] = classify_images(*images, most=runners.most, on_images=on_images)
        shift = self.model.offset - offset
        agreement = Agreement.of(answers, self.answers, shift)
        path, digest = str(self.reference.path), self.reference.sha256
        return OtherModel(path, digest, agreement, self.answers, shift)

"""How often a ``.tflite`` file is right on labelled images, alone and beside a reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgecnn.accuracy.agreement import Agreement
from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.class_outputs import (
    ClassOutputs,
    find_class_outputs,
)
from edgecnn.accuracy.output_labels import NO_LABELS, ModelOutputs, OutputLabels, labels_for
from edgecnn.accuracy.result import Accuracy, OtherModel
from edgecnn.accuracy.seen_images import SeenImageFinder, SeenImages
from edgecnn.data.datasets import Dataset, sample_indices
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.file_calls import file_call
from edgecnn.golden.calibration_images import CalibrationRecord, calibration_record
from edgecnn.measure.parallel_classification import (
    DeployedModel,
    OnImages,
    RunnerSource,
    classify_images,
)
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import NO_PREPROCESSING_GIVEN, input_spec, scores_output
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions, ModelCall
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
        labels: Labels of the outputs, as the file or the user has them.
        calibration: The images that the file was made with; None where it does not say.

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
        labels: OutputLabels = NO_LABELS,
        calibration: CalibrationRecord | None = None,
    ) -> None:
        self.dataset = dataset
        every = range(len(dataset))
        self.indices = every if images is None else sorted(sample_indices(dataset, images))
        self._spec = input_spec(model, preprocessing, label)
        self._input = model.inputs[0]
        self._output = scores_output(model, label)
        outputs = ModelOutputs(self._output.elements, labels, label)
        self._classes = find_class_outputs(outputs, dataset, label_offset)
        self._gives_probabilities = final_activation(model) is not None
        self._finder: SeenImageFinder | None = None
        if calibration is not None:
            self._finder = SeenImageFinder(dataset, calibration.digests, calibration.spec)

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
            beside = reference.beside(answers, self._classes, on_images)
        return Accuracy(
            dataset=self.dataset,
            answers=answers,
            classes=self._classes,
            gives_probabilities=self._gives_probabilities,
            other=beside,
            seen=self.seen(answers),
            geometry=self._spec.geometry_text,
        )

    def deployed(self, runners: RunnerSource | None) -> DeployedModel:
        """Return the model as it lies on a device."""
        model = DeployedModel(self._spec, self._input, self._output, self._classes, runners)
        finder = self._finder
        if finder is not None and finder.knows_the_cut_of(self._spec):
            return replace(model, on_cut=finder.look)
        return model

    def seen(self, answers: Answers) -> SeenImages | None:
        """Return which images the file was made with; None where it does not say.

        Args:
            answers: Answers to the images.
        """
        return None if self._finder is None else self._finder.among(answers.indices.tolist())


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
        labels: OutputLabels = NO_LABELS,
        call: CallOptions = NO_CALL_OPTIONS,
    ) -> ReferenceModel:
        """Read a file that others are to be compared with.

        Args:
            path: Path of the file.
            dataset: Labelled data.
            preprocessing: What the user said of how images become input.
            label_offset: Output of class 0; None finds it.
            images: Images to classify, drawn evenly over the classes; None classifies all.
            labels: Labels of the measured models' outputs, as the user has them; they hold for the
                file, too, if it has as many outputs.
            call: How the others are called, and this file, too, where it needs that.

        Raises:
            InputError: The file is no ``.tflite`` file, or it does not fit the data.
        """
        file = DescribedFile(path)
        called = file_call(file, call.where_needed(file.model))
        has_as_many = len(labels.names) == scores_output(called.model, file.label).elements
        task = AccuracyTask(
            called.model,
            dataset,
            preprocessing,
            label_offset,
            file.label,
            images,
            labels_for(file, labels if has_as_many else NO_LABELS),
            calibration_record(file),
        )
        return cls(file.path, file.sha256, task, called)


class ReferenceRun:
    """A reference on one device, where it classifies the images once for all other models.

    Args:
        reference: File of ``--against``, with the images that it classifies.
        runners: Source of runners of the reference.

    Attributes:
        model: The reference as it lies on the device.
        answers: Answers of the reference; None before it has classified the images.
        seen: The images that the reference was made with; None where it does not say, or before.
    """

    def __init__(self, reference: ReferenceModel, runners: RunnerSource) -> None:
        self.reference = reference
        self.model = reference.task.deployed(runners)
        self.answers: Answers | None = None
        self.seen: SeenImages | None = None

    def may_join(self, other: DeployedModel) -> bool:
        """Return whether the reference can classify together with another model.

        It can if it has no answers yet and takes the same cut of an image.
        """
        return self.answers is None and self.model.takes_the_cut_of(other)

    def beside(self, answers: Answers, classes: ClassOutputs, on_images: OnImages) -> OtherModel:
        """Return the reference beside another model that classified the same images.

        Args:
            answers: Answers of the other model.
            classes: The other model's output for each class of the data.
            on_images: Called with (images done, images in all) while the reference classifies.
        """
        if self.answers is None:
            task, runners = self.reference.task, self.model.runners
            assert runners is not None
            images = (task.dataset, task.indices, [self.model])
            [self.answers] = classify_images(*images, most=runners.most, on_images=on_images)
        self.seen = self.seen or self.reference.task.seen(self.answers)
        translation = tuple(classes.translated(self.model.classes))
        agreement = Agreement.of(answers, self.answers, translation)
        path, digest = str(self.reference.path), self.reference.sha256
        return OtherModel(path, digest, agreement, self.answers, translation, self.seen)

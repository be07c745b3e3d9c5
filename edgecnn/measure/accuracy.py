"""How often a ``.tflite`` file is right on images that each have a class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgecnn.accuracy.agreement import Agreement
from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.class_outputs import find_class_outputs
from edgecnn.accuracy.output_labels import NO_LABELS, ModelOutputs, OutputLabels
from edgecnn.accuracy.result import Accuracy, OtherModel
from edgecnn.data.datasets import Dataset
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.golden.calibration_images import CalibrationRecord
from edgecnn.measure.labelled_task import LabelledTask, ReferenceRun
from edgecnn.measure.parallel_classification import DeployedClassifier, RunnerSource
from edgecnn.model_metadata.input_tensors import NO_PREPROCESSING_GIVEN, input_spec, scores_output
from edgecnn.tflite.outputs import final_activation
from edgecnn.tflite.reading import TfliteModel


class AccuracyTask(LabelledTask[Answers]):
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

    Attributes:
        classes: The model's output for each class of the data.

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
        super().__init__(dataset, images, calibration)
        self._spec = input_spec(model, preprocessing, label)
        self._input = model.inputs[0]
        self._output = scores_output(model, label)
        outputs = ModelOutputs(self._output.elements, labels, label)
        self.classes = find_class_outputs(outputs, dataset, label_offset)
        self._gives_probabilities = final_activation(model) is not None

    def result(self, answers: Answers, reference: ReferenceRun[Answers] | None) -> Accuracy:
        """Return the accuracy that follows from the answers."""
        beside = None if reference is None else self._beside(answers, reference)
        return Accuracy(
            dataset=self.dataset,
            answers=answers,
            classes=self.classes,
            gives_probabilities=self._gives_probabilities,
            other=beside,
            seen=self.seen(answers),
            geometry=self._spec.geometry_text,
        )

    def deployed(self, runners: RunnerSource | None) -> DeployedClassifier:
        """Return the model as it lies on a device."""
        labels = np.asarray(self.dataset.labels, np.int64)
        model = DeployedClassifier(
            self._spec, self._input, self._output, self.classes, labels, runners
        )
        finder = self.finder
        if finder is not None and finder.knows_the_cut_of(self._spec):
            return replace(model, on_cut=finder.look)
        return model

    def _beside(self, answers: Answers, reference: ReferenceRun[Answers]) -> OtherModel:
        task, others = reference.task, reference.answers
        assert isinstance(task, AccuracyTask)
        assert others is not None
        translation = tuple(self.classes.translated(task.classes))
        agreement = Agreement.of(answers, others, translation)
        return OtherModel(
            reference.path, reference.sha256, agreement, others, translation, reference.seen
        )

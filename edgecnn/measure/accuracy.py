"""How often a ``.tflite`` file is right on labelled images, alone and beside another file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.accuracy.agreement import Agreement
from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.result import Accuracy, OtherModel
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted, sha256_of
from edgecnn.data.datasets import Dataset, open_dataset, sample
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.measure.classifying import OnImages, Placed, Runners, classify_images
from edgecnn.metadata.labels import BACKGROUND, IMAGENET_OUTPUTS
from edgecnn.metadata.modelinput import NOTHING_SAID, input_spec, scores_output
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.outputs import activation
from edgecnn.tflite.reading import TfliteModel, read_model


def open_labelled(data: Any) -> Dataset:
    """Open data and check that it says what each image shows.

    Raises:
        InputError: It cannot be opened, is empty, or has no labels.
    """
    dataset = open_dataset(data)
    if not len(dataset):
        raise InputError(f"{quoted(data)} holds no images")
    if dataset.labels is None:
        raise InputError(
            f"{quoted(data)} has no labels: accuracy needs class folders, images/ with "
            "val_map.txt, or an .npz with x and y"
        )
    return dataset


def find_label_offset(
    outputs: int, dataset: Dataset, given: int | None = None, label: str = "the model"
) -> int:
    """Say which output stands for class 0: 1 where a background class comes first, else 0.

    Data with class names has that many classes. Otherwise only the highest label is known: then a
    model with ImageNet's 1,000 or 1,001 outputs is taken for one of ImageNet, and other models must
    have as many outputs as labels seen, or one more.

    Args:
        outputs: Class scores that the model gives.
        dataset: Labelled data.
        given: The user's own choice, which may be negative for labels that start at 1.
        label: The file's name for messages.

    Raises:
        InputError: The model's outputs do not fit the data's classes.
    """
    labels = dataset.labels or (0,)
    if given is not None:
        if min(labels) + given < 0 or max(labels) + given >= outputs:
            raise InputError(
                f"--label-offset {given} leads labels {min(labels)}..{max(labels)} out of the "
                f"outputs 0..{outputs - 1} of {label}"
            )
        return given
    exact = dataset.class_names is not None
    classes = len(dataset.class_names) if dataset.class_names is not None else max(labels) + 1
    if not exact and outputs in IMAGENET_OUTPUTS and classes <= IMAGENET_OUTPUTS[0]:
        classes = IMAGENET_OUTPUTS[0]
    if outputs - classes not in (0, 1):
        raise InputError(
            f"{label} has {outputs} outputs, the data {'' if exact else 'at least '}{classes} "
            "class(es): give data of the model's own classes, or say with --label-offset N that "
            "class 0 is output N"
        )
    return outputs - classes


class AccuracyTask:
    """A model and labelled data that fit each other, ready to be run.

    Args:
        model: The file's structure.
        dataset: What :func:`open_labelled` gave.
        preprocessing: What the user said of it.
        label_offset: The user's own choice, or None.
        label: The file's name for messages.
        images: Classify so many only, drawn evenly over the classes; all where None.
        labels: Names that the file has for its outputs.

    Raises:
        InputError: They do not fit.

    Example:
        >>> task = AccuracyTask(read_model(path), open_labelled("photos/"))
        >>> task.run(session).top1_percent
        71.8
    """

    def __init__(
        self,
        model: TfliteModel,
        dataset: Dataset,
        preprocessing: Preprocessing = NOTHING_SAID,
        label_offset: int | None = None,
        label: str = "the model",
        images: int | None = None,
        labels: tuple[str, ...] = (),
    ) -> None:
        self.dataset = dataset
        every = range(len(dataset))
        self.indices = every if images is None else sorted(sample(dataset, images))
        self._spec = input_spec(model, preprocessing, label)
        self._input = model.inputs[0]
        self._output = scores_output(model, label)
        self._offset = find_label_offset(self._output.elements, dataset, label_offset, label)
        self._labels = labels if len(labels) == self._output.elements else self._class_names()
        self._gives_probabilities = activation(model) is not None

    def run(
        self,
        session: RunnerSession,
        on_images: OnImages = lambda done, total: None,
        more: Runners | None = None,
        reference: Reference | None = None,
    ) -> Accuracy:
        """Classify every image; decoding goes on meanwhile.

        Args:
            session: A runner that has the model loaded.
            on_images: Told (images done, images in all).
            more: Where further runners come from.
            reference: Another model that is to classify the same images, if it did not yet.

        Raises:
            InputError: Not one image can be read.
        """
        model = self.placed(more)
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

    def placed(self, runners: Runners | None) -> Placed:
        """Return the model as it lies on a device."""
        return Placed(self._spec, self._input, self._output, self._offset, runners)

    def _class_names(self) -> tuple[str, ...]:
        """Return the data's names of its classes by output."""
        names = self.dataset.class_names or ()
        before = [BACKGROUND if self._offset == 1 else f"class {n}" for n in range(self._offset)]
        return (*before, *names[max(0, -self._offset) :]) if names else ()


@dataclass(frozen=True)
class Against:
    """A file that others are compared with on the same images.

    Args:
        path: Of the file.
        sha256: Of its content.
        task: What it is to classify.
    """

    path: Path
    sha256: str
    task: AccuracyTask

    @classmethod
    def open(
        cls,
        path: str | Path,
        dataset: Dataset,
        preprocessing: Preprocessing = NOTHING_SAID,
        label_offset: int | None = None,
        images: int | None = None,
    ) -> Against:
        """Read a file; arguments as of :class:`AccuracyTask`.

        Raises:
            InputError: It is no ``.tflite`` file, or it does not fit the data.
        """
        path = Path(path)
        task = AccuracyTask(
            read_model(path), dataset, preprocessing, label_offset, quoted(path), images
        )
        return cls(path, sha256_of(path), task)


class Reference:
    """That file on a device, where it classifies the images once, however many others there are.

    Args:
        against: The file.
        runners: Where its runners come from.
    """

    def __init__(self, against: Against, runners: Runners) -> None:
        self.against = against
        self.model = against.task.placed(runners)
        self.answers: Answers | None = None

    def may_join(self, other: Placed) -> bool:
        """Say whether it has still to classify, and takes the same cut of an image as another."""
        return self.answers is None and self.model.takes_the_cut_of(other)

    def beside(self, answers: Answers, offset: int, on_images: OnImages) -> OtherModel:
        """Compare a model with it.

        Args:
            answers: Of the model.
            offset: Its output of class 0.
            on_images: Told (images done, images in all) where this has still to classify.
        """
        if self.answers is None:
            task, runners = self.against.task, self.model.runners
            assert runners is not None
            images = (task.dataset, task.indices, [self.model])
            [self.answers] = classify_images(*images, most=runners.most, on_images=on_images)
        shift = self.model.offset - offset
        agreement = Agreement.of(answers, self.answers, shift)
        return OtherModel(
            str(self.against.path), self.against.sha256, agreement, self.answers, shift
        )

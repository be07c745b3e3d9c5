"""Which figures judge a model on labelled data: the one place that maps kinds to judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn.accuracy.kinds.detections import DetectionJudge
from edgecnn.accuracy.kinds.embeddings import EmbeddingJudge
from edgecnn.accuracy.kinds.images import ImageJudge
from edgecnn.accuracy.kinds.judge import OutputJudge
from edgecnn.accuracy.kinds.labels import LabelSetJudge, ProbabilityJudge
from edgecnn.accuracy.kinds.maps import MapJudge
from edgecnn.accuracy.kinds.numbers import NumberJudge
from edgecnn.accuracy.kinds.raw_heads import RawHeads
from edgecnn.accuracy.kinds.sequences import SequenceJudge
from edgecnn.accuracy.kinds.top_classes import ClassJudge
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.anchors import Anchors
from edgecnn.data.boxes import BoxTargets
from edgecnn.data.datasets import Dataset
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.masks import MaskFiles
from edgecnn.data.targets import ArrayTargets, TargetImages, Targets
from edgecnn.tflite.output_kinds import JudgedOutput, OutputKind
from edgecnn.tflite.output_outline import outline_of_file
from edgecnn.tflite.reading import TfliteModel

MASK_LAYOUTS = (
    "images with masks (VOC's or Cityscapes' layout, or images/ beside masks/), or arrays"
)

WANTED = {
    OutputKind.CLASSES: "class folders, a list of images with labels, or an .npz with labels",
    OutputKind.LABELS: "a table with a column of 0 and 1 for each label, or arrays",
    OutputKind.PROBABILITY: "two class folders, a table with a label of 0 or 1, or arrays",
    OutputKind.NUMBERS: "a table with a column for each number, or arrays",
    OutputKind.EMBEDDING: "class folders or a list of images with labels that repeat, or arrays",
    OutputKind.MAP: MASK_LAYOUTS,
    OutputKind.IMAGE: "inputs/ beside targets/ with images of the same names, or arrays",
    OutputKind.DETECTIONS: "images with boxes: COCO's annotations.json, or images/ beside labels/ "
    "with YOLO's texts",
    OutputKind.SEQUENCE: "arrays with the class of each step",
}
"""Kind of an output -> the labelled data that judge it."""

ROW_KINDS = (
    OutputKind.CLASSES,
    OutputKind.LABELS,
    OutputKind.PROBABILITY,
    OutputKind.NUMBERS,
    OutputKind.EMBEDDING,
)

TAKES: Mapping[type, tuple[OutputKind, ...]] = {
    MaskFiles: (OutputKind.MAP,),
    TargetImages: (OutputKind.IMAGE,),
    ArrayTargets: (*ROW_KINDS, OutputKind.MAP, OutputKind.IMAGE, OutputKind.SEQUENCE),
}
"""Kind of targets -> the kinds of outputs that they judge."""

CLASS_KINDS = (OutputKind.CLASSES, OutputKind.LABELS, OutputKind.UNKNOWN)
"""Kinds of outputs that one class for each image judges by the best class."""


@dataclass(frozen=True)
class LabelledOutputs:
    """The outputs of a model, and what is known for judging them.

    Args:
        model: Structure of the model's file.
        judged: The kind of each output.
        label: What messages call the model.
        spec: How images become the model's input; None where it takes none.
        offset: Output of class 0, as the user says; None where the user does not.
        labels: Labels of the first output; empty where they are not known.
        anchors: Anchors of a detector; None where the user names none.
    """

    model: TfliteModel
    judged: Sequence[JudgedOutput]
    label: str
    spec: InputSpec | None = None
    offset: int | None = None
    labels: tuple[str, ...] = ()
    anchors: Anchors | None = None

    def is_classifier(self) -> bool:
        """Return whether one class for each image judges the model by its best class."""
        kinds = {output.kind for output in self.judged}
        return len(kinds) == 1 and kinds <= set(CLASS_KINDS)

    def judge_of_classes(self, dataset: Dataset) -> tuple[OutputJudge, ...]:
        """Return what judges a model that is no classifier by one label for each image.

        Args:
            dataset: Data with a label for each image. Labels that are names judge no numbers, and
                of two names the second stands for a yes.

        Raises:
            InputError: Labels do not judge such a model.
        """
        kinds = [OutputKind.EMBEDDING, OutputKind.PROBABILITY]
        if dataset.states_indices:
            kinds.append(OutputKind.NUMBERS)
        fitting = [n for n, output in enumerate(self.judged) if output.kind in kinds]
        if len(fitting) != 1:
            raise self._misfit(f"{quoted(dataset.name)} has a class for each image")
        kind, names, reading = self.judged[fitting[0]].kind, dataset.class_names or (), ""
        if kind is OutputKind.PROBABILITY and len(names) == 2:
            reading = f"class {quoted(names[1])} was taken for a yes, {quoted(names[0])} for a no"
        labels = np.asarray(dataset.labels, np.int64)
        targets = ArrayTargets(f"the labels of {dataset.name}", labels, reading=reading)
        return (self.judge(fitting[0], kind, targets),)

    def judges_of(self, targets: Targets, data: str) -> tuple[OutputJudge, ...]:
        """Return what judges the only output that some targets fit.

        Args:
            targets: What is wanted.
            data: Name of the data.

        Raises:
            InputError: No output fits, or several do.
        """
        if isinstance(targets, BoxTargets):
            return (self._judge_of_boxes(targets, data),)
        fits = [n for n, each in enumerate(self.judged) if each.kind in TAKES[type(targets)]]
        fits = fits or [n for n in range(len(self.judged)) if self._may_be(n, targets) is not None]
        has = f"{quoted(data)} has {targets.what}"
        if not fits:
            raise self._misfit(has)
        if len(fits) > 1:
            names = ", ".join(quoted(self.judged[number].name) for number in fits)
            raise InputError(
                f"{has}, and {self.label} has several outputs that these may judge, {names}: give "
                "arrays that are called like the outputs"
            )
        kind = self.judged[fits[0]].kind
        kind = self._may_be(fits[0], targets) or kind if kind is OutputKind.UNKNOWN else kind
        return (self.judge(fits[0], kind, targets),)

    def judge(self, number: int, kind: OutputKind, targets: Targets) -> OutputJudge:
        """Return what judges one output.

        Args:
            number: Number of the output.
            kind: The kind of the output.
            targets: What is wanted.

        Raises:
            InputError: The targets do not fit the output.
        """
        output, gives = self.model.outputs[number], self.judged[number].gives_probabilities
        if isinstance(targets, MaskFiles) or (
            kind is OutputKind.MAP and isinstance(targets, ArrayTargets)
        ):
            classes = len(self.labels) or None if number == 0 else None
            return MapJudge(number, output, targets, gives, classes, self.offset or 0)
        if kind is OutputKind.IMAGE and isinstance(targets, (TargetImages, ArrayTargets)):
            outline = outline_of_file(self.model).outputs[number]
            return ImageJudge(number, output, targets, outline, self.spec)
        assert isinstance(targets, ArrayTargets)
        if number == 0:
            targets = in_order_of(self.labels, targets)
        if kind is OutputKind.CLASSES:
            return ClassJudge(number, output, targets, self.offset or 0)
        if kind is OutputKind.LABELS:
            return LabelSetJudge(number, output, targets, gives)
        if kind is OutputKind.PROBABILITY:
            return ProbabilityJudge(number, output, targets, gives)
        if kind is OutputKind.NUMBERS:
            return NumberJudge(number, output, targets)
        if kind is OutputKind.EMBEDDING:
            return EmbeddingJudge(number, output, targets)
        if kind is OutputKind.SEQUENCE:
            return SequenceJudge(number, output, targets)
        raise self._misfit(f"{quoted(targets.name)} is an array")

    def _judge_of_boxes(self, targets: BoxTargets, data: str) -> OutputJudge:
        """Return what judges all outputs of a detector together."""
        kinds, anchors = {output.kind for output in self.judged}, self.anchors
        # Scores that end in softmax are taken for a sequence where nothing tells of anchors.
        may_be = {OutputKind.DETECTIONS, OutputKind.UNKNOWN}
        may_be |= set() if anchors is None else {OutputKind.SEQUENCE}
        if not kinds <= may_be or self.spec is None:
            raise self._misfit(f"{quoted(data)} has {targets.what}")
        try:
            heads = None
            if anchors is not None:
                heads = RawHeads.of(self.model, self.judged, anchors, self.spec)
            return DetectionJudge(self.model, targets, self.spec, self.labels, self.offset, heads)
        except InputError as error:
            raise InputError(f"{self.label} cannot be judged by boxes: {error}") from error

    def kind_for(self, number: int, targets: ArrayTargets) -> OutputKind:
        """Return the kind of an output; of an unknown one that which an array tells.

        Raises:
            InputError: Neither the file nor the array tells it.
        """
        kind = self.judged[number].kind
        found = self._may_be(number, targets) if kind is OutputKind.UNKNOWN else kind
        if found is None:
            output = self.judged[number]
            raise InputError(
                f"it is not known what the output {quoted(output.name)} of {self.label} is "
                f"({output.because}): say it with --task {output.name}=KIND"
            )
        return found

    def _may_be(self, number: int, targets: Targets) -> OutputKind | None:
        """Return what an output of unknown kind must be if some targets judge it; None if none."""
        if self.judged[number].kind is not OutputKind.UNKNOWN:
            return None
        shape = self.model.outputs[number].shape
        if isinstance(targets, MaskFiles):
            return OutputKind.MAP if len(shape) in (3, 4) else None
        if isinstance(targets, TargetImages):
            return OutputKind.IMAGE if len(shape) == 4 and shape[-1] in (1, 3) else None
        if isinstance(targets, ArrayTargets):
            values, numbers = targets.values, int(np.prod(shape[1:]))
            if values.dtype.kind == "f" and int(np.prod(values.shape[1:])) == numbers:
                return OutputKind.NUMBERS
            is_index = values.dtype.kind in "iu" and values.ndim == 1
            return OutputKind.CLASSES if is_index and numbers > 1 and len(shape) == 2 else None
        return None

    def _misfit(self, has: str) -> InputError:
        """Return the refusal of data that judge none of the outputs."""
        output = self.judged[0]
        if len(self.judged) > 1:
            kinds = ", ".join(f"{quoted(each.name)}: {each.kind.value}" for each in self.judged)
            wanted = "give arrays that are called like the outputs, or say --task NAME=KIND"
            return InputError(f"{has}, and {self.label} has the outputs {kinds}: {wanted}")
        if output.kind is OutputKind.UNKNOWN:
            return InputError(
                f"{has}, and it is not known what the output of {self.label} is "
                f"({output.because}): say it with --task KIND"
            )
        wanted = WANTED.get(output.kind, "other data")
        return InputError(
            f"{has}, and the output of {self.label} is of the kind {output.kind.value} "
            f"({output.because}): give {wanted}"
        )


def in_order_of(labels: Sequence[str], targets: ArrayTargets) -> ArrayTargets:
    """Return the columns of targets in the order of a model's labels, if they have the same names.

    Args:
        labels: Labels of an output; empty where they are not known.
        targets: What is wanted.

    Example:
        >>> table = ArrayTargets("labels.csv", np.array([[0, 1]]), ("cat", "dog"))
        >>> in_order_of(("dog", "cat"), table).values.tolist()
        [[1, 0]]
    """
    columns = targets.columns
    if not columns or sorted(labels) != sorted(columns) or tuple(labels) == columns:
        return targets
    places = [columns.index(label) for label in labels]
    return replace(targets, values=targets.values[:, places], columns=tuple(labels))


def sets_of_words(dataset: Dataset, outputs: int) -> ArrayTargets | None:
    """Return names of several words, ``disc star``, as several labels where outputs say so.

    Args:
        dataset: Data with one name for each image.
        outputs: Number of a model's labels, each of which may be true.

    Returns:
        Which labels each image has; None where there are not as many different words as outputs, or
        as many names.
    """
    names = dataset.class_names or ()
    words = sorted({word for name in names for word in name.split()})
    if dataset.labels is None or len(words) != outputs or len(names) == outputs:
        return None
    has = np.array([[word in name.split() for word in words] for name in names], np.int64)
    several = next(name for name in names if " " in name)
    reading = f"names were split at spaces: {quoted(several)} is {len(several.split())} labels"
    values = has[np.asarray(dataset.labels)]
    return ArrayTargets(f"the labels of {dataset.name}", values, tuple(words), reading)

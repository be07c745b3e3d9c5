"""Accuracy of models whose outputs are no classes of images: samples run, and judged by kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.judge import KindAnswers, OutputJudge
from edgecnn.accuracy.kinds.result import (
    KindAccuracy,
    OtherKindModel,
    agreement_of,
    figures_of,
)
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.datasets import Dataset
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.loader import LoadedImage
from edgecnn.golden.calibration_images import CalibrationRecord
from edgecnn.measure.labelled_task import LabelledTask, ReferenceRun
from edgecnn.measure.parallel_classification import (
    IMAGES_PER_MESSAGE,
    DeployedModel,
    RunnerSource,
    image_tensors,
)
from edgecnn.model_metadata.input_tensors import to_scores
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.output_kinds import INDEX_TYPES
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

Array = npt.NDArray[Any]

MESSAGE_BYTES = 32 << 20
"""Bytes of a batch's outputs at most, unless one sample has more."""


@dataclass(frozen=True)
class JudgedSample:
    """A sample as a model takes it, with what is wanted of it.

    Args:
        inputs: An array for each input; pixels of the model's size for an image.
        targets: What each judge wants.
    """

    inputs: tuple[Array, ...]
    targets: tuple[Any, ...]


@dataclass(frozen=True)
class JudgedImages:
    """Images of a data set, each with what is wanted of it."""

    dataset: Dataset
    judges: tuple[OutputJudge, ...]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset)

    def cut(self, index: int, spec: Any) -> JudgedSample:
        """Return an image cut to a model's size, with what is wanted of it."""
        pixels = self.dataset.cut(index, spec)
        return JudgedSample((pixels,), tuple(j.target(index, spec) for j in self.judges))


@dataclass(frozen=True)
class JudgedArrays:
    """Samples that are an array for each input, each with what is wanted of it."""

    inputs: tuple[Array, ...]
    judges: tuple[OutputJudge, ...]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.inputs[0])

    def cut(self, index: int, spec: Any) -> JudgedSample:
        """Return a sample with what is wanted of it; nothing is cut."""
        inputs = tuple(np.asarray(array[index]) for array in self.inputs)
        return JudgedSample(inputs, tuple(judge.target(index, None) for judge in self.judges))


@dataclass(frozen=True)
class DeployedJudged(DeployedModel[KindAnswers]):
    """A model that lies on a device, and what judges its outputs.

    Args:
        spec: How images become the model's input; None where samples are arrays.
        model: Structure of the model's file.
        judges: What judges the outputs.
        keeps_answers: Whether answers are kept for a comparison with another model.
        runners: Source of runners; None where the only runner has the model loaded already.
        on_cut: Called with the images of each batch before the model is given them.
    """

    spec: InputSpec | None
    model: TfliteModel
    judges: tuple[OutputJudge, ...]
    keeps_answers: bool
    runners: RunnerSource | None
    on_cut: Callable[[Sequence[LoadedImage]], None] = lambda images: None

    @property
    def outputs(self) -> tuple[int, ...]:
        """Numbers of the outputs that are asked for."""
        return tuple(dict.fromkeys(n for judge in self.judges for n in judge.outputs))

    @property
    def most_per_message(self) -> int:  # type: ignore[override]
        """Samples of a batch at most, so that its outputs take bounded memory."""
        tensors = (self.model.outputs[number] for number in self.outputs)
        size = sum(8 * math.prod(tensor.shape) for tensor in tensors)
        return max(1, min(IMAGES_PER_MESSAGE, MESSAGE_BYTES // max(1, size)))

    @property
    def _places(self) -> tuple[int, ...]:
        """Numbers of the outputs of which the place of the greatest value is enough."""
        whole = {n for judge in self.judges if not judge.takes_places for n in judge.outputs}
        return tuple(number for number in self.outputs if number not in whole)

    def submit(self, session: RunnerSession, samples: Sequence[LoadedImage]) -> None:
        """Send a batch of samples, all of them readable."""
        inputs = [sample.image.inputs for sample in samples]
        tensors = self.model.inputs
        if self.spec is not None:
            cut = [replace(s, image=i[0]) for s, i in zip(samples, inputs, strict=True)]
            self.on_cut(cut)
            images, levels = image_tensors([each[0] for each in inputs], self.spec, tensors[0])
            session.submit_samples([images], self.outputs, self._places, levels)
            return
        arrays = [
            np.stack([each[place] for each in inputs]).reshape(len(inputs), *tensor.shape)
            for place, tensor in enumerate(tensors)
        ]
        session.submit_samples(arrays, self.outputs, self._places)

    def collect(self, session: RunnerSession, samples: Sequence[LoadedImage]) -> KindAnswers:
        """Wait for the answers to the earliest batch, and judge them.

        Args:
            session: The runner that the batch was submitted to.
            samples: The samples of that batch.
        """
        answered = session.collect_samples()
        values = {
            number: each if number in self._places else real_numbers(each, self._output(number))
            for number, each in zip(self.outputs, answered.values, strict=True)
        }
        rows, answers = [], []
        for place, sample in enumerate(samples):
            wanted = sample.image.targets
            given = [[values[n][place] for n in judge.outputs] for judge in self.judges]
            judged = zip(self.judges, given, wanted, strict=True)
            rows.append(tuple(judge.row(own, target) for judge, own, target in judged))
            if self.keeps_answers:
                pairs = zip(self.judges, given, strict=True)
                answers.append(tuple(judge.answer(own) for judge, own in pairs))
        indices = np.array([sample.index for sample in samples], np.int64)
        kept = tuple(answers) if self.keeps_answers else None
        return KindAnswers(indices, tuple(rows), kept, answered.finite)

    def joined(self, parts: Sequence[KindAnswers], unreadable: tuple[str, ...]) -> KindAnswers:
        """Return the answers to several batches as one, in the order of the data."""
        return KindAnswers.joined(parts, unreadable)

    def takes_the_cut_of(self, other: DeployedModel[Any]) -> bool:
        """Return whether the model takes the same samples, cut alike, and has such outputs."""
        if not isinstance(other, DeployedJudged) or self.spec is None or other.spec is None:
            return False
        shapes = [[m.model.outputs[n].shape for n in m.outputs] for m in (self, other)]
        readings = [[judge.reading for judge in m.judges] for m in (self, other)]
        is_alike = shapes[0] == shapes[1] and readings[0] == readings[1]
        return is_alike and self.spec.is_cut_like(other.spec)

    def _output(self, number: int) -> TensorInfo:
        return self.model.outputs[number]


class KindTask(LabelledTask[KindAnswers]):
    """A model whose outputs are judged by their kinds, and data that fit it.

    Args:
        model: Structure of the model's file.
        dataset: The data.
        judges: What judges the outputs.
        spec: How images become the model's input; None where samples are arrays.
        inputs: The samples for each input, where they are arrays; None where they are images.
        images: Samples to run, always the same ones; None runs all.
        calibration: The images that the file was made with; None where it does not say.
        is_compared: Whether the answers are compared with those of another model.
    """

    def __init__(
        self,
        model: TfliteModel,
        dataset: Dataset,
        judges: tuple[OutputJudge, ...],
        spec: InputSpec | None,
        inputs: tuple[Array, ...] | None = None,
        images: int | None = None,
        calibration: CalibrationRecord | None = None,
        is_compared: bool = False,
    ) -> None:
        super().__init__(dataset, images, None if spec is None else calibration)
        self.judges, self._spec = judges, spec
        self._model, self._is_compared = model, is_compared
        self.samples = (
            JudgedImages(dataset, judges) if inputs is None else JudgedArrays(inputs, judges)
        )

    def deployed(self, runners: RunnerSource | None) -> DeployedJudged:
        """Return the model as it lies on a device."""
        model = DeployedJudged(self._spec, self._model, self.judges, self._is_compared, runners)
        finder = self.finder
        if finder is not None and self._spec and finder.knows_the_cut_of(self._spec):
            return replace(model, on_cut=finder.look)
        return model

    def result(
        self, answers: KindAnswers, reference: ReferenceRun[KindAnswers] | None
    ) -> KindAccuracy:
        """Return the figures that follow from the answers."""
        return KindAccuracy(
            self.dataset,
            answers,
            self.judges,
            None if reference is None else self._beside(answers, reference),
            seen=self.seen(answers),
            geometry=None if self._spec is None else self._spec.geometry_text,
        )

    def _beside(self, answers: KindAnswers, reference: ReferenceRun[KindAnswers]) -> OtherKindModel:
        task, others = reference.task, reference.answers
        assert isinstance(task, KindTask)
        assert others is not None
        kinds = [[type(judge) for judge in each.judges] for each in (self, task)]
        shapes = [each.deployed(None) for each in (self, task)]
        sides = [[m.model.outputs[n].shape for n in m.outputs] for m in shapes]
        if kinds[0] != kinds[1] or sides[0] != sides[1]:
            raise InputError(
                f"the outputs have the shapes {sides[0]}, and those of {quoted(reference.path)} "
                f"{sides[1]}: --against compares files of the same outputs"
            )
        return OtherKindModel(
            reference.path,
            reference.sha256,
            figures_of(task.judges, others),
            agreement_of(self.judges, answers, others),
            reference.seen,
        )


def real_numbers(values: Array, output: TensorInfo) -> Array:
    """Return what the numbers of an output stand for; indices stay whole numbers.

    Args:
        values: Answers of the file, of the output's dtype.
        output: The output.
    """
    return values if output.dtype in INDEX_TYPES else to_scores(values, output)

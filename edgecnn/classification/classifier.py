"""What a ``.tflite`` file says of itself as a classifier of images: all that a program needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.file_calls import file_call
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import (
    NO_PREPROCESSING_GIVEN,
    image_input,
    input_spec,
    scale_of,
    scores_output,
    to_scores,
)
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions, ModelCall
from edgecnn.tflite.output_kinds import OutputKind, outputs_of_file, parse_tasks
from edgecnn.tflite.outputs import final_activation
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Classifier:
    """A file that takes one image and gives a score for each class.

    Args:
        file: Structure and metadata of the file.
        call: How the file is called.
        title: The model's name in its metadata, or the file's name.
        spec: How images become the file's input.
        labels: Name of each class, in the order of the output; empty where the file has none.

    Example:
        >>> read_classifier("mobilenet.tflite").label(286)
        'Egyptian cat'
    """

    file: DescribedFile
    call: ModelCall
    title: str
    spec: InputSpec
    labels: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.file.path

    @property
    def model(self) -> TfliteModel:
        """Structure of the graph that is called."""
        return self.call.model

    @property
    def input(self) -> TensorInfo:
        """The tensor that takes an image."""
        return image_input(self.model)

    @property
    def output(self) -> TensorInfo:
        """The tensor of scores."""
        return scores_output(self.model)

    @property
    def classes(self) -> int:
        """Number of scores."""
        return self.output.elements

    @property
    def gives_probabilities(self) -> bool:
        """Whether scores are between 0 and 1, by softmax or sigmoid; else they are logits."""
        return final_activation(self.model) is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the classes' names, one line each."""
        name = quoted(self.path)
        if not self.labels:
            return (
                f"{name} has no labels, so classes are shown by number: "
                "edgecnn metadata set --labels FILE puts them in",
            )
        if len(self.labels) != self.classes:
            return (
                f"{name} has {len(self.labels)} labels for {self.classes} classes: "
                "names may be those of other classes",
            )
        return ()

    @property
    def output_scale(self) -> tuple[float, int]:
        """(scale, zero point): a score is (output - zero point) x scale; (1, 0) for floats."""
        return scale_of(self.output)

    def label(self, index: int) -> str:
        """Return the name of a class, or ``"class 7"`` where the file has no name for it."""
        return self.labels[index] if index < len(self.labels) else f"class {index}"

    def scores(self, outputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the scores that outputs of the file stand for.

        Args:
            outputs: Answers of the file, any shape, of the output's dtype.
        """
        return to_scores(outputs, self.output)


def read_classifier(
    path: str | Path,
    preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN,
    options: CallOptions = NO_CALL_OPTIONS,
    task: str | None = None,
) -> Classifier:
    """Read what a file says of itself as a classifier.

    Args:
        path: A ``.tflite`` file.
        preprocessing: What the user said of the file's input.
        options: What the user said of how the file is to be called.
        task: What the user says of the output: ``"classes"`` or ``"labels"``; None for what the
            file says.

    Raises:
        InputError: The file is no ``.tflite`` file, broken, no classifier of images, nothing says
            that its output holds scores, or its normalisation is not known.

    Example:
        >>> read_classifier("mobilenet.tflite").spec.shape
        (224, 224, 3)
    """
    file = DescribedFile(path)
    return classifier_of(file, file_call(file, options), preprocessing, task)


def classifier_of(
    file: DescribedFile,
    call: ModelCall,
    preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN,
    task: str | None = None,
) -> Classifier:
    """Return a file that was read already as a classifier.

    Args:
        file: The file.
        call: How the file is called.
        preprocessing: As :func:`read_classifier`.
        task: As :func:`read_classifier`.

    Raises:
        InputError: As :func:`read_classifier`.
    """
    kind = parse_tasks([task])[""] if task else None
    spec = input_spec(call.model, preprocessing, file.label)
    output = scores_output(call.model, file.label, kind)
    judged = outputs_of_file(call.model, len(file.labels) if file.labels else None)[0]
    if kind is None and judged.kind is OutputKind.UNKNOWN and not file.labels:
        raise InputError(
            f"{file.label}: nothing says that its {output.elements:,} numbers are class scores: "
            "--task classes says so"
        )
    title = file.metadata.name if file.metadata and file.metadata.name else file.path.stem
    return Classifier(file, call, title, spec, file.labels or ())

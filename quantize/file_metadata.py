"""What a converted file's public metadata says, and its labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.accuracy.class_outputs import UnmatchedClassesError, find_class_outputs
from edgecnn.accuracy.output_labels import ModelOutputs
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.datasets import Dataset
from edgecnn.data.inputspec import InputSpec
from edgecnn.golden.sample import GOLDEN_DESCRIPTION, GOLDEN_FILE
from edgecnn.importing.input_format import ModelTensor
from edgecnn.model_metadata.labels import (
    LABEL_FILE,
    duplicate_warning,
    imagenet_labels,
    label_bytes,
)
from edgecnn.model_metadata.public_metadata import AssociatedFile, ModelMetadata, TensorMetadata
from edgecnn.model_metadata.taken_over import SourceMetadata
from edgecnn.model_metadata.user_metadata import About
from edgecnn.quantize.messages import SourceLoaded
from edgecnn.quantize.output_paths import OutputPlan
from edgecnn.quantize.request import CheckedRequest, Request
from edgecnn.tflite.output_kinds import (
    LABELLED_KINDS,
    NOUNS,
    SCORE_KINDS,
    JudgedOutput,
    OutputKind,
    what_it_gives,
)


@dataclass(frozen=True)
class Labels:
    """The labels of a model's classes.

    Args:
        names: A label for each class, None if there are none.
        source: Where the labels are from.
        warnings: What a user should know of the labels, one line each.
        are_packed: Whether they are among the source's packed files already.
    """

    names: tuple[str, ...] | None = None
    source: str | None = None
    warnings: tuple[str, ...] = ()
    are_packed: bool = False

    @property
    def files(self) -> dict[str, bytes]:
        """The label file that is packed behind the model: name -> content."""
        if self.names is None or self.are_packed:
            return {}
        return {LABEL_FILE: label_bytes(self.names)}


def choose_labels(
    checked: CheckedRequest,
    outputs: Sequence[ModelTensor],
    judged: Sequence[JudgedOutput],
    taken_over: SourceMetadata,
) -> Labels:
    """Find the labels of a model: the user's, its file's, those of its weights or of its images.

    Args:
        checked: What was asked for.
        outputs: The model's outputs.
        judged: What each output is.
        taken_over: What the source's own file says.

    Raises:
        InputError: The user gave another number of labels, or the model's answer has none.
    """
    request, data = checked.request, checked.data
    about = request.about
    if len(outputs) != 1 or judged[0].kind not in LABELLED_KINDS:
        if about.labels is not None:
            raise InputError(
                f"{about.labels_from} is for scores of names, and the model gives "
                f"{what_it_gives(judged)}: leave it out"
            )
        return Labels()
    classes = outputs[0].shape[-1]
    about.check_classes(classes)
    if about.labels is not None:
        duplicates = duplicate_warning(about.labels, about.labels_from)
        return Labels(about.labels, about.labels_from, (duplicates,) if duplicates else ())
    if taken_over.label_files:
        return Labels(taken_over.labels, f"those packed in {taken_over.label}", are_packed=True)
    if request.weights_origin == "imagenet" and (names := imagenet_labels(classes)):
        return Labels(names, "the built-in ImageNet names")
    tells_nothing = request.weights_origin == "random" or judged[0].kind is OutputKind.MAP
    if tells_nothing or data is None or data.class_names is None:
        return Labels()
    return _labels_of_images(data, len(data.class_names), classes)


def _labels_of_images(data: Dataset, names: int, classes: int) -> Labels:
    source = f"the class names of {quoted(data.name)}"
    try:
        found = find_class_outputs(ModelOutputs(classes), data)
    except UnmatchedClassesError as error:
        return Labels(warnings=(f"no labels: {error.reason}; --labels FILE gives them",))
    # Where one number leads from classes to outputs, classes without images have names, too.
    named = len(found.outputs) if found.offset is None else names + found.offset
    if named != classes:
        return Labels(
            warnings=(
                f"no labels: {source} are {names}, and the model has {classes} classes; "
                "--labels FILE gives them",
            )
        )
    doubts = () if found.advice is None else (f"labels: {found.evidence}: {found.advice}",)
    return Labels(found.labels, source, doubts)


def public_metadata(
    request: Request,
    about: About,
    plan: OutputPlan,
    spec: InputSpec | None,
    image_shape: tuple[int, int, int] | None,
    source: SourceLoaded,
    judged: Sequence[JudgedOutput],
    labels: Labels,
    *,
    has_golden: bool,
) -> ModelMetadata:
    """Return what a file's public metadata says.

    Args:
        request: What was asked for.
        about: What the user or the source's own file says of the model.
        plan: The file.
        spec: How pixels become the file's input; None if that is not known.
        image_shape: (height, width, channels) in pixels of the images that go in; None for other
            inputs.
        source: The model.
        judged: What each output of the model is.
        labels: Labels of the classes.
        has_golden: Whether a golden sample is packed behind the model.
    """
    outputs = list(zip(source.outputs, judged, strict=True))
    files = [AssociatedFile(name) for name in labels.files]
    if has_golden:
        files.append(AssociatedFile(GOLDEN_FILE, GOLDEN_DESCRIPTION))
    return ModelMetadata(
        name=request.stem,
        description=about.description or _description(request, plan, image_shape, outputs),
        version=about.version,
        author=about.author,
        license=about.license,
        inputs=tuple(map(_numbers, source.inputs))
        if image_shape is None
        else (_input(plan, spec, image_shape),),
        outputs=tuple(_output(tensor, each, labels) for tensor, each in outputs),
        files=tuple(files),
    )


def _description(
    request: Request,
    plan: OutputPlan,
    image_shape: tuple[int, int, int] | None,
    outputs: Sequence[tuple[ModelTensor, JudgedOutput]],
) -> str:
    what = {
        "random": f"{request.source.name} with random weights, for measuring",
        "imagenet": f"{request.source.name} with ImageNet weights",
    }.get(request.weights_origin, f"{request.stem}")
    answer = _answer(*outputs[0]) if len(outputs) == 1 else f"{len(outputs)} answers"
    origin = "an image" if image_shape is not None else "numbers"
    return f"{what}: {answer} from {origin}. Converted to {plan.scheme.name} by edgecnn."


def _answer(tensor: ModelTensor, judged: JudgedOutput) -> str:
    if judged.kind is OutputKind.CLASSES:
        return f"{max(tensor.shape)} class scores"
    return "an answer" if judged.kind is OutputKind.UNKNOWN else NOUNS[judged.kind]


def _numbers(tensor: ModelTensor) -> TensorMetadata:
    """Describe an input or an output of which nothing is known but its shape."""
    sides = " x ".join(map(str, tensor.shape))
    return TensorMetadata(name=tensor.name, description=f"Numbers ({tensor.dtype}), {sides}.")


def _input(plan: OutputPlan, spec: InputSpec | None, shape: tuple[int, int, int]) -> TensorMetadata:
    height, width, channels = shape
    color = {1: "GRAYSCALE", 3: "RGB"}.get(channels)
    what = f"Image of {height} x {width} pixels{f', {color}' if color else ''}."
    if spec is None:
        return TensorMetadata(name="image", description=what, color_space=color)
    mean, std = spec.mean[:1], spec.std[:1]
    low, high = (0.0, 255.0) if plan.input_type == "uint8" else spec.value_range
    how = (
        "Pixels go in as they are, 0 to 255."
        if plan.input_type == "uint8" or spec.is_raw
        else f"A pixel p, 0 to 255, goes in as (p - {mean[0]:g}) / {std[0]:g}."
    )
    if plan.input_type == "int8":
        how += " The input's scale and zero point make integers of that."
    return TensorMetadata(
        name="image",
        description=f"{what} {how}",
        mean=mean,
        std=std,
        color_space=color,
        minimum=(low,),
        maximum=(high,),
    )


def _output(tensor: ModelTensor, judged: JudgedOutput, labels: Labels) -> TensorMetadata:
    files = tuple(labels.files) if judged.kind in LABELLED_KINDS else ()
    if judged.kind not in (*SCORE_KINDS, OutputKind.PROBABILITY):
        described = _numbers(tensor)
        if judged.kind is not OutputKind.UNKNOWN:
            noun = NOUNS[judged.kind]
            text = f"{noun[0].upper()}{noun[1:]}. {described.description}"
            described = dataclasses.replace(described, description=text)
        return dataclasses.replace(described, label_files=files)
    count = max(tensor.shape)
    if not judged.gives_probabilities:
        text = f"{count} class scores."
        return TensorMetadata(name="score", description=text, label_files=files)
    text = {
        OutputKind.CLASSES: f"Probability of each class: {count} class scores from 0 to 1.",
        OutputKind.LABELS: f"Probability of each label: {count} scores from 0 to 1.",
        OutputKind.PROBABILITY: "Probability, from 0 to 1.",
    }[judged.kind]
    return TensorMetadata(
        name="probability", description=text, minimum=(0.0,), maximum=(1.0,), label_files=files
    )

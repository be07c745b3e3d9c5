"""What a converted file's public metadata says, and its labels."""

from __future__ import annotations

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


def choose_labels(checked: CheckedRequest, classes: int, taken_over: SourceMetadata) -> Labels:
    """Find the labels of a model: the user's, its file's, those of its weights or of its images.

    Args:
        checked: What was asked for.
        classes: Number of classes that the model scores; 0 where it has several answers.
        taken_over: What the source's own file says.

    Raises:
        InputError: The user gave another number of labels.
    """
    request, data = checked.request, checked.data
    about = request.about
    if not classes:
        if about.labels is not None:
            raise InputError(f"{about.labels_from} is for models with one output: leave it out")
        return Labels()
    about.check_classes(classes)
    if about.labels is not None:
        duplicates = duplicate_warning(about.labels, about.labels_from)
        return Labels(about.labels, about.labels_from, (duplicates,) if duplicates else ())
    if taken_over.label_files:
        return Labels(taken_over.labels, f"those packed in {taken_over.label}", are_packed=True)
    if request.weights_origin == "imagenet" and (names := imagenet_labels(classes)):
        return Labels(names, "the built-in ImageNet names")
    if request.weights_origin == "random" or data is None or data.class_names is None:
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
        labels: Labels of the classes.
        has_golden: Whether a golden sample is packed behind the model.
    """
    files = [AssociatedFile(name) for name in labels.files]
    if has_golden:
        files.append(AssociatedFile(GOLDEN_FILE, GOLDEN_DESCRIPTION))
    return ModelMetadata(
        name=request.stem,
        description=about.description or _description(request, plan, image_shape, source.outputs),
        version=about.version,
        author=about.author,
        license=about.license,
        inputs=tuple(map(_numbers, source.inputs))
        if image_shape is None
        else (_input(plan, spec, image_shape),),
        outputs=_outputs(source, labels),
        files=tuple(files),
    )


def _description(
    request: Request,
    plan: OutputPlan,
    image_shape: tuple[int, int, int] | None,
    outputs: Sequence[ModelTensor],
) -> str:
    what = {
        "random": f"{request.source.name} with random weights, for measuring",
        "imagenet": f"{request.source.name} with ImageNet weights",
    }.get(request.weights_origin, f"{request.stem}")
    answer = _count(outputs[0].shape[1:]) if len(outputs) == 1 else f"{len(outputs)} answers"
    origin = "an image" if image_shape is not None else "numbers"
    return f"{what}: {answer} from {origin}. Converted to {plan.scheme.name} by edgecnn."


def _count(output: tuple[int, ...]) -> str:
    sides = [side for side in output if side != 1]
    return f"{sides[0]} class scores" if len(sides) == 1 else "an answer"


def _numbers(tensor: ModelTensor) -> TensorMetadata:
    """Describe an input or an output of which nothing is known but its shape."""
    sides = " x ".join(map(str, tensor.shape))
    return TensorMetadata(name=tensor.name, description=f"Numbers ({tensor.dtype}), {sides}.")


def _outputs(source: SourceLoaded, labels: Labels) -> tuple[TensorMetadata, ...]:
    if len(source.outputs) != 1:
        return tuple(map(_numbers, source.outputs))
    return (_output(source.outputs[0].shape[1:], labels, source.ends_in_softmax),)


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


def _output(shape: tuple[int, ...], labels: Labels, ends_in_softmax: bool | None) -> TensorMetadata:
    if ends_in_softmax:
        text = f"Probability of each class: {_count(shape)} from 0 to 1."
        tensor = TensorMetadata(
            name="probability", description=text, minimum=(0.0,), maximum=(1.0,)
        )
    else:
        tensor = TensorMetadata(name="score", description=f"{_count(shape).capitalize()}.")
    return TensorMetadata(**{**vars(tensor), "label_files": tuple(labels.files)})

"""How a file is judged on labelled data: by the best class of images, or by its outputs' kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgecnn.accuracy.kinds.fitting import LabelledOutputs, sets_of_words
from edgecnn.accuracy.kinds.judge import OutputJudge
from edgecnn.accuracy.kinds.table_columns import judges_of_table
from edgecnn.accuracy.output_labels import NO_LABELS, OutputLabels, labels_for
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.anchors import Anchors
from edgecnn.data.arrays import find_arrays
from edgecnn.data.boxes import BoxTargets
from edgecnn.data.datasets import Dataset
from edgecnn.data.image_files import ImageFiles
from edgecnn.data.labelled_arrays import LabelledArrays
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.data.tables import LabelTable
from edgecnn.data.targets import Targets
from edgecnn.golden.calibration_images import calibration_record
from edgecnn.measure.accuracy import AccuracyTask
from edgecnn.measure.kind_accuracy import Array, KindTask
from edgecnn.measure.labelled_task import LabelledTask
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import (
    NO_PREPROCESSING_GIVEN,
    image_input,
    input_spec,
    to_integers,
)
from edgecnn.tflite.output_kinds import OutputKind, outputs_of_file
from edgecnn.tflite.output_outline import input_names
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo, has_image_shape


@dataclass(frozen=True)
class JudgingOptions:
    """What a user says of how files are judged on labelled data.

    Args:
        preprocessing: How images become input, for files that do not say it.
        label_offset: Output of class 0; None finds it.
        images: Samples to run, drawn evenly over the classes; None runs all.
        labels: Labels of the outputs, as the user has them.
        tasks: Name of an output, empty for the only one -> its kind.
        is_compared: Whether the answers are compared with those of another file.
        columns: Name of an output, empty for the only one -> the columns of a table that judge it.
        anchors: Anchors of detectors with raw outputs; None where the user names none.
    """

    preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN
    label_offset: int | None = None
    images: int | None = None
    labels: OutputLabels = NO_LABELS
    tasks: Mapping[str, OutputKind] = field(default_factory=dict)
    is_compared: bool = False
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    anchors: Anchors | None = None


def find_task(
    file: DescribedFile, model: TfliteModel, dataset: Dataset, options: JudgingOptions, label: str
) -> LabelledTask[Any]:
    """Return how a file is judged on some data.

    Args:
        file: The file.
        model: Structure of the graph that is called.
        dataset: Labelled data.
        options: What the user says.
        label: What messages call the file.

    Raises:
        InputError: The file and the data do not fit.
    """
    _refuse_idle_options(dataset, options)
    labels = labels_for(file, options.labels)
    known = len(labels.names) or None
    judged = outputs_of_file(model, known, options.tasks)
    arrays = _arrays(model, dataset)
    if arrays is not None:
        outputs = LabelledOutputs(model, judged, label, None, options.label_offset, labels.names)
        judges = _judges_of_arrays(outputs, arrays)
        inputs = _inputs(arrays, model)
        return KindTask(
            model, arrays, judges, None, inputs, options.images, None, options.is_compared
        )
    has_columns = options.columns or len(judged) > 1
    if isinstance(dataset, ImageFiles) and dataset.table is not None and has_columns:
        # Each output is judged by columns of its own.
        dataset = replace(dataset, targets=dataset.table)
    targets = dataset.targets
    if targets is None and [each.kind for each in judged] == [OutputKind.LABELS]:
        targets = sets_of_words(dataset, model.outputs[0].elements)
    is_class = dataset.labels is not None and (targets is None or dataset.targets is not None)
    may_be_class = is_class and not isinstance(targets, LabelTable)
    if may_be_class and LabelledOutputs(model, judged, label).is_classifier():
        return AccuracyTask(
            model, dataset, options.preprocessing, options.label_offset, label, options.images,
            labels, calibration_record(file),
        )  # fmt: skip
    spec = input_spec(model, options.preprocessing, label)
    outputs = LabelledOutputs(
        model, judged, label, spec, options.label_offset, labels.names, options.anchors
    )
    judges = _judges_of_images(outputs, dataset, targets, options)
    return KindTask(
        model, dataset, judges, spec, None, options.images, calibration_record(file),
        options.is_compared,
    )  # fmt: skip


def _judges_of_images(
    outputs: LabelledOutputs, dataset: Dataset, targets: Targets | None, options: JudgingOptions
) -> tuple[OutputJudge, ...]:
    """Return what judges the outputs by what is wanted for each image."""
    if isinstance(targets, LabelTable):
        return judges_of_table(outputs, targets, options.columns)
    if targets is not None:
        return outputs.judges_of(targets, dataset.name)
    return outputs.judge_of_classes(dataset)


def _refuse_idle_options(dataset: Dataset, options: JudgingOptions) -> None:
    """Raise InputError for options that say how to read what the data do not have."""
    has_table = isinstance(dataset, ImageFiles) and dataset.table is not None
    if options.columns and not has_table:
        raise InputError(
            f"--columns goes with a table of images and at least two columns beside the files', "
            f"and {quoted(dataset.name)} is none"
        )
    if options.anchors is not None and not isinstance(dataset.targets, BoxTargets):
        raise InputError(
            f"--anchors goes with data that have boxes, and {quoted(dataset.name)} has none"
        )


def _arrays(model: TfliteModel, dataset: Dataset) -> LabelledArrays | None:
    """Return the data as arrays, one for each input; None where they are images for the model.

    Raises:
        InputError: The model takes no image, and the data are nothing else, or the other way round.
    """
    if isinstance(dataset, LabelledArrays):
        names = {*input_names(model), *(tensor.name for tensor in model.inputs)}
        if _takes_image(model) and not names & set(dataset.arrays.headers):
            raise dataset.no_images
        return dataset
    if _takes_image(model):
        return None
    arrays = find_arrays(dataset.name)
    if arrays is None:
        shapes = first_few(f"{quoted(each.name)} {each.shape}" for each in model.inputs)
        raise InputError(
            f"the model takes no image ({shapes}): give --data an .npz or a folder of .npy with an "
            "array for each input and one of labels"
        )
    return LabelledArrays(dataset.name, arrays)


def _takes_image(model: TfliteModel) -> bool:
    try:
        return has_image_shape(image_input(model).shape)
    except InputError:
        return False


def _judges_of_arrays(outputs: LabelledOutputs, arrays: LabelledArrays) -> tuple[OutputJudge, ...]:
    """Return what judges each output for which there is an array."""
    judges = []
    for number, output in enumerate(outputs.judged):
        targets = arrays.wanted(output.name, only=len(outputs.judged) == 1)
        if targets is not None:
            judges.append(outputs.judge(number, outputs.kind_for(number, targets), targets))
    if not judges:
        names = first_few(quoted(output.name) for output in outputs.judged)
        raise InputError(
            f"{quoted(arrays.name)} has no array of what is wanted: call it like the output, "
            f"{names}" + (", or labels" if len(outputs.judged) == 1 else "")
        )
    return tuple(judges)


def _inputs(arrays: LabelledArrays, model: TfliteModel) -> tuple[Array, ...]:
    """Return the samples for each input, in the order and the types of the inputs."""
    only = len(model.inputs) == 1
    return tuple(
        _samples(arrays, arrays.name_for((name, tensor.name), only=only), tensor)
        for name, tensor in zip(input_names(model), model.inputs, strict=True)
    )


def _samples(arrays: LabelledArrays, name: str, tensor: TensorInfo) -> Array:
    """Return the samples for an input, in its type.

    Floats for a quantised input of integers become integers by its own scale, so that one file of
    arrays serves float and integer files alike.
    """
    shape = tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape
    dtype = arrays.arrays.headers[name].dtype
    if not tensor.scale or dtype is None or dtype.kind != "f":
        return arrays.samples(name, shape, tensor.dtype)
    return to_integers(arrays.samples(name, shape, "float32"), tensor)

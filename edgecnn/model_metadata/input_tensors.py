"""From an image to what a ``.tflite`` file takes, and from what it gives to scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_few
from edgecnn.data.geometry import KERAS_LOADER, MEDIAPIPE_TASKS
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset
from edgecnn.data.preprocessing import Preprocessing, unknown_preprocessing
from edgecnn.model_metadata.described_file import parse_tree
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.tflite.calls import open_shapes_text, shape_text
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.output_kinds import (
    SCORE_KINDS,
    OutputKind,
    outputs_of_file,
    what_it_gives,
)
from edgecnn.tflite.output_outline import input_names
from edgecnn.tflite.outputs import takes_image
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

NO_PREPROCESSING_GIVEN = Preprocessing()
"""What stands for a user who says nothing of a model's preprocessing."""


def input_spec(
    model: TfliteModel,
    preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN,
    label: str = "the model",
) -> InputSpec:
    """Say how images become a model's input.

    What edgecnn wrote into the file comes first. Without that, a uint8 input takes pixels as they
    are, and for other inputs the user's word comes before the file's public metadata, and these
    before what the quantisation of an int8 input says by itself.

    None of these tells the geometry: where the user does not either, the whole image is stretched
    as MediaPipe does it, which takes files with metadata and uint8 inputs. A float or int8 file
    without metadata is nothing for MediaPipe, and gets images as Keras loads them.

    Args:
        model: The file's structure.
        preprocessing: What the user said of the preprocessing.
        label: The file's name for messages.

    Raises:
        InputError: The model takes no single image, its normalisation is not known, or the user's
            geometry contradicts what edgecnn wrote into the file.

    Example:
        >>> input_spec(read_model("quantised.tflite")).is_raw
        True
    """
    tensor = image_input(model, label)
    height, width, channels = tensor.shape[1:]
    if (spec := stated_spec(model)) is not None:
        if spec.shape != (height, width, channels):
            raise InputError(
                f"{label} contradicts itself: its input is {tensor.shape}, its metadata says "
                f"{spec.shape}"
            )
        preprocessing.check_geometry(spec, label)
        return spec
    if tensor.dtype == "uint8":
        raw = preset("raw", height, width, channels)
        return preprocessing.placed(raw.with_geometry(MEDIAPIPE_TASKS))
    given = preprocessing.spec(height, width, channels)
    described = given or _described_spec(model, (height, width, channels), label)
    if described is None and (by_itself := quantised_preset(tensor)) is not None:
        described = preset(by_itself, height, width, channels)
    if described is None:
        raise unknown_preprocessing(label) if takes_image(model) else _no_image(tensor, label)
    is_for_mediapipe = METADATA_BUFFER in model.metadata
    geometry = MEDIAPIPE_TASKS if is_for_mediapipe else KERAS_LOADER
    return preprocessing.placed(described.with_geometry(geometry))


def _no_image(tensor: TensorInfo, label: str) -> InputError:
    return InputError(
        f"{label} takes no image, by the shape of its input {shape_text(tensor)}: if it does take "
        f"one, --preprocess {'|'.join(PREPROCESSING)} says how pixels become that"
    )


def stated_spec(model: TfliteModel) -> InputSpec | None:
    """Return what edgecnn wrote into a file of its input; None where it wrote nothing.

    Raises:
        InputError: What is written there is no description of an input.

    Example:
        >>> stated_spec(read_model("mobilenet_v2_int8.tflite")).mean
        (127.5, 127.5, 127.5)
    """
    values = (model.edgecnn or {}).get("input")
    return InputSpec.from_dict(values) if values else None


def quantised_preset(tensor: TensorInfo) -> str | None:
    """Return the custom of normalising pixels that an int8 input's own quantisation states.

    Scale and zero point give the range of real values that the input takes. Where it is, within a
    step at each end, the range of ``tf``, ``unit`` or ``raw``, the input takes pixels normalised
    so; any other range, such as that of audio features, says nothing of pixels.

    Args:
        tensor: An input that takes images.

    Returns:
        Name of the custom; None where the quantisation states none, and for other types.

    Example:
        >>> quantised_preset(read_model("vww_96_int8.tflite").inputs[0])
        'unit'
    """
    if tensor.dtype != "int8" or len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
        return None
    (scale,), (zero_point,) = tensor.scale, tensor.zero_point
    ends = [scale * (integer - zero_point) for integer in (INT8.least, INT8.largest)]
    for name in PREPROCESSING:
        spec = preset(name, 1, 1)
        pairs = zip(ends, spec.value_range, strict=True)
        if spec.is_uniform and all(abs(end - wanted) <= scale for end, wanted in pairs):
            return name
    return None


def image_input(model: TfliteModel, label: str = "the model") -> TensorInfo:
    """Return the only input of a model, which takes one image.

    Raises:
        InputError: The model has several inputs, its input takes no image, by shape or dtype, or
            its shape is open.
    """
    opened = [tensor for tensor in model.inputs if tensor.is_open]
    if opened:
        raise InputError(open_shapes_text(opened, label))
    shapes = [tensor.shape for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] != 1:
        pairs = zip(input_names(model), model.inputs, strict=True)
        taken = first_few([f"{name} {shape_text(tensor)}" for name, tensor in pairs])
        raise InputError(
            f"{label} takes {taken}, and no image alone: give each input its array (an image goes "
            "into a single input of 1 x height x width x channels)"
        )
    tensor = model.inputs[0]
    if tensor.dtype not in ("float32", "uint8", "int8"):
        raise InputError(f"{label}: images can't be fed to an input of dtype {tensor.dtype}")
    if tensor.dtype == "int8" and not tensor.scale:
        raise InputError(f"{label}: its int8 input has no scale, so images can't be fed to it")
    return tensor


def scores_output(
    model: TfliteModel, label: str = "the model", task: OutputKind | None = None
) -> TensorInfo:
    """Return the only output of a model, which holds a score for each of several names.

    An output of which nothing says what it is counts as scores: labelled data, or the user, say so.

    Args:
        model: The file's structure.
        label: The file's name for messages.
        task: What the user says of the output; None for what the file says.

    Raises:
        InputError: The model has several outputs, or its output is no row of scores: a single
            number, a map, or an embedding.
    """
    outputs = outputs_of_file(model)
    if len(outputs) != 1:
        raise InputError(f"{label} is no classifier: it gives {what_it_gives(outputs)}")
    kind, output = task or outputs[0].kind, model.outputs[0]
    if kind not in (*SCORE_KINDS, OutputKind.UNKNOWN):
        raise InputError(f"{label} is no classifier: it gives {what_it_gives(outputs)}")
    if output.elements < 2 or max(output.shape, default=1) != output.elements:
        raise InputError(
            f"{label} is no classifier: its output {shape_text(output)} is no row of class scores"
        )
    return output


def _described_spec(
    model: TfliteModel, shape: tuple[int, int, int], label: str
) -> InputSpec | None:
    """Return what the public metadata says, which tells nothing of the way to cut an image."""
    if METADATA_BUFFER not in model.metadata:
        return None
    try:
        tree = parse_tree(model.metadata[METADATA_BUFFER])
        described = next(iter(ModelMetadata.from_tree(tree).inputs), None)
        if described is None or described.mean is None or described.std is None:
            return None
        return custom(described.mean, described.std, *shape)
    except (InputError, ValueError) as error:
        raise InputError(f"{label}: its metadata cannot be used: {error}") from error


def to_tensor(
    image: npt.NDArray[np.uint8], spec: InputSpec, tensor: TensorInfo
) -> npt.NDArray[Any]:
    """Turn an image of the model's size into what its input takes.

    Args:
        image: uint8, shape (height, width, channels), RGB or grey.
        spec: The model's normalisation.
        tensor: The model's input: float32 takes normalised values, uint8 the pixels as they are,
            int8 normalised values in its own quantisation.

    Returns:
        The image, shape (height, width, channels), of the input's dtype.
    """
    if tensor.dtype == "uint8":
        return image
    normalized = spec.normalize(image)
    if tensor.dtype == "float32":
        return normalized
    return to_integers(normalized, tensor)


def to_integers(values: npt.NDArray[Any], tensor: TensorInfo) -> npt.NDArray[Any]:
    """Return the integers by which a quantised input takes real numbers, clipped to its type.

    Args:
        values: Real numbers, float32.
        tensor: The input, which has a scale.
    """
    scale, zero_point = scale_of(tensor)
    ends = np.iinfo(tensor.dtype)
    levels = np.round(values / np.float32(scale)) + zero_point
    integers: npt.NDArray[Any] = np.clip(levels, ends.min, ends.max).astype(tensor.dtype)
    return integers


def to_levels(spec: InputSpec, tensor: TensorInfo) -> npt.NDArray[Any] | None:
    """Return what :func:`to_tensor` makes of each level of a pixel, where channels are alike.

    Args:
        spec: The model's normalisation.
        tensor: The model's input.

    Returns:
        Values of shape (256,), of the input's dtype; None for an input that takes pixels as they
        are, and where the normalisation is not the same for all channels.

    Example:
        >>> to_levels(preset("tf", 224, 224), read_model("float32.tflite").inputs[0])[[0, 255]]
        array([-1.,  1.], dtype=float32)
    """
    if tensor.dtype == "uint8" or not spec.is_uniform:
        return None
    levels = np.arange(256, dtype=np.uint8).repeat(spec.channels).reshape(256, 1, spec.channels)
    return np.ascontiguousarray(to_tensor(levels, spec, tensor)[:, 0, 0])


def to_scores(outputs: npt.NDArray[Any], tensor: TensorInfo) -> npt.NDArray[np.float64]:
    """Return the scores that outputs of a file stand for.

    Args:
        outputs: Answers of the file, any shape, of the output's dtype.
        tensor: The file's output; a quantised one has a scale and a zero point.

    Example:
        >>> to_scores(np.array([255], np.uint8), read_model("quantised.tflite").outputs[0])
        array([0.99609375])
    """
    scale, zero_point = scale_of(tensor)
    scores: npt.NDArray[np.float64] = (outputs.astype(np.float64) - zero_point) * scale
    return scores


def scale_of(tensor: TensorInfo) -> tuple[float, int]:
    """Return (scale, zero point) of a tensor; (1, 0) where it is not quantised."""
    return (tensor.scale[0], tensor.zero_point[0]) if tensor.scale else (1.0, 0)

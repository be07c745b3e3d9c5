"""A model's inputs and outputs: type, shape, quantisation, and what an input wants of a pixel."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from edgecnn.core.errors import InputError
from edgecnn.data.geometry import Geometry
from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.model_metadata.input_tensors import quantised_preset, stated_spec
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.tflite.output_kinds import JudgedOutput
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

OWN_METADATA = "edgecnn's metadata"
PUBLIC_METADATA = "TFLite metadata"
QUANTISATION = "the input's quantisation"


@dataclass(frozen=True)
class Normalization:
    """Normalisation of an input: a pixel ``p`` (0..255) becomes ``(p - mean) / std``, by channel.

    Args:
        mean: One mean, or one for each channel, in units of a pixel (0..255).
        std: One deviation, or one for each channel, in units of a pixel.
        color_order: ``"RGB"``, ``"BGR"``, ``"GRAY"``, or None where it is not known.
        source: What describes the input so, such as ``"TFLite metadata"``.
        resize: ``"stretch"``, ``"crop"`` or ``"pad"``; None where the file does not say how images
            come to the input's size.
        crop_fraction: Share of the image's sides that a crop keeps; None likewise.
        interpolation: The filter; None likewise.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    color_order: str | None
    source: str
    resize: str | None = None
    crop_fraction: float | None = None
    interpolation: str | None = None

    @property
    def geometry(self) -> Geometry | None:
        """How images come to the input's size; None where the file does not say it."""
        if self.resize is None or self.crop_fraction is None or self.interpolation is None:
            return None
        return Geometry(self.resize, self.crop_fraction, self.interpolation)


@dataclass(frozen=True)
class IoTensor:
    """One input or output.

    Args:
        name: Name of the tensor in the file.
        dtype: Type of the tensor's values.
        shape: Shape with the batch first; None where the file does not state it.
        shape_signature: The shape with -1 for each open side; empty if no side is open.
        scale: One scale, or one for each channel; empty if the tensor is not quantised.
        zero_point: The integer that stands for 0, one for each scale.
        bytes: Size of the tensor's values; None where the file does not state the shape.
        normalization: Normalisation of an image input; None where it is not known, and for outputs.
        kind: What an output is: a word of ``--task``, or ``"unknown"``; None for inputs.
        because: What says that an output is of its kind; None for inputs.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] | None
    shape_signature: tuple[int, ...]
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    bytes: int | None
    normalization: Normalization | None = None
    kind: str | None = None
    because: str | None = None


def is_image(tensor: TensorInfo) -> bool:
    """Say whether an input takes one or more colour or grey images."""
    return len(tensor.shape) == 4 and tensor.shape[3] in (1, 3)


def normalization(
    model: TfliteModel, metadata: ModelMetadata | None, place: int = 0
) -> Normalization | None:
    """Find what an image input wants of a pixel; None where nothing says it.

    What edgecnn wrote comes first, then the public metadata, then the quantisation of a uint8 or
    int8 input, as far as its scale and zero point say it by themselves.

    Args:
        model: The file's structure.
        metadata: The file's public metadata; None if it has none.
        place: Index of the input.

    Example:
        >>> normalization(read_model("mobilenet_v2_int8.tflite"), None).mean
        (127.5, 127.5, 127.5)
    """
    tensor = model.inputs[place]
    if not is_image(tensor):
        return None
    own = own_spec(model) if place == 0 else None
    if own is not None and own.channels == tensor.shape[3]:
        geometry = asdict(own.geometry)
        return Normalization(own.mean, own.std, own.color_order, OWN_METADATA, **geometry)
    return described_normalization(metadata, place) or quantised_normalization(tensor)


def own_spec(model: TfliteModel) -> InputSpec | None:
    """Return what edgecnn's own metadata say of the input; None where they say nothing usable."""
    try:
        return stated_spec(model)
    except InputError:
        return None


def described_normalization(metadata: ModelMetadata | None, place: int = 0) -> Normalization | None:
    """Return what the public metadata say of an input."""
    inputs = metadata.inputs if metadata else ()
    tensor = inputs[place] if place < len(inputs) else TensorMetadata()
    if not tensor.mean or not tensor.std or not _usable(tensor.mean, tensor.std):
        return None
    order = {"GRAYSCALE": "GRAY"}.get(tensor.color_space or "", tensor.color_space)
    return Normalization(tensor.mean, tensor.std, order, PUBLIC_METADATA)


def quantised_normalization(tensor: TensorInfo) -> Normalization | None:
    """Return what an 8-bit input's scale and zero point say of a pixel; None where they don't.

    A uint8 input takes pixels as they are, so its scale says what they stand for. An int8 input's
    scale says it only where its range is that of a custom of the field.
    """
    custom = quantised_preset(tensor)
    if custom is not None:
        spec = preset(custom, *tensor.shape[1:])
        return Normalization(spec.mean[:1], spec.std[:1], None, QUANTISATION)
    if tensor.dtype != "uint8" or len(tensor.scale) != 1 or not tensor.zero_point:
        return None
    scale = tensor.scale[0]
    if not math.isfinite(scale) or scale <= 0:
        return None
    return Normalization((float(tensor.zero_point[0]),), (1 / scale,), None, QUANTISATION)


def _usable(mean: tuple[float, ...], std: tuple[float, ...]) -> bool:
    return all(map(math.isfinite, (*mean, *std))) and all(value > 0 for value in std)


def describe_io_tensor(
    tensor: TensorInfo,
    size: int,
    normalization: Normalization | None = None,
    judged: JudgedOutput | None = None,
) -> IoTensor:
    """Return what is shown of an input or output.

    Args:
        tensor: The input or output.
        size: Bytes of the tensor's values.
        normalization: Normalisation of an image input; None where it is not known.
        judged: What an output is; None for inputs.
    """
    is_open = min(tensor.shape_signature, default=0) < 0
    return IoTensor(
        name=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape if tensor.states_shape else None,
        shape_signature=tensor.shape_signature if is_open else (),
        scale=tensor.scale,
        zero_point=tensor.zero_point,
        bytes=size if tensor.states_shape else None,
        normalization=normalization,
        kind=judged.kind.value if judged else None,
        because=judged.because if judged else None,
    )

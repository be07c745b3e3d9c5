"""For microcontrollers: a file as a C array, and a program in C++ for TensorFlow Lite Micro."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.text import size_text
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import input_spec, scale_of, to_levels
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.small_targets.micro import arena_bytes
from edgecnn.small_targets.op_lists import MICRO_METHODS
from edgecnn.snippets.program_values import fill_sections
from edgecnn.snippets.quoting import c_literal, comment_text
from edgecnn.tflite.calls import shape_text
from edgecnn.tflite.memory import activation_bytes
from edgecnn.tflite.numbers import numbers_of
from edgecnn.tflite.reading import METADATA_NAME, TfliteModel
from edgecnn.tflite.structure import TensorInfo
from edgecnn.tflite.writing import with_metadata_buffers

BYTES_A_LINE = 16
FEW_LABELS = 20
"""Most labels that stand in the program: a microcontroller has little room for texts."""

C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "float32": "float"}
"""Element type of an end -> its type in C."""

ARENA_STEP = 1024
ROOM_FOR_STRUCTURES = 32 * 1024
"""Bytes beside the activations where the arena is not measured: for tensors, ops and kernels."""

NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")


def c_array(file: DescribedFile, preprocessing: Preprocessing) -> str:
    """Return a file as a header with an array of its bytes, for C and C++.

    The metadata and the packed files stay out, as a microcontroller reads neither.

    Args:
        file: Any ``.tflite`` file.
        preprocessing: Not used, as the bytes are what they are.
    """
    del preprocessing
    content = bare_model(file)
    name = c_name(file.path)
    lines = (
        "  " + " ".join(f"0x{byte:02x}," for byte in content[at : at + BYTES_A_LINE])
        for at in range(0, len(content), BYTES_A_LINE)
    )
    return fill_sections(
        "c_array",
        set(),
        {
            "FILE": comment_text(file.path.name),
            "NAME": name,
            "LENGTH": str(len(content)),
            "DIGEST": hashlib.sha256(content).hexdigest(),
            "BYTES": "\n".join(lines),
        },
    )


def bare_model(file: DescribedFile) -> bytes:
    """Return a file's model alone, without metadata and packed files."""
    return with_metadata_buffers(file.content, {METADATA_BUFFER: None, METADATA_NAME: None})


def c_name(path: Path) -> str:
    """Return the name of a file's array.

    Example:
        >>> c_name(Path("8-bit net.tflite"))
        'model_8_bit_net'
    """
    return f"model_{NO_IDENTIFIER.sub('_', path.stem)}"


def micro_program(file: DescribedFile, preprocessing: Preprocessing) -> str:
    """Return a program in C++ that runs a file on a microcontroller.

    Args:
        file: A file of one input and one output, of ops that TensorFlow Lite Micro has.
        preprocessing: What the user said of the input, for a file that does not say it.

    Raises:
        InputError: The file has several inputs or outputs, open shapes, or ops or types of numbers
            that TensorFlow Lite Micro or the program does not take.
    """
    model, label = file.model, file.label
    source, result = _end(model.inputs, "input", label), _end(model.outputs, "output", label)
    kinds = list(dict.fromkeys(op.name for op in model.operators))
    unknown = [kind for kind in kinds if kind not in MICRO_METHODS]
    if unknown:
        raise InputError(f"{label}: TensorFlow Lite Micro has no op {', '.join(unknown)}")
    spec = _spec(model, preprocessing, label)
    labels = file.labels or ()
    has_labels = len(labels) == result.elements and len(labels) <= FEW_LABELS
    room, said = _arena(file.path, model)
    header = f"{c_name(file.path)}.h"
    return fill_sections(
        "tflm",
        {
            "image" if spec is not None else "numbers",
            "labels" if has_labels else "unnamed",
            "float_in" if source.dtype == "float32" else "integers_in",
        },
        {
            "FILE": comment_text(file.path.name),
            "HEADER": header,
            "NAME": c_name(file.path),
            "ARENA": str(room),
            "ARENA_SAID": said,
            "METHODS": "\n".join(
                f"  CHECK(resolver.Add{MICRO_METHODS[kind]}());" for kind in kinds
            ),
            "METHOD_COUNT": str(len(kinds)),
            "INPUT_TYPE": C_TYPES[source.dtype],
            "INPUT_SHAPE": shape_text(source),
            "INPUTS": str(source.elements),
            "INPUT_SAID": _said(source),
            "INPUT": "\n".join(_input_lines(source, spec)),
            "IMAGE": "" if spec is None else _image_said(spec),
            "OUTPUT_TYPE": C_TYPES[result.dtype],
            "OUTPUTS": str(result.elements),
            "OUTPUT_SAID": _said(result),
            "SCORE": _score(result),
            "LABELS": ", ".join(map(c_literal, labels)) if has_labels else "",
        },
    )


def _end(tensors: tuple[TensorInfo, ...], what: str, label: str) -> TensorInfo:
    if len(tensors) != 1:
        raise InputError(
            f"{label} has {len(tensors)} {what}s, and the program is for files with one: see "
            "MicroInterpreter::input and output"
        )
    (tensor,) = tensors
    if tensor.open_sides or tensor.dtype not in C_TYPES:
        raise InputError(
            f"{label}: a microcontroller wants an {what} of fixed shape in int8, uint8 or float32, "
            f"not {shape_text(tensor)} {tensor.dtype}"
        )
    return tensor


def _spec(model: TfliteModel, preprocessing: Preprocessing, label: str) -> InputSpec | None:
    """Return how pixels become the input; None where nothing says that it takes an image."""
    try:
        return input_spec(model, preprocessing, label)
    except InputError:
        if preprocessing.gives_normalization:
            raise
        return None


def _arena(path: Path, model: TfliteModel) -> tuple[int, str]:
    """Return the bytes of the arena, in whole KiB, and where the number is from."""
    measured = arena_bytes(path, model)
    if measured is not None:
        room = math.ceil(measured / ARENA_STEP) * ARENA_STEP
        return room, (
            f"{size_text(measured)} as tflite-micro measured it on a 64-bit desktop; pointers of "
            "32 bits take a little less"
        )
    activations = activation_bytes(model) or 0
    room = math.ceil((activations + ROOM_FOR_STRUCTURES) / ARENA_STEP) * ARENA_STEP
    return room, (
        "estimated, as tflite-micro was not installed: MicroInterpreter::arena_used_bytes() tells "
        "what is used"
    )


def _said(tensor: TensorInfo) -> str:
    if tensor.dtype == "float32":
        return "numbers as they are"
    scale, zero_point = scale_of(tensor)
    return f"value = {scale:.9g} * (integer - {zero_point})"


def _image_said(spec: InputSpec) -> str:
    channels = {1: "grey", 3: "RGB"}.get(spec.channels, f"{spec.channels} channels")
    return f"{spec.height} x {spec.width} pixels, {channels}, {spec.geometry_text}"


def _input_lines(tensor: TensorInfo, spec: InputSpec | None) -> Iterator[str]:
    """Yield the lines that make the input's numbers of a pixel or of a number."""
    place = "i"
    if spec is None:
        yield "    const float value = values[i];"
    else:
        levels = to_levels(spec, tensor)
        if tensor.dtype == "uint8":
            yield "    input[i] = pixels[i];"
            return
        if levels is not None and np.array_equal(levels, np.arange(256) - 128):
            yield "    input[i] = static_cast<int8_t>(pixels[i] - 128);"
            return
        if spec.color_order == "BGR":
            place = "i / 3 * 3 + (2 - i % 3)"
        mean, std = ("{" + ", ".join(f"{v!r}f" for v in vs) + "}" for vs in (spec.mean, spec.std))
        channel = f"i % {len(spec.mean)}"
        yield f"    static constexpr float kMean[] = {mean}, kDeviation[] = {std};"
        yield (
            f"    const float value = (pixels[{place}] - kMean[{channel}]) / kDeviation[{channel}];"
        )
    if tensor.dtype == "float32":
        yield "    input[i] = value;"
        return
    scale, zero_point = scale_of(tensor)
    bounds = numbers_of(tensor.dtype)
    yield f"    const long level = lroundf(value / {scale:.9g}f) + ({zero_point});"
    yield (
        f"    input[i] = static_cast<{C_TYPES[tensor.dtype]}>(level < {bounds.least} ? "
        f"{bounds.least} : level > {bounds.largest} ? {bounds.largest} : level);"
    )


def _score(tensor: TensorInfo) -> str:
    if tensor.dtype == "float32":
        return "output[i]"
    scale, zero_point = scale_of(tensor)
    return f"{scale:.9g}f * (output[i] - ({zero_point}))"

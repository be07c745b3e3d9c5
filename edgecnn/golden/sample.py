"""The golden sample as it is packed into a file: JSON that says inputs, answers and provenance."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.json_text import json_value
from edgecnn.data.inputspec import InputSpec
from edgecnn.golden.patterns import GENERATOR
from edgecnn.model_metadata.calibration_digests import CalibrationDigests

GOLDEN_FILE = "edgecnn_golden.json"
"""Name of the file that is packed behind the model and holds the golden sample."""

GOLDEN_DESCRIPTION = (
    "Test images, what the model answered to them, and how the file was made (a golden sample). "
    "It is for tests: an app does not need it."
)
"""What the public metadata says of the golden sample's file."""

FORMAT = 1

CALIBRATED_ON = "calibrated_on"
"""Key of the digests of the images that a file was made with."""

MAX_SAMPLE_BYTES = 4 << 20
"""Most bytes of a golden sample's file that is read."""

MAX_GOLDEN_ANSWERS = 16

MAX_VALUES = 256
"""How many scores of an answer are kept, the best ones, which take 2 kB. All others are lower."""

INPUT_DTYPES = ("float32", "uint8", "int8")
"""Element types that the input of a file with a golden sample has; its answers are kept as real
numbers, whatever the type of its output."""

SCORE_DTYPE, CLASS_DTYPE = np.dtype("<f4"), np.dtype("<u4")

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GoldenAnswer:
    """A model's answer to a picture when its file was made.

    Args:
        pattern: Pattern of the picture, as ``patterns.draw_picture`` takes it.
        seed: Seed of the picture, as ``patterns.draw_picture`` takes it.
        input_sha256: SHA-256 of the bytes of the input tensor.
        output_sha256: SHA-256 of the bytes of the whole answer.
        classes: The best classes, the best first; of two with equal scores the lower one first.
        values: Scores of the best classes, float32.
    """

    pattern: str
    seed: int
    input_sha256: str
    output_sha256: str
    classes: npt.NDArray[np.int64]
    values: Scores

    @property
    def top1(self) -> int:
        """The best class."""
        return int(self.classes[0])


@dataclass(frozen=True)
class GoldenSample:
    """Pictures by name, what the model answered, and where the file is from.

    Args:
        spec: How a picture becomes a float input, or an int8 one by its scale and zero point; a
            uint8 input takes it as it is.
        input_dtype: ``"float32"``, ``"uint8"`` or ``"int8"``.
        elements: Number of scores of an answer.
        answers: One answer for each picture.
        made: ``runtime``, ``runtime_version``, ``threads`` and ``architecture`` with which the
            answers were made.
        provenance: What the file was made from and how, as plain values.
        calibrated_on: The images that the file was made with; None where there were none, or where
            an older edgecnn made the file.
    """

    spec: InputSpec
    input_dtype: str
    elements: int
    answers: tuple[GoldenAnswer, ...]
    made: dict[str, Any]
    provenance: dict[str, Any]
    calibrated_on: CalibrationDigests | None = None

    def to_bytes(self) -> bytes:
        """Return the packed file: the same sample gives the same bytes."""
        value = {
            "format": FORMAT,
            "generator": GENERATOR,
            "input": {"dtype": self.input_dtype, **_described(self.spec)},
            "output": {"dtype": "float32", "elements": self.elements},
            "samples": [_to_dict(answer) for answer in self.answers],
            "made": self.made,
            "provenance": self.provenance,
        }
        if self.calibrated_on is not None:
            value[CALIBRATED_ON] = self.calibrated_on.to_dict()
        return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def read_sample(content: bytes, label: str) -> GoldenSample:
    """Read a packed golden sample.

    Args:
        content: Content of the packed file.
        label: The model's name for messages.

    Raises:
        InputError: The sample is broken, too large, or of an unknown format or generator.
    """
    if len(content) > MAX_SAMPLE_BYTES:
        raise InputError(f"the golden sample of {label} is larger than any real one")
    try:
        value = json_value(content)
        if value["format"] != FORMAT or value["generator"] != GENERATOR:
            raise InputError(
                f"the golden sample of {label} is of format {value['format']!r} with "
                f"{value['generator']!r}, and this edgecnn knows {FORMAT} with {GENERATOR!r}: "
                "use the edgecnn that made it, or a newer one"
            )
        return _parsed(value)
    except _BROKEN as error:
        raise InputError(
            f"the golden sample of {label} is broken ({_reason(error)}): convert the model again"
        ) from error


_BROKEN = (ValueError, TypeError, LookupError, AttributeError, zlib.error)
"""Errors that broken content raises; those of binascii and json are ValueErrors."""


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return str(error)


def _described(spec: InputSpec) -> dict[str, Any]:
    """Return what makes a picture into a tensor, without the way to cut a photograph."""
    return {
        "height": spec.height,
        "width": spec.width,
        "mean": list(spec.mean),
        "std": list(spec.std),
        "color_order": spec.color_order,
    }


def _to_dict(answer: GoldenAnswer) -> dict[str, Any]:
    return {
        "pattern": answer.pattern,
        "seed": answer.seed,
        "input_sha256": answer.input_sha256,
        "output_sha256": answer.output_sha256,
        "classes": pack_numbers(answer.classes, CLASS_DTYPE),
        "values": pack_numbers(answer.values, SCORE_DTYPE),
    }


def _parsed(value: Mapping[str, Any]) -> GoldenSample:
    described, output, samples = value["input"], value["output"], value["samples"]
    elements = _whole(output["elements"], 1)
    if output["dtype"] != "float32" or described["dtype"] not in INPUT_DTYPES:
        raise ValueError(f"dtypes {described['dtype']!r} and {output['dtype']!r}")
    if not 1 <= len(samples) <= MAX_GOLDEN_ANSWERS:
        raise ValueError(f"it has {len(samples)} samples")
    if not (isinstance(value["made"], dict) and isinstance(value["provenance"], dict)):
        raise ValueError("it does not say how it was made")
    return GoldenSample(
        spec=_spec(described),
        input_dtype=described["dtype"],
        elements=elements,
        answers=tuple(_answer(sample, elements) for sample in samples),
        made=value["made"],
        provenance=value["provenance"],
        calibrated_on=CalibrationDigests.from_dict(value[CALIBRATED_ON])
        if CALIBRATED_ON in value
        else None,
    )


def _spec(described: Mapping[str, Any]) -> InputSpec:
    try:
        return InputSpec.from_dict(described)
    except InputError as error:
        raise ValueError(str(error)) from error


def _answer(sample: Mapping[str, Any], elements: int) -> GoldenAnswer:
    count = min(elements, MAX_VALUES)
    classes = unpack_numbers(sample["classes"], count, CLASS_DTYPE).astype(np.int64)
    values = unpack_numbers(sample["values"], count, SCORE_DTYPE).astype(np.float32)
    if len(set(classes.tolist())) != count or classes.max() >= elements:
        raise ValueError("its classes are not those of an answer")
    if not np.isfinite(values).all() or (np.diff(values) > 0).any():
        raise ValueError("its scores are not those of an answer")
    return GoldenAnswer(
        pattern=_text(sample["pattern"]),
        seed=_whole(sample["seed"], 0),
        input_sha256=_text(sample["input_sha256"]),
        output_sha256=_text(sample["output_sha256"]),
        classes=classes,
        values=values,
    )


def _whole(value: Any, least: int, most: int = 2**53) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{value!r} where a whole number from {least} on is needed")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} where a text is needed")
    return value


def best_classes(values: Scores) -> npt.NDArray[np.int64]:
    """Return the best classes of an answer, at most ``MAX_VALUES``, in ``GoldenAnswer``'s order.

    Example:
        >>> best_classes(np.float32([0.1, 0.7, 0.1]))
        array([1, 0, 2])
    """
    return np.argsort(-values, kind="stable")[:MAX_VALUES]


def pack_numbers(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> str:
    """Return numbers as text: base64 of zlib of their bytes, first the lowest byte of each.

    The highest bytes are similar, so that they pack smaller together.

    Args:
        values: Numbers, one-dimensional.
        dtype: Type as which the numbers are packed, little-endian.

    Example:
        >>> unpack_numbers(pack_numbers(np.float32([0.75, 0.25]), SCORE_DTYPE), 2, SCORE_DTYPE)
        array([0.75, 0.25], dtype=float32)
    """
    planes = values.astype(dtype).reshape(-1, 1).view(np.uint8).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode()


def unpack_numbers(text: str, count: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the numbers of a text that :func:`pack_numbers` gave.

    Args:
        text: The packed numbers.
        count: How many numbers there must be; no more are unpacked.
        dtype: Type as which the numbers were packed.

    Raises:
        ValueError: The text is broken, or holds another number of values.
    """
    size = count * dtype.itemsize
    content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    if len(content) != size:
        count_found = "more" if len(content) > size else len(content) // dtype.itemsize
        raise ValueError(f"an answer has {count_found} values where {count} are needed")
    planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, count)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(-1)


def sha256_of_array(values: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes, each value little-endian, in row-major order."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(np.ascontiguousarray(little).tobytes()).hexdigest()

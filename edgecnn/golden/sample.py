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
from edgecnn.data.inputspec import InputSpec
from edgecnn.golden.patterns import GENERATOR

GOLDEN_FILE = "edgecnn_golden.json"
"""Name of the packed file."""

GOLDEN_DESCRIPTION = (
    "Test images, what the model answered to them, and how the file was made (a golden sample). "
    "It is for tests: an app does not need it."
)
"""What the public metadata says of the packed file."""

FORMAT = 1

MAX_BYTES = 4 << 20
"""Of the packed file."""

MAX_GOLDEN_ANSWERS = 16

MAX_VALUES = 256
"""Scores of one answer that are kept, the best: 2 kB. All others are known to be lower."""

FLOATS, CLASSES = np.dtype("<f4"), np.dtype("<u4")

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GoldenAnswer:
    """What a model answered to one picture when its file was made.

    Args:
        pattern: Of the picture.
        seed: Of the picture.
        input_sha256: Of the bytes of the input tensor.
        output_sha256: Of the bytes of the whole answer.
        classes: The best classes, best first; of equal scores the lower one.
        values: Their scores, float32.
    """

    pattern: str
    seed: int
    input_sha256: str
    output_sha256: str
    classes: npt.NDArray[np.int64]
    values: Values

    @property
    def top1(self) -> int:
        """The best class."""
        return int(self.classes[0])


@dataclass(frozen=True)
class GoldenSample:
    """Pictures by name, what the model answered, and where the file is from.

    Args:
        spec: How a picture becomes a float input; a uint8 input takes it as it is.
        input_dtype: ``"float32"`` or ``"uint8"``.
        elements: Scores of an answer.
        answers: One a picture.
        made: By which ``runtime``, ``runtime_version``, ``threads`` and ``architecture``.
        provenance: What the file was made from and how, as plain values.
    """

    spec: InputSpec
    input_dtype: str
    elements: int
    answers: tuple[GoldenAnswer, ...]
    made: dict[str, Any]
    provenance: dict[str, Any]

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
        return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def read_sample(content: bytes, label: str) -> GoldenSample:
    """Read a packed golden sample.

    Args:
        content: Of the packed file.
        label: The model's name for messages.

    Raises:
        InputError: It is broken, too large, or of a format or generator that is not known.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"the golden sample of {label} is larger than any real one")
    try:
        value = json.loads(content)
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


_BROKEN = (ValueError, TypeError, LookupError, AttributeError, RecursionError, zlib.error)
"""What wrong content raises; binascii's and json's errors are ValueErrors."""


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


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
        "classes": pack(answer.classes, CLASSES),
        "values": pack(answer.values, FLOATS),
    }


def _parsed(value: Mapping[str, Any]) -> GoldenSample:
    described, output, samples = value["input"], value["output"], value["samples"]
    elements = _whole(output["elements"], 1)
    if output["dtype"] != "float32" or described["dtype"] not in ("float32", "uint8"):
        raise ValueError(f"dtypes {described['dtype']!r} and {output['dtype']!r}")
    if not 1 <= len(samples) <= MAX_GOLDEN_ANSWERS:
        raise ValueError(f"it has {len(samples)} samples")
    if not (isinstance(value["made"], dict) and isinstance(value["provenance"], dict)):
        raise ValueError("it does not say how it was made")
    return GoldenSample(
        spec=_spec(described),
        input_dtype=described["dtype"],
        elements=elements,
        answers=tuple(_answer(one, elements) for one in samples),
        made=value["made"],
        provenance=value["provenance"],
    )


def _spec(described: Mapping[str, Any]) -> InputSpec:
    try:
        return InputSpec.from_dict(described)
    except InputError as error:
        raise ValueError(str(error)) from error


def _answer(one: Mapping[str, Any], elements: int) -> GoldenAnswer:
    count = min(elements, MAX_VALUES)
    classes = unpack(one["classes"], count, CLASSES).astype(np.int64)
    values = unpack(one["values"], count, FLOATS).astype(np.float32)
    if len(set(classes.tolist())) != count or classes.max() >= elements:
        raise ValueError("its classes are not those of an answer")
    if not np.isfinite(values).all() or (np.diff(values) > 0).any():
        raise ValueError("its scores are not those of an answer")
    return GoldenAnswer(
        pattern=_text(one["pattern"]),
        seed=_whole(one["seed"], 0),
        input_sha256=_text(one["input_sha256"]),
        output_sha256=_text(one["output_sha256"]),
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


def best(values: Values) -> npt.NDArray[np.int64]:
    """Return the best classes of an answer, as many as are kept; of equal scores the lower one.

    Example:
        >>> best(np.float32([0.1, 0.7, 0.1]))
        array([1, 0, 2])
    """
    return np.argsort(-values, kind="stable")[:MAX_VALUES]


def pack(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> str:
    """Return numbers as text: base64 of zlib of their bytes, first the lowest byte of each.

    The highest bytes are similar, so that they pack smaller together.

    Args:
        values: One-dimensional.
        dtype: As which they are packed, little-endian.

    Example:
        >>> unpack(pack(np.float32([0.75, 0.25]), FLOATS), 2, FLOATS)
        array([0.75, 0.25], dtype=float32)
    """
    planes = values.astype(dtype).reshape(-1, 1).view(np.uint8).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode()


def unpack(text: str, count: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the numbers of a text that :func:`pack` gave.

    Args:
        text: Of it.
        count: How many there must be; no more is unpacked.
        dtype: As which they were packed.

    Raises:
        ValueError: It is broken, or holds another number of values.
    """
    size = count * dtype.itemsize
    content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    if len(content) != size:
        found = "more" if len(content) > size else len(content) // dtype.itemsize
        raise ValueError(f"an answer has {found} values where {count} are needed")
    planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, count)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(-1)


def sha256_of_array(values: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes, little-endian, in order."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(np.ascontiguousarray(little).tobytes()).hexdigest()

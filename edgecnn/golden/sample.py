"""The golden sample as it is packed into a file: JSON that says inputs, answers and provenance.

Format 1 holds one picture a call and one row of scores. All else is of format 2.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.json_text import json_value
from edgecnn.golden.drawn_arrays import ARRAYS_GENERATOR
from edgecnn.golden.inputs import (
    MAX_ENDS,
    GoldenInput,
    PictureInput,
    generator_of,
    parse_input,
)
from edgecnn.golden.packed_numbers import pack_numbers, unpack_numbers
from edgecnn.golden.patterns import GENERATOR
from edgecnn.model_metadata.calibration_digests import CalibrationDigests

GOLDEN_FILE = "edgecnn_golden.json"
"""Name of the file that is packed behind the model and holds the golden sample."""

GOLDEN_DESCRIPTION = (
    "Test inputs, what the model answered to them, and how the file was made (a golden sample). "
    "It is for tests: an app does not need it."
)
"""What the public metadata says of the golden sample's file."""

ONE_PICTURE, ANY_ENDS = 1, 2
"""Formats: of a picture and a row of scores, and of any inputs and outputs."""

GOLDEN_FORMATS = ((ONE_PICTURE, GENERATOR), (ANY_ENDS, GENERATOR), (ANY_ENDS, ARRAYS_GENERATOR))
"""Each format that is read, with the algorithms that draw its inputs."""

CALIBRATED_ON = "calibrated_on"
"""Key of the digests of the images that a file was made with."""

MAX_SAMPLE_BYTES = 4 << 20
"""Most bytes of a golden sample's file that is read."""

MAX_GOLDEN_CALLS = 16

MAX_VALUES = 256
"""How many numbers of an output are kept at most, which take 2 kB a call."""

MAX_VALUES_OF_ALL = 1024
"""How many numbers of all outputs together are kept, where each of many outputs has fewer."""

FEWEST_VALUES = 16
"""How many numbers of each of many outputs are kept at least."""

MOST_NUMBERS = 2**53

SCORE_DTYPE, CLASS_DTYPE = np.dtype("<f4"), np.dtype("<u4")

Scores = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GoldenOutput:
    """An output of a model, and which of its numbers are kept.

    Args:
        name: Name of the output; empty in a sample of format 1, which does not say it.
        elements: Number of numbers of an answer.
        keeps_best: Whether the greatest numbers are kept, as of a row of scores: all others are
            lower. Otherwise numbers from all over the output are.
        kept: How many numbers are kept.
    """

    name: str
    elements: int
    keeps_best: bool
    kept: int

    @classmethod
    def of(cls, name: str, elements: int, outputs: int, *, keeps_best: bool) -> GoldenOutput:
        """Return an output with the number of numbers that are kept of it.

        Args:
            name: Name of the output.
            elements: Number of numbers of an answer.
            outputs: How many outputs the model has.
            keeps_best: Whether the greatest numbers are kept.
        """
        most = min(MAX_VALUES, max(FEWEST_VALUES, MAX_VALUES_OF_ALL // outputs))
        return cls(name, elements, keeps_best, min(elements, most))

    def places(self, values: Scores) -> Places:
        """Return the places of the numbers of an answer that are kept.

        Args:
            values: The whole answer, in one row.

        Returns:
            Of the best, the best first; of two equal ones the lower place first.
        """
        return best_places(values, self.kept) if self.keeps_best else self.spread_places

    @property
    def spread_places(self) -> Places:
        """Places all over the output, each in its own part, and no column of a table left out."""
        number = np.arange(self.kept, dtype=np.int64)
        step = self.elements // self.kept
        return number * self.elements // self.kept + number * 7919 % step


@dataclass(frozen=True)
class GoldenAnswer:
    """What an output answered in one call when its file was made.

    Args:
        output_sha256: SHA-256 of the bytes of the whole answer.
        places: Places of the numbers that are kept: classes, in a row of scores.
        values: The numbers at these places, float32.
    """

    output_sha256: str
    places: Places
    values: Scores

    @property
    def top1(self) -> int:
        """The best class of an output of which the best are kept."""
        return int(self.places[0])


@dataclass(frozen=True)
class GoldenCall:
    """One call of a model when its file was made.

    Args:
        pattern: Pattern of what went in, as ``inputs.tensors_of_call`` takes it.
        seed: Seed of what went in.
        inputs_sha256: SHA-256 of the bytes of each input's tensor.
        answers: What each output answered.
    """

    pattern: str
    seed: int
    inputs_sha256: tuple[str, ...]
    answers: tuple[GoldenAnswer, ...]


@dataclass(frozen=True)
class GoldenSample:
    """Drawn inputs by name, what the model answered, and where the file is from.

    Args:
        inputs: What goes into each input, in the file's order.
        outputs: The outputs, in the file's order.
        calls: The calls, each with other inputs.
        made: ``runtime``, ``runtime_version``, ``threads`` and ``architecture`` with which the
            answers were made.
        provenance: What the file was made from and how, as plain values.
        calibrated_on: The images that the file was made with; None where there were none, or where
            an older edgecnn made the file.
    """

    inputs: tuple[GoldenInput, ...]
    outputs: tuple[GoldenOutput, ...]
    calls: tuple[GoldenCall, ...]
    made: dict[str, Any]
    provenance: dict[str, Any]
    calibrated_on: CalibrationDigests | None = None

    @property
    def is_of_one_picture(self) -> bool:
        """Whether a picture goes in and one row of scores comes out."""
        takes_picture = len(self.inputs) == 1 and isinstance(self.inputs[0], PictureInput)
        return takes_picture and [output.keeps_best for output in self.outputs] == [True]

    def largest(self, output: int) -> float:
        """Return the largest number that is kept of an output, without its sign."""
        return max(float(np.abs(call.answers[output].values).max()) for call in self.calls)

    def to_bytes(self) -> bytes:
        """Return the packed file: the same sample gives the same bytes."""
        is_one = self.is_of_one_picture
        value = {
            "format": ONE_PICTURE if is_one else ANY_ENDS,
            "generator": generator_of(self.inputs),
            **(self._one_picture() if is_one else self._any_ends()),
            "made": self.made,
            "provenance": self.provenance,
        }
        if self.calibrated_on is not None:
            value[CALIBRATED_ON] = self.calibrated_on.to_dict()
        return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()

    def _one_picture(self) -> dict[str, Any]:
        return {
            "input": self.inputs[0].to_dict(),
            "output": {"dtype": "float32", "elements": self.outputs[0].elements},
            "samples": [
                {
                    "pattern": call.pattern,
                    "seed": call.seed,
                    "input_sha256": call.inputs_sha256[0],
                    "output_sha256": call.answers[0].output_sha256,
                    "classes": pack_numbers(call.answers[0].places, CLASS_DTYPE),
                    "values": pack_numbers(call.answers[0].values, SCORE_DTYPE),
                }
                for call in self.calls
            ],
        }

    def _any_ends(self) -> dict[str, Any]:
        return {
            "inputs": [each.to_dict() for each in self.inputs],
            "outputs": [
                {
                    "name": output.name,
                    "dtype": "float32",
                    "elements": output.elements,
                    "kept": BEST if output.keeps_best else SPREAD,
                }
                for output in self.outputs
            ],
            "samples": [
                {
                    "pattern": call.pattern,
                    "seed": call.seed,
                    "inputs_sha256": list(call.inputs_sha256),
                    "answers": [
                        _answer_to_dict(answer, output)
                        for answer, output in zip(call.answers, self.outputs, strict=True)
                    ],
                }
                for call in self.calls
            ],
        }


BEST, SPREAD = "best", "spread"
"""Which numbers of an output are kept: the greatest, or some from all over it."""


def _answer_to_dict(answer: GoldenAnswer, output: GoldenOutput) -> dict[str, Any]:
    packed = {
        "output_sha256": answer.output_sha256,
        "values": pack_numbers(answer.values, SCORE_DTYPE),
    }
    if output.keeps_best:
        packed["classes"] = pack_numbers(answer.places, CLASS_DTYPE)
    return packed


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
        if (value["format"], value["generator"]) not in GOLDEN_FORMATS:
            known = " or ".join(f"{number} with {name!r}" for number, name in GOLDEN_FORMATS)
            raise InputError(
                f"the golden sample of {label} is of format {value['format']!r} with "
                f"{value['generator']!r}, and this edgecnn knows {known}: "
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


def _parsed(value: Mapping[str, Any]) -> GoldenSample:
    is_one = value["format"] == ONE_PICTURE
    described = [value["input"]] if is_one else _some(value["inputs"], MAX_ENDS, "inputs")
    told = [value["output"]] if is_one else _some(value["outputs"], MAX_ENDS, "outputs")
    outputs = tuple(_output(each, len(told), is_one=is_one) for each in told)
    samples = _some(value["samples"], MAX_GOLDEN_CALLS, "samples")
    if not (isinstance(value["made"], dict) and isinstance(value["provenance"], dict)):
        raise ValueError("it does not say how it was made")
    inputs = tuple(map(parse_input, described))
    if (is_one and not isinstance(inputs[0], PictureInput)) or (
        len({type(each) for each in inputs}) > 1 or generator_of(inputs) != value["generator"]
    ):
        raise ValueError("its inputs are not those of its generator")
    return GoldenSample(
        inputs=inputs,
        outputs=outputs,
        calls=tuple(_call(each, len(inputs), outputs, is_one=is_one) for each in samples),
        made=value["made"],
        provenance=value["provenance"],
        calibrated_on=CalibrationDigests.from_dict(value[CALIBRATED_ON])
        if CALIBRATED_ON in value
        else None,
    )


def _some(values: Any, most: int, what: str) -> list[Any]:
    """Return a list as it is; a text is one as well to some broken sample."""
    if not 1 <= len(values) <= most:
        raise ValueError(f"it has {len(values)} {what}")
    return list(values)


def _output(told: Mapping[str, Any], outputs: int, *, is_one: bool) -> GoldenOutput:
    if told["dtype"] != "float32":
        raise ValueError(f"dtype {told['dtype']!r}")
    kept = BEST if is_one else told["kept"]
    if kept not in (BEST, SPREAD):
        raise ValueError(f"it keeps {kept!r}")
    name = "" if is_one else _text(told["name"])
    elements = _whole(told["elements"], 1)
    return GoldenOutput.of(name, elements, outputs, keeps_best=kept == BEST)


def _call(
    sample: Mapping[str, Any], inputs: int, outputs: tuple[GoldenOutput, ...], *, is_one: bool
) -> GoldenCall:
    digests = [sample["input_sha256"]] if is_one else list(sample["inputs_sha256"])
    answers = [sample] if is_one else list(sample["answers"])
    if (len(digests), len(answers)) != (inputs, len(outputs)):
        raise ValueError("a sample has not a digest for each input and an answer for each output")
    return GoldenCall(
        pattern=_text(sample["pattern"]),
        seed=_whole(sample["seed"], 0),
        inputs_sha256=tuple(map(_text, digests)),
        answers=tuple(_answer(each, out) for each, out in zip(answers, outputs, strict=True)),
    )


def _answer(told: Mapping[str, Any], output: GoldenOutput) -> GoldenAnswer:
    places = output.spread_places
    if output.keeps_best:
        places = unpack_numbers(told["classes"], output.kept, CLASS_DTYPE).astype(np.int64)
        if len(set(places.tolist())) != output.kept or places.max() >= output.elements:
            raise ValueError("its classes are not those of an answer")
    values = unpack_numbers(told["values"], output.kept, SCORE_DTYPE).astype(np.float32)
    is_ordered = not output.keeps_best or not (np.diff(values) > 0).any()
    if not np.isfinite(values).all() or not is_ordered:
        raise ValueError("its scores are not those of an answer")
    return GoldenAnswer(_text(told["output_sha256"]), places, values)


def _whole(value: Any, least: int, most: int = MOST_NUMBERS) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{value!r} where a whole number from {least} on is needed")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} where a text is needed")
    return value


def best_places(values: Scores, count: int = MAX_VALUES) -> Places:
    """Return the places of the greatest numbers, the greatest first; of equal ones the lower first.

    Args:
        values: Numbers, in one row.
        count: How many places are wanted at most.

    Example:
        >>> best_places(np.float32([0.1, 0.7, 0.1]))
        array([1, 0, 2])
    """
    return np.argsort(-values, kind="stable")[:count]

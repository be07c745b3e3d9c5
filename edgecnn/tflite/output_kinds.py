"""What each output of a model is: classes, numbers, a map, detections, and so on.

The kind decides by what a file is judged against its float model, what recovery minimises, which
figures of labelled data are shown, and which programs use the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.tflite.numbers import STRINGS
from edgecnn.tflite.output_outline import (
    UNIT_LENGTH,
    ModelOutline,
    OutputOutline,
    outline_of_file,
)
from edgecnn.tflite.reading import TfliteModel

OUTPUTS_KEY = "outputs"
"""Key of edgecnn's own metadata under which a file says the kind of each of its outputs."""

SCORE_TYPES = ("float32", "float16", "uint8", "int8", "int16")
"""Types of numbers that scores can have."""

INDEX_TYPES = ("int32", "int64")
"""Types of numbers that class indices have."""

BOX_SIDES = 4
"""Numbers that tell a box."""

FEWEST_BOXES = 8
"""Fewest candidates of a detector; below that a table of four columns is no list of boxes."""

DETECTION_OP = "TFLite_Detection_PostProcess"
"""The op that makes a list of detections of boxes and scores."""


class OutputKind(Enum):
    """The kind of an output; the value is what ``--task`` takes."""

    CLASSES = "classes"
    """A row of scores of classes, of which one is true: probabilities of a softmax, or logits."""
    LABELS = "labels"
    """A row of probabilities, each of which may be true: a sigmoid for each of several labels."""
    PROBABILITY = "probability"
    """One probability."""
    NUMBERS = "numbers"
    """Numbers that are measured in a unit: regression, key points."""
    EMBEDDING = "embedding"
    """A vector whose direction tells what is alike."""
    MAP = "map"
    """A class for each position: scores of classes, or class indices, over height and width."""
    IMAGE = "image"
    """An image: brightness over height and width."""
    DETECTIONS = "detections"
    """Boxes, scores, or both, of many candidates or of what was found."""
    SEQUENCE = "sequence"
    """A row of scores for each step of time."""
    UNKNOWN = "unknown"
    """Nothing says what the output is."""


TASK_WORDS = tuple(kind.value for kind in OutputKind if kind is not OutputKind.UNKNOWN)
"""The words that ``--task`` takes."""

NOUNS = {
    OutputKind.CLASSES: "scores of classes",
    OutputKind.LABELS: "a probability for each of several labels",
    OutputKind.PROBABILITY: "one probability",
    OutputKind.NUMBERS: "measured numbers",
    OutputKind.EMBEDDING: "an embedding",
    OutputKind.MAP: "a class for each position",
    OutputKind.IMAGE: "an image",
    OutputKind.DETECTIONS: "detections",
    OutputKind.SEQUENCE: "scores for each step of time",
    OutputKind.UNKNOWN: "values of which nothing says what they are",
}
"""What an output of each kind is called in a sentence."""

SCORE_KINDS = (OutputKind.CLASSES, OutputKind.LABELS)
"""Kinds of outputs that hold a score for each of several names."""

LABELLED_KINDS = (OutputKind.CLASSES, OutputKind.LABELS, OutputKind.MAP, OutputKind.UNKNOWN)
"""Kinds of outputs that a list of labels, one for each of their scores, may belong to."""


@dataclass(frozen=True)
class JudgedOutput:
    """An output and its kind.

    Args:
        name: Name of the output.
        kind: The kind.
        because: What says so, as a clause: ``"it ends in softmax"``. Of an unknown kind: which
            readings there are.
        is_sure: Whether there is no second reading.
        gives_probabilities: Whether scores are probabilities, by softmax or sigmoid.
    """

    name: str
    kind: OutputKind
    because: str
    is_sure: bool = True
    gives_probabilities: bool = False

    @property
    def are_class_probabilities(self) -> bool:
        """Whether the output holds the probabilities of classes, as nearly all models answer."""
        return self.kind is OutputKind.CLASSES and self.gives_probabilities

    def to_dict(self) -> dict[str, Any]:
        """Return what a file's metadata says of the output."""
        return {"name": self.name, "kind": self.kind.value}


def parse_tasks(texts: Sequence[str]) -> dict[str, OutputKind]:
    """Read what a user says of the kinds of outputs.

    Args:
        texts: ``"KIND"`` for the only output, or ``"NAME=KIND"`` for each of several.

    Returns:
        Name of an output, empty for the only one -> its kind.

    Raises:
        InputError: A kind is not known, or an output is named twice.

    Example:
        >>> parse_tasks(["boxes=detections"])
        {'boxes': <OutputKind.DETECTIONS: 'detections'>}
    """
    tasks: dict[str, OutputKind] = {}
    for text in texts:
        name, _, word = text.rpartition("=")
        if word not in TASK_WORDS:
            raise InputError(f"unknown task {word!r}: choose {', '.join(TASK_WORDS)}")
        if name in tasks:
            raise InputError(f"--task is given twice for {name or 'the output'!r}: leave one out")
        tasks[name] = OutputKind(word)
    return tasks


def judge_outputs(
    outline: ModelOutline,
    tasks: Mapping[str, OutputKind] | None = None,
    classes: int | None = None,
) -> tuple[JudgedOutput, ...]:
    """Say of each output what it is.

    Args:
        outline: The model's ends.
        tasks: What the user says: name of an output, empty for the only one -> its kind.
        classes: Number of classes that is known from elsewhere: of labels, or of an architecture.

    Raises:
        InputError: The user names an output that is not there, or one kind for several outputs.

    Example:
        >>> judge_outputs(outline_of_file(read_model("mobilenet_v2.tflite")))[0].because
        'it ends in softmax'
    """
    tasks = dict(tasks or {})
    _check_names(tasks, [output.name for output in outline.outputs])
    judged = []
    for output in outline.outputs:
        asked = tasks.get(output.name, tasks.get(""))
        kind, because, is_sure = (
            (asked, "--task says so", True)
            if asked is not None
            else _judge(output, outline, classes)
        )
        gives = output.activation is not None
        judged.append(JudgedOutput(output.name, kind, because, is_sure, gives))
    return tuple(judged)


def outputs_of_file(
    model: TfliteModel,
    labels: int | None = None,
    tasks: Mapping[str, OutputKind] | None = None,
) -> tuple[JudgedOutput, ...]:
    """Say of each output of a file what it is: as the user or edgecnn says, else by its ops.

    Args:
        model: The file's structure.
        labels: Number of the labels packed for the first output; None if there are none.
        tasks: What the user says: name of an output, empty for the only one -> its kind.

    Raises:
        InputError: The user names an output that is not there, or one kind for several outputs.

    Example:
        >>> [output.kind.value for output in outputs_of_file(read_model("unet_int8.tflite"))]
        ['map']
    """
    outline, known = outline_of_file(model), _recorded(model)
    if labels is None and known is None and model.edgecnn:
        # Files of earlier versions do not say their kind: their rows are of classes.
        labels = outline.outputs[0].shape[-1] if outline.outputs[0].shape else None
    judged = judge_outputs(outline, tasks, labels)
    if known is None or tasks or len(known) != len(judged):
        return judged
    return tuple(map(_as_recorded, judged, known))


def what_it_gives(outputs: Sequence[JudgedOutput]) -> str:
    """Return what a model gives, as the end of a sentence.

    Args:
        outputs: The model's outputs.

    Example:
        >>> what_it_gives(outputs_of_file(read_model("unet_int8.tflite")))
        'a class for each position (it ends in a softmax for each position)'
    """
    if len(outputs) == 1:
        return f"{NOUNS[outputs[0].kind]} ({outputs[0].because})"
    nouns = list(dict.fromkeys(NOUNS[output.kind] for output in outputs))
    return f"{len(outputs)} outputs: {', '.join(nouns)}"


def _as_recorded(judged: JudgedOutput, kind: OutputKind) -> JudgedOutput:
    """Return an output as its file says that it is, where that tells more than its ops."""
    if kind in (judged.kind, OutputKind.UNKNOWN):
        return judged
    return replace(judged, kind=kind, because="its file says so", is_sure=True)


def _recorded(model: TfliteModel) -> list[OutputKind] | None:
    """Return the kinds that edgecnn wrote into a file; None where it wrote none."""
    entries = (model.edgecnn or {}).get(OUTPUTS_KEY)
    if not isinstance(entries, list):
        return None
    try:
        return [OutputKind(entry["kind"]) for entry in entries]
    except (KeyError, TypeError, ValueError):
        return None


def _check_names(tasks: Mapping[str, OutputKind], names: Sequence[str]) -> None:
    unknown = [name for name in tasks if name and name not in names]
    if unknown:
        raise InputError(
            f"--task names the output {unknown[0]!r}, and the model's are {', '.join(names)}"
        )
    if "" in tasks and len(names) > 1:
        raise InputError(
            f"the model has {len(names)} outputs: say --task NAME=KIND for each "
            f"({', '.join(names)})"
        )


Verdict = tuple[OutputKind, str, bool]
"""A kind, what says so, and whether there is no second reading."""


def _judge(output: OutputOutline, outline: ModelOutline, classes: int | None) -> Verdict:
    if output.ending == DETECTION_OP:
        return OutputKind.DETECTIONS, f"the op {DETECTION_OP} makes it", True
    if (detection := _detections(output, outline)) is not None:
        return detection
    sides = tuple(side for side in output.sides if side != 1)
    if output.dtype in INDEX_TYPES and output.ending == "ARG_MAX" and len(sides) > 1:
        return OutputKind.MAP, "it holds the best class of each position", True
    if output.dtype not in SCORE_TYPES:
        what = "text" if output.dtype == STRINGS else output.dtype
        return OutputKind.UNKNOWN, f"its values are {what}", True
    if not output.sides:
        return OutputKind.UNKNOWN, "it has no sides beside the batch", True
    if len(sides) < 2 and (len(output.sides) < 3 or output.sides[:-1] == (1, 1)):
        return _row(output, classes)
    if len(output.sides) == 3:
        return _map(output, outline, classes)
    if len(output.sides) == 2:
        return _table(output)
    return OutputKind.UNKNOWN, f"its shape is {_shape(output)}", True


def _row(output: OutputOutline, classes: int | None) -> Verdict:
    """Judge a row of numbers, or a single one."""
    count = output.sides[-1]
    if output.ending == UNIT_LENGTH:
        return OutputKind.EMBEDDING, "it is divided by its length", True
    if count == 1:
        if output.activation == "sigmoid":
            return OutputKind.PROBABILITY, "one number that ends in sigmoid", True
        return OutputKind.NUMBERS, "one number without sigmoid", True
    if output.activation == "softmax":
        return OutputKind.CLASSES, "it ends in softmax", True
    if output.activation == "sigmoid":
        is_known = classes == count
        return OutputKind.LABELS, f"each of {count} numbers ends in sigmoid", is_known
    if classes == count:
        return OutputKind.CLASSES, f"{count} classes are known", True
    return OutputKind.UNKNOWN, f"{count} numbers may be scores of classes, or measured", False


def _map(output: OutputOutline, outline: ModelOutline, classes: int | None) -> Verdict:
    """Judge values over height and width."""
    channels = output.sides[-1]
    if output.ending == UNIT_LENGTH:
        return OutputKind.UNKNOWN, "a vector of unit length for each position", True
    if channels > 1 and output.activation == "softmax":
        return OutputKind.MAP, "it ends in a softmax for each position", True
    if channels > 1 and classes == channels:
        return OutputKind.MAP, f"{channels} classes are known", True
    taken = _input_channels(outline)
    if channels == 1 and output.activation == "sigmoid" and taken not in (1, None):
        return OutputKind.MAP, "one sigmoid for each position", True
    if channels in (1, 3) and taken == channels:
        is_bounded = output.activation == "sigmoid" or output.ending == "TANH"
        if channels == 3 and is_bounded:
            return OutputKind.IMAGE, "three bounded channels, as its input has", True
        return OutputKind.UNKNOWN, "it may be an image, or classes of positions", False
    if channels > 1 and output.is_resized:
        return OutputKind.MAP, f"{channels} scores for each position, enlarged", False
    return OutputKind.UNKNOWN, f"{_shape(output)} numbers without an activation", False


def _table(output: OutputOutline) -> Verdict:
    """Judge rows of numbers."""
    if output.activation == "softmax":
        return OutputKind.SEQUENCE, "it ends in a softmax for each step", True
    return OutputKind.UNKNOWN, f"{_shape(output)} numbers without an activation", False


def _detections(output: OutputOutline, outline: ModelOutline) -> Verdict | None:
    """Judge a detector's boxes and scores, apart from each other or joined; None for others."""
    if len(output.sides) != 2:
        return None
    for part in output.parts:
        boxes = [side for side in part.shape[1:] if side != BOX_SIDES]
        holds_boxes = len(boxes) == 1 and boxes[0] >= FEWEST_BOXES
        if holds_boxes and any(each.ending == "LOGISTIC" for each in output.parts):
            return OutputKind.DETECTIONS, "boxes and scores are joined in it", True
    candidates = output.sides[0]
    tables = [each.sides for each in outline.outputs if len(each.sides) == 2]
    have_as_many_rows = len(tables) > 1 and {rows for rows, _ in tables} == {candidates}
    has_boxes = any(columns >= BOX_SIDES for _, columns in tables)
    if candidates >= FEWEST_BOXES and have_as_many_rows and has_boxes:
        return OutputKind.DETECTIONS, f"{candidates} candidates with boxes and scores", True
    return None


def _input_channels(outline: ModelOutline) -> int | None:
    """Return the channels of the only image that goes in; None for other inputs."""
    images = [shape for shape in outline.inputs if len(shape) == 4]
    return images[0][-1] if len(images) == 1 else None


def _shape(output: OutputOutline) -> str:
    return " x ".join(map(str, output.sides))

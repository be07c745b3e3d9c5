"""Is a model given the images that it was trained on? The float model itself is the witness.

Nothing in a file says how its images were normalised, and nothing in an image whether its red and
blue are exchanged; a mistake in either makes files that convert, run and are useless. The float
model's answers tell: it is run with its input as the user describes it and as it may have been
meant, and doubt is told only where another input is far better.

The first few images dismiss nearly all others, so a conversion that is right pays for about twenty
runs of its float model.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, preset
from edgecnn.quantize.calibration.evidence import (
    FEWEST_CLASSES,
    ByLabel,
    ByTelling,
    Judge,
    Logs,
    is_softmax,
    log_probabilities,
    standard_errors,
)
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_graph

Array = npt.NDArray[Any]

DOUBT_STAGES = (6, 24)
"""Images after which other inputs are dismissed; those that are left are judged on all images."""
LEAST_AT_FIRST = 0.25
"""Standard errors by which another input must be better on the first few: a network that was never
trained tells nothing of any, and a difference of nothing is above zero half of the time."""
MOST_IMAGES = 100
LEAST_IMAGES = 14
"""Fewer prove nothing: that all of 14 speak for the same input is one chance in 16,384."""
FAR = 8.0
"""Inputs whose spans differ by more than this factor are of another magnitude."""
COLOURED = 2.0
"""Mean difference of red and blue below which exchanging them changes nothing."""

SAVE_RGB = (
    "save the images as RGB (OpenCV reads and writes BGR), or, if they look right, know that the "
    "model was trained on BGR"
)


@dataclass(frozen=True)
class Case:
    """A float model, and what goes into it.

    Args:
        graph: The float graph.
        spec: How pixels become the model's input, as far as is known.
        in_graph: Whether the file does that itself, and takes what ``spec.centered()`` makes.
        images: uint8, shape (images, height, width, channels).
        outputs: Of each image the output that is its label; None without labels.
        scores: The answers to them, shape (images, classes).
        may_differ: Whether the user could have said another preprocessing.
    """

    graph: Graph
    spec: InputSpec
    in_graph: bool
    images: npt.NDArray[np.uint8]
    outputs: Sequence[int] | None
    scores: Array
    may_differ: bool


@dataclass(frozen=True)
class Reading:
    """A way to make a model's input of pixels.

    Args:
        spec: The normalisation.
        preset: Its name, where it is another than the user's.
        is_exchanged: Whether red and blue are exchanged first.
    """

    spec: InputSpec
    preset: str | None = None
    is_exchanged: bool = False

    @property
    def how(self) -> str:
        """What makes it differ from what the user said."""
        return (
            "with red and blue exchanged"
            if self.is_exchanged
            else f"with --preprocess {self.preset}"
        )

    @property
    def advice(self) -> str:
        """What to do where it is the right one."""
        return SAVE_RGB if self.is_exchanged else "was it trained like that?"

    def inputs(self, case: Case, images: npt.NDArray[np.uint8]) -> Array:
        """Return what goes into the case's file, float32 of the images' shape."""
        values = self.spec.normalize(images[..., ::-1] if self.is_exchanged else images)
        if not case.in_graph:
            return values
        # The pixels of which the graph makes these values.
        own = case.spec
        pixels = values * np.asarray(own.std, np.float32) + np.asarray(own.mean, np.float32)
        pixels = pixels[..., ::-1] if own.color_order == "BGR" else pixels
        return pixels - np.float32(own.centered().mean[0])


def doubts(case: Case) -> list[str]:
    """Say what seems to be wrong with a model's input; nothing where no other is far better.

    Args:
        case: A float model, and images like those that it will see.

    Returns:
        At most one line.

    Example:
        >>> doubts(Case(graph, preset("raw", 96, 96), False, images, labels, scores, True))
        ['its answers are right for 3 % of 24 images as given, and for 71 % with --preprocess ...']
    """
    scores = case.scores[:MOST_IMAGES]
    count, classes = scores.shape
    if count < LEAST_IMAGES or classes < 2 or not np.isfinite(scores).all():
        return []
    model, own = _AnsweringModel(case), log_probabilities(scores)
    judges = list(_judges(case, own, model))
    if not judges:
        return []
    left = list(_readings(case, is_well=any(judge.is_well(own) for judge in judges)))
    for stage in sorted({min(stage, count) for stage in (*DOUBT_STAGES, count)}):
        others = {reading: model.answers(reading, stage) for reading in left}
        if stage >= LEAST_IMAGES and (doubt := _doubt(judges, own[:stage], others)):
            return [doubt]
        least = LEAST_AT_FIRST if stage == DOUBT_STAGES[0] else 1.0
        left = [r for r in left if _speaks_for_it(judges, own[:stage], others[r]) > least]
    return []


def layer_doubts(name: str, factor: float | None, spec: InputSpec) -> list[str]:
    """Say that pixels are normalised twice, or not as a model's first layer takes them.

    Args:
        name: Of the Rescaling or Normalization layer that a model starts with.
        factor: What that multiplies by.
        spec: How pixels become the model's input, as the user says, or as such a layer lets expect.

    Example:
        >>> layer_doubts("rescaling", 1 / 255, preset("tf", 96, 96))
        ["its first layer 'rescaling' normalises pixels by itself, so that is done twice: ..."]
    """
    if factor is None:
        return []
    if abs(factor) < 0.1 and not spec.is_raw:
        return [
            f"its first layer {name!r} normalises pixels by itself, so that is done twice: "
            "leave --preprocess, --mean and --std out"
        ]
    if abs(factor) > 1.0 and spec.is_raw:
        return [
            f"its first layer {name!r} multiplies by {factor:.3g}, so it takes no pixels but small "
            "numbers: say --preprocess unit or tf"
        ]
    return []


def _judges(case: Case, own: Logs, model: _AnsweringModel) -> Iterator[Judge]:
    """Yield what can compare answers; labels alone where they mean something."""
    if case.outputs is not None:
        by_label = ByLabel(np.asarray(case.outputs[: len(own)]))
        yield by_label
        if by_label.means_something(own):
            return
    if own.shape[1] >= FEWEST_CLASSES and model.ends_in_softmax():
        yield ByTelling()


def _readings(case: Case, *, is_well: bool) -> Iterator[Reading]:
    """Yield the inputs that may have been meant; if answers are well, none of another magnitude."""
    spec, images = case.spec, case.images[: DOUBT_STAGES[1]]
    if spec.channels == 3:
        red, blue = images[..., 0].astype(np.int16), images[..., 2]
        if np.abs(red - blue).mean() > COLOURED:
            yield Reading(spec, is_exchanged=True)
    for name in PREPROCESSING if case.may_differ else ():
        try:
            other = preset(name, spec.height, spec.width, spec.channels)
        except InputError:
            continue  # A grey input has no mean for each colour.
        if not _is_same(spec, other) and not (is_well and _is_far(spec, other)):
            yield Reading(other, name)


def _is_same(one: InputSpec, other: InputSpec) -> bool:
    """Whether two normalisations differ by less than a network notices."""
    ends = [np.subtract(end, s.mean) / s.std for end in (0.0, 255.0) for s in (one, other)]
    farthest = max(np.abs(ends[0] - ends[1]).max(), np.abs(ends[2] - ends[3]).max())
    return one.color_order == other.color_order and bool(farthest < 0.03 * _span(one))


def _is_far(one: InputSpec, other: InputSpec) -> bool:
    return abs(math.log(_span(one) / _span(other))) > math.log(FAR)


def _span(spec: InputSpec) -> float:
    low, high = spec.value_range
    return high - low


def _doubt(judges: Sequence[Judge], own: Logs, others: dict[Reading, Logs]) -> str | None:
    """Say which other input is far better, if one is: the best by the first judge that is sure."""
    for judge in judges:
        sure = {
            reading: float((judge.worth(answers) - judge.worth(own)).mean())
            for reading, answers in others.items()
            if judge.is_sure(own, answers, is_rescaled=not reading.is_exchanged)
        }
        if sure:
            best = max(sure, key=lambda reading: sure[reading])
            return f"{judge.says(own, others[best], best.how)}: {best.advice}"
    return None


def _speaks_for_it(judges: Sequence[Judge], own: Logs, other: Logs) -> float:
    """Return by how many standard errors another input is better, as who likes it most sees it."""
    return max(standard_errors(judge.worth(other) - judge.worth(own)) for judge in judges)


class _AnsweringModel:
    """Runs the float file, once for each image and reading."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._known: dict[Reading, list[Array]] = {}

    @functools.cached_property
    def _file(self) -> LoadedFile:
        return LoadedFile(write_graph(self._case.graph))

    def ends_in_softmax(self) -> bool:
        """Whether its answers are probabilities of which one class gets most."""
        return is_softmax(self._raw(Reading(self._case.spec), 1))

    def answers(self, reading: Reading, count: int) -> Logs:
        """Return the answers to the first images."""
        return log_probabilities(self._raw(reading, count))

    def _raw(self, reading: Reading, count: int) -> Array:
        known = self._known.setdefault(reading, [])
        for image in self._case.images[len(known) : count]:
            self._file.run([reading.inputs(self._case, image[None])])
            known.append(self._file.output(0).reshape(-1).copy())
        return np.stack(known)

"""Whether a model is given input like that it was trained on, judged by the float model's answers.

Nothing in a file says how its images were normalised, and nothing in an image says whether red and
blue are exchanged; a mistake in either makes files that convert, run and are useless. So the float
model is run with its input as the user describes it and with input as it may have been meant, and
the user is told only where another input is far better.

The first few images dismiss nearly all others, so a conversion that is right pays for about twenty
runs of its float model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, preset
from edgecnn.quantize.calibration.answering_model import AnsweringModel
from edgecnn.quantize.calibration.evidence import (
    FEWEST_CLASSES,
    InformationJudge,
    Judge,
    LabelJudge,
    LogProbabilities,
    log_probabilities,
    standard_errors,
)
from edgecnn.quantize.calibration.images import is_coloured
from edgecnn.tflite.graph import Graph

Array = npt.NDArray[Any]

DOUBT_STAGES = (4, 24)
"""Numbers of images after which other inputs are dismissed; those that are left are judged on all
images."""
LEAST_AT_FIRST = 0.25
"""Standard errors by which another input must be better on the first images: a network that was
never trained prefers none, and a difference of nothing is above zero half of the time."""
MOST_IMAGES = 100
LEAST_IMAGES = 14
"""Fewest images that prove something: all of 14 speak for the same input by chance once in 16,384
times."""
FAR = 8.0
"""Inputs whose spans differ by more than this factor are of another magnitude."""

SAVE_RGB = (
    "save the images as RGB (OpenCV reads and writes BGR), or, if they look right, know that the "
    "model was trained on BGR"
)


@dataclass(frozen=True)
class InputCase:
    """A float model, and what goes into it.

    Args:
        graph: The float graph.
        spec: How pixels become the model's input, as far as is known.
        in_graph: Whether the float graph normalises pixels, and takes what ``spec.centered()``
            makes.
        images: Images, uint8, shape (images, height, width, channels).
        outputs: For each image the output that is its label; None without labels.
        scores: The model's answers to the images, shape (images, classes).
        may_differ: Whether the user could have asked for another preprocessing.
    """

    graph: Graph
    spec: InputSpec
    in_graph: bool
    images: npt.NDArray[np.uint8]
    outputs: Sequence[int] | None
    scores: Array
    may_differ: bool


@dataclass(frozen=True)
class InputVariant:
    """A way to make a model's input of pixels.

    Args:
        spec: The normalisation.
        preset: Name of the normalisation, where it is not the user's.
        is_exchanged: Whether red and blue are exchanged first.
    """

    spec: InputSpec
    preset: str | None = None
    is_exchanged: bool = False

    @property
    def how(self) -> str:
        """How this input differs from the user's, in words."""
        return (
            "with red and blue exchanged"
            if self.is_exchanged
            else f"with --preprocess {self.preset}"
        )

    @property
    def advice(self) -> str:
        """What a user should do where this input is the right one."""
        return SAVE_RGB if self.is_exchanged else "was it trained like that?"

    def inputs(self, case: InputCase, images: npt.NDArray[np.uint8]) -> Array:
        """Return the input of the case's graph, float32 of the images' shape."""
        values = self.spec.normalize(images[..., ::-1] if self.is_exchanged else images)
        if not case.in_graph:
            return values
        # The graph normalises its input, so the values become the pixels that it makes them of.
        own = case.spec
        pixels = values * np.asarray(own.std, np.float32) + np.asarray(own.mean, np.float32)
        pixels = pixels[..., ::-1] if own.color_order == "BGR" else pixels
        return pixels - np.float32(own.centered().mean[0])


def input_doubts(case: InputCase) -> list[str]:
    """Say what seems to be wrong with a model's input; nothing unless another is far better.

    Args:
        case: A float model, and images like those that the model will see.

    Returns:
        At most one line.

    Example:
        >>> input_doubts(
        ...     InputCase(graph, preset("raw", 96, 96), False, images, labels, scores, True)
        ... )
        ['its answers are right for 3 % of 24 images as given, and for 71 % with --preprocess ...']
    """
    scores = case.scores[:MOST_IMAGES]
    count, classes = scores.shape
    if count < LEAST_IMAGES or classes < 2 or not np.isfinite(scores).all():
        return []
    own = log_probabilities(scores)
    model = AnsweringModel[InputVariant](
        case.graph, case.images, lambda reading, images: reading.inputs(case, images)
    )
    judges = list(_judges(case, own, model))
    if not judges:
        return []
    left = list(_readings(case, is_good=any(judge.is_good(own) for judge in judges)))
    for stage in sorted({min(stage, count) for stage in (*DOUBT_STAGES, count)}):
        others = {reading: model.answers(reading, stage) for reading in left}
        if stage >= LEAST_IMAGES and (doubt := _doubt(judges, own[:stage], others)):
            return [doubt]
        least = LEAST_AT_FIRST if stage == DOUBT_STAGES[0] else 1.0
        left = [r for r in left if _speaks_for_it(judges, own[:stage], others[r]) > least]
    return []


def _judges(
    case: InputCase, own: LogProbabilities, model: AnsweringModel[InputVariant]
) -> Iterator[Judge]:
    """Yield the judges that can compare answers; the labels alone where they mean something."""
    if case.outputs is not None:
        by_label = LabelJudge(np.asarray(case.outputs[: len(own)]))
        yield by_label
        if by_label.means_something(own):
            return
    if own.shape[1] >= FEWEST_CLASSES and model.ends_in_softmax(InputVariant(case.spec)):
        yield InformationJudge()


def _readings(case: InputCase, *, is_good: bool) -> Iterator[InputVariant]:
    """Yield the inputs that may have been meant; if answers are good, none of another magnitude."""
    spec, images = case.spec, case.images[: DOUBT_STAGES[1]]
    if is_coloured(images):
        yield InputVariant(spec, is_exchanged=True)
    for name in PREPROCESSING if case.may_differ else ():
        try:
            other = preset(name, spec.height, spec.width, spec.channels)
        except InputError:
            continue  # A grey input has no mean for each colour.
        if not is_same_input(spec, other) and not (is_good and _is_far(spec, other)):
            yield InputVariant(other, name)


def is_same_input(one: InputSpec, other: InputSpec) -> bool:
    """Say whether two normalisations differ by less than a network notices."""
    ends = [np.subtract(end, s.mean) / s.std for end in (0.0, 255.0) for s in (one, other)]
    farthest = max(np.abs(ends[0] - ends[1]).max(), np.abs(ends[2] - ends[3]).max())
    return one.color_order == other.color_order and bool(farthest < 0.03 * _span(one))


def _is_far(one: InputSpec, other: InputSpec) -> bool:
    return abs(math.log(_span(one) / _span(other))) > math.log(FAR)


def _span(spec: InputSpec) -> float:
    low, high = spec.value_range
    return high - low


def _doubt(
    judges: Sequence[Judge], own: LogProbabilities, others: dict[InputVariant, LogProbabilities]
) -> str | None:
    """Say which other input is far better, if any: the best by the first judge that is sure."""
    for judge in judges:
        sure = {
            reading: float((judge.worth(answers) - judge.worth(own)).mean())
            for reading, answers in others.items()
            if judge.is_better(own, answers, is_rescaled=not reading.is_exchanged)
        }
        if sure:
            best = max(sure, key=lambda reading: sure[reading])
            return f"{judge.describe(own, others[best], best.how)}: {best.advice}"
    return None


def _speaks_for_it(
    judges: Sequence[Judge], own: LogProbabilities, other: LogProbabilities
) -> float:
    """Return by how many standard errors another input is better, by the judge that prefers it."""
    return max(standard_errors(judge.worth(other) - judge.worth(own)) for judge in judges)

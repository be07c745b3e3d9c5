"""Which input a model was trained on, measured where neither its file nor the user says it.

The float model answers the same images, normalised in each of the field's customs. A network tells
most of images that come as those did that it was trained on. One custom is taken only if it wins
against every other, and also against inputs that have no name here (*rivals*): a model that was
trained on one of these would else be given the custom that is the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset
from edgecnn.quantize.calibration.answering_model import AnsweringModel
from edgecnn.quantize.calibration.evidence import (
    FEWEST_CLASSES,
    Array,
    InformationJudge,
    Judge,
    LabelJudge,
    LogProbabilities,
    standard_errors,
)
from edgecnn.quantize.calibration.images import is_coloured
from edgecnn.quantize.calibration.input_doubts import MOST_IMAGES, is_same_input
from edgecnn.tflite.graph import Graph

FIRST_IMAGES = 24
"""Images after which inputs that are far worse than the best are left out, to save time."""
LEAST_IMAGES = 24
"""Fewest images that choose an input."""
SURE = 4.0
"""Standard errors by which one input must be better than each other: chance alone does that once in
30,000 times."""
HOPELESS = 6.0
"""Standard errors by which an input is worse after the first images that has no chance any more."""

RIVALS = (("127.5", "127.5", True), ("127.5", "255", False), ("0", "255", True), ("0", "1", True))
"""Mean, deviation, and whether red and blue are exchanged, of inputs without a name here."""
MEAN_ALONE = ("123.68,116.779,103.939", "1")
"""The ImageNet mean in RGB, likewise: what caffe takes off, without the exchange."""
OF_DIGITS = ("33.32", "78.57")
"""Mean and deviation of MNIST, likewise, which most models of grey digits are trained with."""


@dataclass(frozen=True)
class InputReading:
    """A way in which pixels may become a model's input.

    Args:
        spec: The normalisation.
        how: The options that say it, as commands have them.
        preset: Its name, one of ``PREPROCESSING``; None for a rival.
    """

    spec: InputSpec
    how: str
    preset: str | None = None

    @property
    def name(self) -> str:
        """What a list of several calls it."""
        return self.preset or self.how


@dataclass(frozen=True)
class ReadingMeasured:
    """What became of measuring a model's input.

    Args:
        preset: The preprocessing that wins clearly; None where none does.
        evidence: What was measured, in words; empty where nothing could be.
    """

    preset: str | None = None
    evidence: str = ""


def measure_reading(
    graph: Graph, images: npt.NDArray[np.uint8], outputs: Sequence[int] | None
) -> ReadingMeasured:
    """Find out which preprocessing a float model was trained with, by its answers.

    Args:
        graph: The float graph of a classifier, which takes an image.
        images: Images like those that the model will see, uint8, shape
            (images, height, width, channels).
        outputs: For each image the output that is its label; None without labels.

    Example:
        >>> measure_reading(graph, photos, None)
        ReadingMeasured(preset='tf', evidence='its answers tell most of 100 images as tf ...')
    """
    images = images[:MOST_IMAGES]
    if len(images) < LEAST_IMAGES:
        return ReadingMeasured(evidence=f"{len(images)} images are too few to measure it")
    left = list(_readings(images))
    model = AnsweringModel[InputReading](
        graph, images, lambda each, some: each.spec.normalize(some)
    )
    is_classifier = model.ends_in_softmax(left[0])
    labels = None if outputs is None else np.asarray(outputs[: len(images)])
    for count in sorted({FIRST_IMAGES, len(images)}):
        answers = {reading: model.answers(reading, count) for reading in left}
        judges = list(_judges(answers, labels, has_probabilities=is_classifier))
        if not judges:
            return ReadingMeasured()
        left = [each for each in left if _has_chance(judges, answers, each)]
    return _verdict(judges, answers)


def _readings(images: npt.NDArray[np.uint8]) -> Iterator[InputReading]:
    """Yield the customs, and the rivals that differ from them on these images."""
    _, height, width, channels = images.shape
    for name in PREPROCESSING:
        try:
            spec = preset(name, height, width, channels)
        except InputError:
            continue  # A grey input has no mean for each colour.
        yield InputReading(spec, f"--preprocess {name}", name)
    can_exchange = channels == 3 and is_coloured(images)
    for mean, std, is_exchanged in _rivals(channels):
        means, stds = ([float(x) for x in text.split(",")] for text in (mean, std))
        spec, how = custom(means, stds, height, width, channels), f"--mean {mean} --std {std}"
        if not is_exchanged:
            yield InputReading(spec, how)
        elif can_exchange:
            yield InputReading(_exchanged(spec), f"{how} and BGR")


def _rivals(channels: int) -> Iterator[tuple[str, str, bool]]:
    yield from RIVALS
    yield (*(OF_DIGITS if channels == 1 else MEAN_ALONE), False)


def _exchanged(spec: InputSpec) -> InputSpec:
    return InputSpec(spec.height, spec.width, spec.mean, spec.std, "BGR")


Answers = dict[InputReading, LogProbabilities]


def _judges(answers: Answers, labels: Array | None, *, has_probabilities: bool) -> Iterator[Judge]:
    """Yield the judges that can compare answers."""
    count, classes = next(iter(answers.values())).shape
    by_label = None if labels is None else LabelJudge(labels[:count])
    knows_labels = by_label is not None and any(map(by_label.means_something, answers.values()))
    if by_label is not None and knows_labels:
        yield by_label
    if classes >= FEWEST_CLASSES and (knows_labels or has_probabilities):
        yield InformationJudge()


def _has_chance(judges: Sequence[Judge], answers: Answers, reading: InputReading) -> bool:
    """Say whether an input may still be the best by some judge."""
    return any(_lead(judge, answers, _best(judge, answers), reading) < HOPELESS for judge in judges)


def _best(judge: Judge, answers: Answers) -> InputReading:
    return max(answers, key=lambda reading: float(judge.worth(answers[reading]).mean()))


def _lead(judge: Judge, answers: Answers, best: InputReading, other: InputReading) -> float:
    """Return by how many standard errors one input is better than another."""
    if best is other:
        return 0.0
    return standard_errors(judge.worth(answers[best]) - judge.worth(answers[other]))


def _verdict(judges: Sequence[Judge], answers: Answers) -> ReadingMeasured:
    """Take the input that all judges prefer, if one of them is sure."""
    best, *others = {_best(judge, answers) for judge in judges}
    judge = judges[0]
    ordered = sorted(answers, key=lambda each: -float(judge.worth(answers[each]).mean()))
    evidence = judge.compare({each.name: answers[each] for each in ordered})
    is_clear = (
        not others
        and best.preset is not None
        and all(each.is_good(answers[best]) for each in judges)
        and any(_is_sure(each, answers, best) for each in judges)
    )
    return ReadingMeasured(best.preset if is_clear else None, evidence)


def _is_sure(judge: Judge, answers: Answers, best: InputReading) -> bool:
    return all(
        _lead(judge, answers, best, each) > SURE
        for each in answers
        if each is not best and not is_same_input(best.spec, each.spec)
    )

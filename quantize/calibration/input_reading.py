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
    Array,
    InformationJudge,
    Judge,
    LabelJudge,
    LogProbabilities,
    standard_errors,
)
from edgecnn.quantize.calibration.images import is_coloured
from edgecnn.quantize.calibration.input_doubts import MOST_IMAGES, is_same_input
from edgecnn.quantize.calibration.measured_reading import ReadingMeasured
from edgecnn.tflite.graph import Graph

FEWEST_TO_MEASURE = 24
"""Fewest images that choose an input."""
SURE = 4.0
"""Standard errors by which one input must be better than each other: chance alone does that once in
30,000 times."""
CLASSES_WITHOUT_LABELS = 100
"""Least number of classes for choosing without labels. Networks of ten classes that are not very
good answer input that is too loud as if it told them more."""
LOUD = 8.0
"""Factor between the spans of two inputs from which on one must score far more than the other:
input that is far too loud or too quiet makes answers surer or less sure, if not nonsense."""
MOST_OF_SCORE = 0.75
"""Part of the score of the one that the other may have then."""
TOLD_APART = 0.05
"""Part of the images, at least, that must get other classes as another input."""
LEAST_SCORE: dict[type[object], float] = {LabelJudge: 0.25, InformationJudge: 0.7}
"""What the answers must score by each judge."""

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
    if len(images) < FEWEST_TO_MEASURE:
        return ReadingMeasured(evidence=f"{len(images)} images are too few to measure it")
    readings = list(_readings(images))
    model = AnsweringModel[InputReading](
        graph, images, lambda each, some: each.spec.normalize(some)
    )
    is_classifier = model.ends_in_softmax(readings[0])
    labels = None if outputs is None else np.asarray(outputs[: len(images)])
    answers = {reading: model.answers(reading, len(images)) for reading in readings}
    judges = list(_judges(answers, labels, has_probabilities=is_classifier))
    return _verdict(judges, answers) if judges else ReadingMeasured()


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
    if classes >= CLASSES_WITHOUT_LABELS and (knows_labels or has_probabilities):
        yield InformationJudge()


def _best(judge: Judge, answers: Answers) -> InputReading:
    return max(answers, key=lambda reading: float(judge.worth(answers[reading]).mean()))


def _verdict(judges: Sequence[Judge], answers: Answers) -> ReadingMeasured:
    """Take the input that the first judge prefers, if it is sure, or another is who agrees."""
    first = judges[0]
    best = _best(first, answers)
    ordered = sorted(answers, key=lambda each: -float(first.worth(answers[each]).mean()))
    evidence = first.compare({each.name: answers[each] for each in ordered})
    is_clear = best.preset is not None and any(_is_sure(judge, answers, best) for judge in judges)
    return ReadingMeasured(best.preset if is_clear else None, evidence)


def _is_sure(judge: Judge, answers: Answers, best: InputReading) -> bool:
    """Say whether a judge finds an input good, and better than each that is not the same."""
    return judge.score(answers[best]) > LEAST_SCORE[type(judge)] and all(
        _beats(judge, answers, best, each)
        for each in answers
        if each is not best and not is_same_input(best.spec, each.spec)
    )


def _beats(judge: Judge, answers: Answers, best: InputReading, other: InputReading) -> bool:
    """Say whether an input is surely better than another, and not only louder or quieter.

    Many networks answer an input and its multiple with the same class, more or less surely, which
    tells nothing of what they were trained on.
    """
    one, two = answers[best], answers[other]
    is_other_class = one.argmax(axis=1) != two.argmax(axis=1)
    is_far = not 1 / LOUD < _span(best) / _span(other) < LOUD
    is_behind = judge.score(two) < MOST_OF_SCORE * judge.score(one)
    return (
        standard_errors(judge.worth(one) - judge.worth(two)) > SURE
        and bool(is_other_class.mean() > TOLD_APART)
        and (is_behind or not is_far)
    )


def _span(reading: InputReading) -> float:
    low, high = reading.spec.value_range
    return high - low

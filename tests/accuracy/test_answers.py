"""What is made of answers, on examples small enough for pencil and paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgecnn.accuracy.agreement import Agreement
from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.calibration import Bin, Calibration, calibration
from edgecnn.accuracy.classes import ClassResult, Confusion


def made(
    wanted: Sequence[int], given: Sequence[int], scores: Sequence[float] | None = None
) -> Answers:
    """Make answers: the best class of each image, and its score; the label's is 0."""
    count = len(wanted)
    values = np.array(scores if scores is not None else [0.5] * count, float)
    return Answers(
        indices=np.arange(count),
        label_outputs=np.array(wanted),
        top=np.array(given)[:, None],
        scores=values[:, None],
        label_scores=np.zeros(count),
        finite=np.isfinite(values),
    )


def test_classes_and_confusion() -> None:
    # Class 2 of four is never a label, class 3 neither label nor answer.
    confusion = Confusion.of(made([0, 0, 0, 1, 1], [0, 0, 1, 2, 2]), outputs=4)
    assert confusion.matrix().tolist() == [[2, 1, 0, 0], [0, 0, 2, 0], [0] * 4, [0] * 4]
    assert confusion.mistakes() == [(1, 2, 2), (0, 1, 1)]
    assert confusion.classes() == [
        ClassResult(output=0, images=3, answered=2, correct=2),
        ClassResult(output=1, images=2, answered=1, correct=0),
        ClassResult(output=2, images=0, answered=2, correct=0),
    ]
    first, second, third = confusion.classes()
    assert (first.recall, first.precision) == (2 / 3, 1)
    assert (second.recall, second.precision) == (0, 0)
    assert (third.recall, third.precision, third.recall_bounds) == (None, 0, None)


def test_a_thousand_classes_take_a_cell_for_each_thing_that_happened() -> None:
    confusion = Confusion.of(made(range(1000), [*range(1, 1000), 0]), outputs=1001)
    assert len(confusion.labels) == len(confusion.answers) == len(confusion.images) == 1000


def test_calibration_error() -> None:
    # Ten images at 0.8, of which 6 are right: off by 0.2. Ten at 0.6, of which 9 are: off by 0.3.
    wanted = [0] * 6 + [1] * 4 + [0] * 9 + [1]
    found = calibration(made(wanted, [0] * 20, [0.8] * 10 + [0.6] * 10))
    assert found is not None
    assert found.error == pytest.approx(0.25)
    assert found.bias == pytest.approx((10 * 0.2 - 10 * 0.3) / 20)
    # 15 bins: 0.6 is the upper end of the ninth, 0.8 that of the twelfth.
    assert [(one.low, one.high) for one in found.bins] == [(8 / 15, 9 / 15), (11 / 15, 12 / 15)]
    assert [(one.images, one.accuracy) for one in found.bins] == [(10, 0.9), (10, 0.6)]


def test_calibration_leaves_out_what_is_no_number() -> None:
    found = calibration(made([0, 0], [0, 0], [1.0, float("nan")]))
    assert found is not None
    assert (found.error, [one.images for one in found.bins]) == (0, [1])
    assert calibration(made([0], [0], [float("nan")])) is None


def test_the_worst_images_are_wrong_and_sure() -> None:
    answers = made([0, 0, 0, 0, 0], [0, 1, 1, 1, 1], [0.99, 0.6, 0.9, 0.7, float("nan")])
    assert answers.worst(3) == [4, 2, 3]


def test_agreement() -> None:
    labels = [0, 0, 0, 1, 1, 1]
    one, other = made(labels, [0, 0, 1, 1, 2, 0]), made(labels, [0, 1, 1, 0, 2, 2])
    found = Agreement.of(one, other)
    assert found == Agreement(same=3, both_right=1, only_this=2, only_other=0, neither=3)
    assert (found.images, found.share, found.difference) == (6, 0.5, 2 / 6)
    # With a background class the other's outputs are one further.
    shifted = made([2] * 6, np.array([1, 2, 2, 1, 3, 3]).tolist())
    assert Agreement.of(one, shifted, translation=(-1, 0, 1, 2)).same == 3


def test_parts_join_in_the_order_of_the_data() -> None:
    whole = made([0, 1, 2, 3], [0, 1, 0, 3], [0.1, 0.2, 0.3, 0.4])
    parts = [whole.rows(np.array(rows)) for rows in ([3], [1, 2], [0])]
    joined = Answers.joined(parts, ("broken",))
    assert joined.indices.tolist() == [0, 1, 2, 3]
    assert joined.scores.tolist() == whole.scores.tolist()
    assert joined.unreadable == ("broken",)


def test_a_bias_is_one_where_the_images_are_enough_to_tell() -> None:
    """Wilson's 99 % interval of 80 of 100 is 68 to 88 %, of 8,000 of 10,000 it is 79 to 81 %."""
    for images, confidence, is_biased in (
        (100, 0.85, False),
        (10_000, 0.85, True),
        (100, 0.9, True),
    ):
        found = Calibration(0.0, (Bin(0.8, 0.9, images, confidence, 0.8),))
        assert found.bias == pytest.approx(confidence - 0.8)
        assert found.is_biased == is_biased

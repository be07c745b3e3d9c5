"""Identical, close or different, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.golden.compare import ComparedAnswers, GoldenComparison, compare_answers
from edgecnn.golden.packed_numbers import sha256_of_array
from edgecnn.golden.sample import MAX_VALUES, GoldenAnswer, GoldenOutput, Scores, best_places
from edgecnn.tflite.schemes import FLOAT_TOLERANCE, INTEGER_TOLERANCE, AnswerTolerance


def compared(
    was: list[float] | Scores, found: list[float] | Scores, tolerance: AnswerTolerance
) -> GoldenComparison:
    """Compare two rows of scores."""
    answer = np.array(was, np.float32)
    places = best_places(answer)
    golden = GoldenAnswer(sha256_of_array(answer), places, answer[places])
    output = GoldenOutput.of("scores", len(answer), 1, keeps_best=True)
    how = ComparedAnswers("scores", "classes", output, float(np.abs(answer).max()))
    return compare_answers("ball", golden, np.array(found, np.float32), tolerance, how)


@pytest.mark.parametrize(
    ("was", "found", "tolerance", "verdict"),
    [
        ([0.1, 0.7, 0.2], [0.1, 0.7, 0.2], FLOAT_TOLERANCE, "identical"),
        ([0.1, 0.7, 0.2], [0.1, 0.7005, 0.1995], FLOAT_TOLERANCE, "close"),
        ([0.1, 0.7, 0.2], [0.1, 0.702, 0.198], FLOAT_TOLERANCE, "different"),
        ([0.1, 0.7, 0.2], [0.1, 0.65, 0.25], INTEGER_TOLERANCE, "close"),
        # The other class is first, though no score moved by more than is allowed.
        ([0.1, 0.47, 0.43], [0.1, 0.44, 0.46], INTEGER_TOLERANCE, "different"),
        # As good as equal before.
        ([0.1, 0.451, 0.449], [0.1, 0.44, 0.46], INTEGER_TOLERANCE, "close"),
        ([0.5, 0.5, 0.0], [0.5, 0.5, float("nan")], INTEGER_TOLERANCE, "different"),
        # Of logits a share of the largest.
        ([-5.0, 20.0, 3.0], [-5.0, 20.015, 3.0], FLOAT_TOLERANCE, "close"),
        ([-5.0, 20.0, 3.0], [-5.0, 20.025, 3.0], FLOAT_TOLERANCE, "different"),
    ],
)
def test_verdicts(
    was: list[float], found: list[float], tolerance: AnswerTolerance, verdict: str
) -> None:
    assert compared(was, found, tolerance).verdict == verdict


def test_it_says_where() -> None:
    found = compared([0.25, 0.75], [0.5, 0.5], FLOAT_TOLERANCE)
    assert (found.at, found.largest_difference) == (0, 0.25)
    assert (found.golden_top1, found.top1) == (1, 0)
    assert (found.golden_score, found.score) == (0.75, 0.5)


def test_a_class_that_is_not_kept_may_not_come_up() -> None:
    was: Scores = np.linspace(1, 0, 2 * MAX_VALUES, dtype=np.float32)
    found = was.copy()
    found[-1] = 0.9
    result = compared(was, found, INTEGER_TOLERANCE)
    assert result.verdict == "different"
    assert result.at == 2 * MAX_VALUES - 1
    assert result.largest_difference == pytest.approx(0.9 - was[MAX_VALUES - 1])

"""Figures by kind against their definitions on random answers, and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.accuracy.kinds.figures import Unit, mean_figure
from edgecnn.accuracy.kinds.images import ssim
from edgecnn.accuracy.kinds.labels import f1_of
from edgecnn.accuracy.kinds.maps import mean_iou
from edgecnn.accuracy.kinds.numbers import r_squared
from edgecnn.accuracy.kinds.ranking import average_precision, roc_auc

RANDOM = np.random.default_rng(3)
ONCE = np.ones((1, 200))

Row = np.ndarray[Any, Any]


def auc_of_pairs(scores: Row, true: Row) -> float:
    """Return how often a true sample has the higher score, by looking at every pair."""
    pairs = [(one, other) for one in scores[true] for other in scores[~true]]
    return float(np.mean([(one > other) + 0.5 * (one == other) for one, other in pairs]))


def precision_by_thresholds(scores: Row, true: Row) -> float:
    """Return the sum over all thresholds of precision times the recall that it gains."""
    total, last = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        found = true[scores >= threshold]
        recall = found.sum() / true.sum()
        total += (recall - last) * found.mean()
        last = recall
    return total


def test_orders_are_judged_by_their_definitions() -> None:
    # Rounded scores have ties, which must not be broken in anybody's favour.
    scores, true = RANDOM.random(200).round(1), RANDOM.random(200) > 0.7
    assert roc_auc(scores, true, ONCE)[0] == pytest.approx(auc_of_pairs(scores, true))
    ours = average_precision(scores, true, ONCE)[0]
    assert ours == pytest.approx(precision_by_thresholds(scores, true))


def test_weights_stand_for_samples_that_are_there_several_times() -> None:
    scores, true = RANDOM.random(200).round(1), RANDOM.random(200) > 0.7
    times = RANDOM.integers(0, 4, 200)
    repeated = [np.repeat(each, times) for each in (scores, true)]
    weights = times[None].astype(np.float64)
    assert roc_auc(scores, true, weights)[0] == pytest.approx(auc_of_pairs(*repeated))
    ours = average_precision(scores, true, weights)[0]
    assert ours == pytest.approx(precision_by_thresholds(*repeated))


def test_f1_and_miou_are_means_over_labels_that_occur() -> None:
    # Two labels: 2 right, 1 in vain, 1 missed; nothing at all. Then 4 of 6 and no pixel.
    assert f1_of(np.array([[2.0, 0], [1, 0], [1, 0]])) == pytest.approx(2 / 3)
    assert mean_iou(np.array([[4.0, 0], [5, 0], [5, 0]])) == pytest.approx(4 / 6)


def test_r2_of_large_numbers_is_that_of_small_ones() -> None:
    wanted = np.array([[1.0, 5], [2, 5], [4, 5]])
    given = wanted + np.array([[0.5, 0], [-0.5, 0], [0, 0]])
    # Of the mean 7/3 the squared distances are 42/9; a number that never changes does not count.
    expected = 1 - 0.5 / (42 / 9)
    for moved in (0, 1e6):
        found = r_squared(given + moved, wanted + moved, np.ones((1, 3)))
        assert found[0] == pytest.approx(expected)


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = RANDOM.normal(10, 2, 400)
    figure = mean_figure("MAE", Unit.OUTPUT, values)
    assert figure.low is not None
    assert figure.high is not None
    half = 1.96 * values.std() / 20
    assert figure.low == pytest.approx(figure.value - half, abs=half / 5)
    assert figure.high == pytest.approx(figure.value + half, abs=half / 5)


def test_ssim_of_an_image_with_itself_and_of_noise() -> None:
    image = RANDOM.integers(0, 256, (32, 32, 3)).astype(np.float64)
    assert ssim(image, image) == pytest.approx(1)
    assert abs(ssim(image, image[::-1])) < 0.1

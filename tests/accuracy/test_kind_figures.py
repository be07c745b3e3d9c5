"""Figures by kind against those of peers on random answers, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.accuracy.kinds.figures import Unit, mean_figure
from edgecnn.accuracy.kinds.images import ssim
from edgecnn.accuracy.kinds.labels import f1_of
from edgecnn.accuracy.kinds.maps import mean_iou
from edgecnn.accuracy.kinds.numbers import r_squared
from edgecnn.accuracy.kinds.ranking import average_precision, roc_auc

peer = pytest.importorskip("sklearn.metrics", reason="the peer is scikit-learn")

RANDOM = np.random.default_rng(3)
ONCE = np.ones((1, 200))


def test_orders_are_judged_as_by_scikit_learn() -> None:
    # Rounded scores have ties, which must not be broken in anybody's favour.
    scores, true = RANDOM.random(200).round(1), RANDOM.random(200) > 0.7
    assert roc_auc(scores, true, ONCE)[0] == pytest.approx(peer.roc_auc_score(true, scores))
    ours = average_precision(scores, true, ONCE)[0]
    assert ours == pytest.approx(peer.average_precision_score(true, scores))


def test_weights_stand_for_samples_that_are_there_several_times() -> None:
    scores, true = RANDOM.random(200).round(1), RANDOM.random(200) > 0.7
    times = RANDOM.integers(0, 4, 200)
    repeated = [np.repeat(each, times) for each in (true, scores)]
    weights = times[None].astype(np.float64)
    assert roc_auc(scores, true, weights)[0] == pytest.approx(peer.roc_auc_score(*repeated))
    ours = average_precision(scores, true, weights)[0]
    assert ours == pytest.approx(peer.average_precision_score(*repeated))


def test_f1_r2_and_miou_are_those_of_scikit_learn() -> None:
    given, true = RANDOM.random((200, 4)) > 0.5, RANDOM.random((200, 4)) > 0.6
    cells = np.stack([given & true, given & ~true, ~given & true], axis=1).sum(axis=0)
    macro = peer.f1_score(true, given, average="macro")
    micro = peer.f1_score(true, given, average="micro")
    assert f1_of(cells.astype(np.float64)) == pytest.approx(macro)
    assert f1_of(cells.sum(axis=1, keepdims=True).astype(np.float64)) == pytest.approx(micro)
    wanted = RANDOM.normal(1e3, 1, (200, 3))
    answered = wanted + RANDOM.normal(0, 0.5, (200, 3))
    assert r_squared(answered, wanted, ONCE)[0] == pytest.approx(peer.r2_score(wanted, answered))
    classes, others = RANDOM.integers(0, 5, 200), RANDOM.integers(0, 5, 200)
    pixels = [
        np.bincount(each, minlength=5) for each in (others[classes == others], classes, others)
    ]
    jaccard = peer.jaccard_score(classes, others, average="macro")
    assert mean_iou(np.stack(pixels).astype(np.float64)) == pytest.approx(jaccard)


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

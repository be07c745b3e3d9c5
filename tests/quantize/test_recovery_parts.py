"""The steps of accuracy recovery, each on numbers or small models whose answer is known."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.quantize.calibration.outlier_images import outlier_images
from edgecnn.quantize.recovery.clipping import best_range
from edgecnn.quantize.recovery.joint_rounding import _damped, _exact, _greedy, round_weights
from edgecnn.quantize.recovery.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_describes_the_steps_as_the_code_does() -> None:
    lines = (ROOT / "docs" / "convert.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    described = [row[:3] for row in rows if len(row) == 4 and row[3].endswith(".py`")]
    assert described == [[f"`{s.name}`", s.changes, s.source] for s in STEPS.values()]


def correlated(groups: int, inputs: int, seed: int = 0) -> Any:
    generator = np.random.Generator(np.random.PCG64(seed))
    mixed = generator.normal(size=(groups, 400, inputs)) @ generator.normal(
        size=(groups, inputs, inputs)
    )
    return mixed.transpose(0, 2, 1) @ mixed / 400


def cost(ratios: Any, levels: Any, covariance: Any) -> Any:
    errors = levels - ratios
    return np.einsum("goi,gij,goj->go", errors, covariance, errors)


def test_small_kernels_get_the_best_of_all_roundings() -> None:
    covariance = _damped(correlated(3, 4))
    ratios = np.random.Generator(np.random.PCG64(1)).uniform(-5, 5, (3, 2, 4))
    ways = [np.floor(ratios) + np.array(way) for way in itertools.product((0.0, 1.0), repeat=4)]
    least = np.min([cost(ratios, way, covariance) for way in ways], axis=0)
    np.testing.assert_allclose(cost(ratios, _exact(ratios, covariance), covariance), least)


@pytest.mark.parametrize("inputs", [12, 150])
def test_large_kernels_get_much_better_than_the_nearest(inputs: int) -> None:
    covariance = _damped(correlated(2, inputs))
    ratios = np.random.Generator(np.random.PCG64(1)).uniform(-90, 90, (2, 5, inputs))
    chosen = cost(ratios, _greedy(ratios, covariance), covariance)
    nearest = cost(ratios, np.rint(ratios), covariance)
    assert chosen.mean() < 0.8 * nearest.mean()


def test_uncorrelated_inputs_are_rounded_to_the_nearest() -> None:
    ratios = np.random.Generator(np.random.PCG64(2)).uniform(-90, 90, (1, 3, 40))
    levels = round_weights(ratios, np.eye(40)[None], np.ones((1, 3)))
    np.testing.assert_array_equal(levels, np.rint(ratios))


def test_inputs_that_never_change_do_no_harm() -> None:
    covariance = correlated(1, 20)
    covariance[0, 3] = covariance[0, :, 3] = 0.0
    weights = np.random.Generator(np.random.PCG64(3)).normal(size=(1, 4, 20))
    for some in (covariance, np.zeros_like(covariance)):
        levels = round_weights(weights, some, np.abs(weights).max(axis=2) / 127)
        assert levels.dtype == np.int8
        assert np.abs(levels).max() <= 127
        # A rounding may take up others' errors, but stays near its weight.
        assert np.abs(levels * np.abs(weights).max(axis=2)[..., None] / 127 - weights).max() < 0.2


def test_the_range_with_the_least_error() -> None:
    generator = np.random.Generator(np.random.PCG64(4))
    uniform = generator.uniform(-1, 1, 50_000).astype(np.float32)
    assert best_range(uniform, -1.0, 1.0) == (-1.0, 1.0)
    tailed = generator.laplace(0, 1, 200_000).astype(np.float32)
    extremes = float(tailed.min()), float(tailed.max())
    found = best_range(tailed, *extremes)
    assert extremes[0] <= found[0] < found[1] <= extremes[1]
    assert error_in(tailed, *found) < 0.9 * error_in(tailed, *extremes)
    # Zero stays within, since padding needs it.
    assert best_range(np.array([5.0, 6.0] * 100, np.float32), 5.0, 6.0)[0] == 0.0


def error_in(values: Any, low: float, high: float) -> float:
    step = (high - low) / 255
    return float(np.mean((np.clip(np.rint(values / step) * step, low, high) - values) ** 2))


def test_images_far_beyond_the_others_in_many_layers_are_outliers() -> None:
    usual = np.tile(np.linspace(1.0, 2.0, 40, dtype=np.float32), (20, 1))
    assert outlier_images(dict(enumerate(usual))) == {}
    far = usual.copy()
    far[5:15, 7] = 2.0 * far[5:15].max()  # no more than networks do
    far[5:15, 9] = 18.0
    # Nine images of ten stay below 1.9: the 40 lie in steps of 1/39, and two stand above.
    ((number, times),) = outlier_images(dict(enumerate(far))).items()
    assert number == 9
    assert times == pytest.approx(18.0 / 1.9, rel=0.05)


def test_one_layer_or_many_images_make_no_outliers() -> None:
    rarely_active = np.ones((40, 40), np.float32)
    rarely_active[3] = 0.0
    rarely_active[3, 5] = 9.0
    assert outlier_images(dict(enumerate(rarely_active))) == {}
    two_kinds = np.ones((40, 40), np.float32)
    two_kinds[:, ::5] = 9.0
    assert outlier_images(dict(enumerate(two_kinds))) == {}
    assert outlier_images({}) == {}

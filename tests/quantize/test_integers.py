"""The quantiser: scales by arithmetic, integers as kernels ask for them, a peer."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.quantize.integers.kernels import INT8_ACTIVATIONS, INT16_ACTIVATIONS
from edgecnn.quantize.integers.levels import activation_levels, symmetric_levels, to_levels


@pytest.mark.parametrize(
    ("extremes", "scale", "zero_point"),
    [
        ((0.0, 6.0), 6 / 255, -128),
        ((-1.0, 1.0), 2 / 255, 0),  # -0.5 is between two integers: the upper one
        ((-6.0, 0.0), 6 / 255, 127),
        ((2.0, 4.0), 4 / 255, -128),  # zero is always among the levels
        ((-3.0, -1.0), 3 / 255, 127),
        ((-0.5, 2.05), 0.01, -78),
    ],
)
def test_eight_bit_levels(extremes: tuple[float, float], scale: float, zero_point: int) -> None:
    levels = activation_levels(extremes, INT8_ACTIVATIONS)
    assert levels.scales[0] == pytest.approx(scale, rel=1e-6)
    assert abs(int(levels.zero_points[0]) - zero_point) <= (extremes == (-1.0, 1.0))


@pytest.mark.parametrize("extremes", [(-2.0, 1.0), (0.0, 2.0), (-1.0, 2.0)])
def test_sixteen_bit_levels_are_symmetric(extremes: tuple[float, float]) -> None:
    levels = activation_levels(extremes, INT16_ACTIVATIONS)
    assert levels.scales[0] == pytest.approx(2 / 32767, rel=1e-6)
    assert levels.zero_points[0] == 0


def test_weights_have_a_scale_a_channel_and_no_minus_128() -> None:
    weights = np.array([[1.27, -1.27, 0.63], [0.0, 0.0, 0.0], [-254.0, 2.0, 0.9]])
    levels = symmetric_levels(weights, axis=0)
    # Zeros are zeros in any scale, and the kernels refuse one that is far larger than the others.
    assert levels.scales == pytest.approx([0.01, 2.0, 2.0])
    assert symmetric_levels(0 * weights, axis=0).scales == pytest.approx([1e-6] * 3)
    assert to_levels(weights, levels, "int8", -127).tolist() == [
        [127, -127, 63],
        [0, 0, 0],
        [-127, 1, 0],
    ]

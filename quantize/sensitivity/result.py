"""What a measurement of sensitivity says; needs no numpy."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerSensitivity:
    """One op of a model, quantised alone while all others stay float.

    Ratios are signal-to-quantisation-noise ratios (SQNR) of the scores before softmax, in
    decibels; infinite where nothing changed. Lower is worse; 10 dB less is ten times the noise.

    Args:
        layer: Name of the Keras layer.
        kind: TFLite op.
        place: Of the op in the network, from 0 on.
        weights_db: Its weights in 8 bits; None for an op without weights.
        activation_db: Its result in 8 bits.
        both_db: Both.
        agreement: Part of the images whose best class stays the same with both; None for an
            answer of one number.
        share: Part of the sum of all rows' noise.
        low: Least value of its result over the calibration images.
        high: Greatest value.
        most_within: Part of that range, from 0 on, that holds 99.9 % of the values.
        weights_lost: Part of its weights that become 0; None for an op without weights.
        is_equalized: Whether recovery can bring the channels of its result to one range.
        is_clipped: Whether recovery would take a narrower range for less error.
    """

    layer: str
    kind: str
    place: int
    weights_db: float | None
    activation_db: float
    both_db: float
    agreement: float | None
    share: float
    low: float
    high: float
    most_within: float
    weights_lost: float | None
    is_equalized: bool
    is_clipped: bool

    @property
    def weights_noise(self) -> float:
        """Noise of the weights alone over the signal's power."""
        return 0.0 if self.weights_db is None else noise_of(self.weights_db)

    @property
    def activation_noise(self) -> float:
        """Noise of the activation alone over the signal's power."""
        return noise_of(self.activation_db)

    @property
    def noise(self) -> float:
        """Noise of both over the signal's power."""
        return noise_of(self.both_db)

    @property
    def is_weights(self) -> bool:
        """Whether the weights make more of the noise than the activation."""
        return self.weights_noise > self.activation_noise


@dataclass(frozen=True)
class Sensitivity:
    """A model, layer by layer, the worst first.

    Args:
        model: What was asked for.
        layers: Sorted by noise.
        images: How many images the noise was measured on; nothing was fitted to them, unless
            ``warnings`` says so.
        calibration_images: How many gave the ranges.
        plain_db: Of the int8 file of the whole model without recovery.
        plain_agreement: Of that file; None for an answer of one number.
        advice: What to do about the worst, one line each.
        warnings: What a user should know, one line each.
        versions: Of edgecnn, TensorFlow, Keras.
    """

    model: str
    layers: tuple[LayerSensitivity, ...]
    images: int
    calibration_images: int
    plain_db: float
    plain_agreement: float | None
    advice: tuple[str, ...]
    warnings: tuple[str, ...]
    versions: dict[str, str]

    @property
    def sum_db(self) -> float:
        """Ratio if the noise of all layers simply added up."""
        return decibels(sum(layer.noise for layer in self.layers))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no infinity: an infinite ratio is None."""
        values = {**dataclasses.asdict(self), "sum_db": self.sum_db}
        values["layers"] = [_finite(layer) for layer in values["layers"]]
        return _finite(values)


def noise_of(ratio_db: float) -> float:
    """Return noise over signal for a ratio in decibels.

    Example:
        >>> noise_of(20.0)
        0.01
    """
    return float(10.0 ** (-ratio_db / 10.0))


def decibels(noise: float) -> float:
    """Undo :func:`noise_of`."""
    return -10.0 * math.log10(noise) if noise else math.inf


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }

"""What a measurement of sensitivity says; needs no numpy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.json_writing import json_values
from edgecnn.core.wording import spoken
from edgecnn.quantize.recovery.proof import decibels_of, noise_of


@dataclass(frozen=True)
class LayerSensitivity:
    """One op of a model, quantised alone while all others stay float.

    Ratios are signal-to-quantisation-noise ratios (SQNR) of the scores before softmax, in
    decibels; infinite where nothing changed. Lower is worse; 10 dB less is ten times the noise.

    Args:
        layer: Name of the Keras layer.
        kind: Kind of the TFLite op.
        place: Place of the op in the network, from 0 on.
        weights_db: SQNR with the op's weights in 8 bits; None for an op without weights.
        activation_db: SQNR with the op's result in 8 bits.
        both_db: SQNR with the op's weights and its result in 8 bits.
        agreement: Part of the images whose best class stays the same with weights and result in 8
            bits; None for an answer of one number.
        share: The op's part of the sum of all rows' noise.
        low: Least value of the op's result over the calibration images.
        high: Greatest value of the op's result over the calibration images.
        most_within: Part of the result's range, from 0 on, that holds 99.9 % of the values.
        weights_lost: Part of the op's weights that become 0; None for an op without weights.
        is_equalized: Whether recovery can bring the channels of the op's result to one range.
        is_clipped: Whether recovery would take a narrower range of the result for less error.
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
        """Noise of weights and activation together over the signal's power."""
        return noise_of(self.both_db)

    @property
    def is_weights(self) -> bool:
        """Whether the weights make more of the noise than the activation."""
        return self.weights_noise > self.activation_noise


@dataclass(frozen=True)
class Sensitivity:
    """What each layer of a model costs when it alone is quantised, the worst layer first.

    Args:
        model: The model, as the call named it.
        layers: The layers, sorted by noise.
        images: How many images the noise was measured on; nothing was fitted to them, unless
            ``warnings`` says so.
        calibration_images: How many images gave the ranges.
        plain_db: SQNR of the int8 file of the whole model without recovery, in decibels.
        plain_agreement: Agreement of the int8 file without recovery with the float file; None where
            no output decides.
        plain_words: How near the int8 file without recovery is to the float file, in the words of
            what its outputs are.
        advice: What to do about the worst layers, one line each.
        warnings: What a user should know, one line each.
        versions: Versions of edgecnn, TensorFlow and Keras.
        are_images: Whether the samples were images, and not arrays.
    """

    model: str
    layers: tuple[LayerSensitivity, ...]
    images: int
    calibration_images: int
    plain_db: float
    plain_agreement: float | None
    plain_words: str
    advice: tuple[str, ...]
    warnings: tuple[str, ...]
    versions: dict[str, str]
    are_images: bool = True

    def __post_init__(self) -> None:
        """Put what a user should know into the language of the caller."""
        object.__setattr__(self, "advice", tuple(map(spoken, self.advice)))
        object.__setattr__(self, "warnings", tuple(map(spoken, self.warnings)))

    @property
    def sum_db(self) -> float:
        """SQNR in decibels if the noise of all layers simply added up."""
        return decibels_of(sum(layer.noise for layer in self.layers))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no infinity: an infinite ratio is None."""
        values: dict[str, Any] = json_values({**dataclasses.asdict(self), "sum_db": self.sum_db})
        return values

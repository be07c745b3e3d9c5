"""What to do about the layers that lose most; every line follows from what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.quantize.recovery.kind_words import LEAST_AGREEMENT
from edgecnn.quantize.sensitivity.result import LayerSensitivity
from edgecnn.tflite.ops import op_traits

NOTABLE_SHARE = 0.1
"""Share of all noise from which on a layer is worth a line."""
MOST_LINES = 3
ENOUGH_DB = 30.0
"""SQNR of scores, in decibels, from which on nothing need be done: with noise of a thousandth of
the signal only answers that are a toss-up change."""
MANY_LOST = 0.1
"""Part of a layer's weights that become 0, from which on the loss is worth saying."""
LONG_TAIL = 0.5
"""An activation has a long tail where 99.9 % of its values are within less than this part of its
range."""


def advise(
    layers: Sequence[LayerSensitivity], plain_db: float, plain_agreement: float | None
) -> list[str]:
    """Return what to do, one line each.

    Args:
        layers: Sorted by noise, the worst first.
        plain_db: SQNR of the plain int8 file's scores, in decibels.
        plain_agreement: Agreement of the plain int8 file with the float file; None for an answer of
            one number.
    """
    agrees = plain_agreement is None or plain_agreement >= LEAST_AGREEMENT
    if plain_db >= ENOUGH_DB and agrees:
        return [f"nothing to do: the plain int8 file's scores are at {plain_db:.1f} dB"]
    notable = [layer for layer in layers if layer.share >= NOTABLE_SHARE][:MOST_LINES]
    lines = [
        _about_weights(layer) if layer.is_weights else _about_activation(layer) for layer in notable
    ]
    if not notable:
        lines = [f"no layer makes {100 * NOTABLE_SHARE:.0f} % of the noise: it comes from all"]
    return [*lines, _if_not_enough(layers)]


def _about_weights(layer: LayerSensitivity) -> str:
    lost = layer.weights_lost or 0.0
    why = f" ({100 * lost:.0f} % of them become 0)" if lost >= MANY_LOST else ""
    if op_traits(layer.kind).is_linear:
        return (
            f"{layer.layer}: its weights{why}: "
            "convert's --recover fast or full rounds them together"
        )
    return f"{layer.layer}: its weights{why}: recovery leaves a {layer.kind} as it is"


def _about_activation(layer: LayerSensitivity) -> str:
    what = f"its activation spans {layer.low:.3g}..{layer.high:.3g}"
    if layer.most_within < LONG_TAIL:
        what += f", where 99.9 % of the values are within {100 * layer.most_within:.0f} % of that"
    if layer.is_equalized:
        return (
            f"{layer.layer}: {what}: convert's --recover full, and fast for small networks, brings "
            "its channels to one range"
        )
    if layer.is_clipped:
        return f"{layer.layer}: {what}: convert's --recover fast or full takes a narrower range"
    return f"{layer.layer}: {what}, which is as narrow as it can be"


def _if_not_enough(layers: Sequence[LayerSensitivity]) -> str:
    """Say which scheme to try when recovery is not enough; int16x8 has the same weights as int8."""
    weights = sum(layer.weights_noise for layer in layers)
    activations = sum(layer.activation_noise for layer in layers)
    part = 100 * activations / ((weights + activations) or 1.0)
    if part >= 50:
        return f"if that is not enough: int16x8, as activations make {part:.0f} % of the noise"
    return (
        f"if that is not enough: float16, as weights make {100 - part:.0f} % of the noise "
        "and int16x8 has the same"
    )

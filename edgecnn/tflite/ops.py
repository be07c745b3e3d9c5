"""What is known of each kind of op: its weights, what it does to a factor, what it passes on.

One table, which every room asks: a kind that is missing here has no weights, computes something of
its own, and passes no factor on.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Activation(enum.IntEnum):
    """A function that is fused into an op; the numbers are the format's."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5

    @property
    def upper_bound(self) -> float:
        """The greatest value that it lets through; infinite where it has no bound."""
        bounds = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0, "TANH": 1.0, "SIGN_BIT": 1.0}
        return bounds.get(self.name, float("inf"))

    @property
    def is_rectifier(self) -> bool:
        """Whether its least value is zero, below which it is zero too."""
        return self in (Activation.RELU, Activation.RELU6)

    @property
    def passes_factors(self) -> bool:
        """Whether a positive factor before it is the same factor behind it."""
        return self in (Activation.NONE, Activation.RELU)


@dataclass(frozen=True)
class OpKind:
    """What is known of a kind of op.

    Args:
        has_weights: Whether its second input is weights.
        channel_axis: Axis of the weights along which its output channels lie.
        mixes_channels: Whether each output channel is made of all input channels.
        is_linear: Whether its arithmetic is known here: weights times a window of its input, a bias
            and a fused activation. Recovery corrects such ops.
        has_window: Whether its weights slide over a feature map.
        averages: Whether errors of single values in what it reads average out in its result.
        passes_factors: Whether its result is twice as large if its first input is.
        moves_values: Whether its result holds the very values that it reads, in another shape or
            order or a part of them, so that quantising it costs nothing by itself.
        converts: Whether it turns one type of numbers into another.
    """

    has_weights: bool = False
    channel_axis: int = 0
    mixes_channels: bool = False
    is_linear: bool = False
    has_window: bool = False
    averages: bool = False
    passes_factors: bool = False
    moves_values: bool = False
    converts: bool = False


_MOVING = OpKind(moves_values=True)
_CONVERTING = OpKind(converts=True)

_KINDS = {
    "CONV_2D": OpKind(
        has_weights=True, mixes_channels=True, is_linear=True, has_window=True, averages=True
    ),
    "DEPTHWISE_CONV_2D": OpKind(
        has_weights=True, channel_axis=3, is_linear=True, has_window=True, averages=True
    ),
    "FULLY_CONNECTED": OpKind(has_weights=True, mixes_channels=True, is_linear=True),
    "TRANSPOSE_CONV": OpKind(has_weights=True, mixes_channels=True),
    "CONV_3D": OpKind(has_weights=True, channel_axis=4, mixes_channels=True),
    "ADD": OpKind(averages=True),
    "MEAN": OpKind(averages=True, passes_factors=True),
    "AVERAGE_POOL_2D": OpKind(averages=True, passes_factors=True),
    "MAX_POOL_2D": OpKind(passes_factors=True, moves_values=True),
    "PAD": OpKind(passes_factors=True, moves_values=True),
    "RESHAPE": OpKind(passes_factors=True, moves_values=True),
    "QUANTIZE": _CONVERTING,
    "DEQUANTIZE": _CONVERTING,
    **dict.fromkeys(
        (
            "BATCH_TO_SPACE_ND", "CAST", "DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER", "MIRROR_PAD",
            "PACK", "PADV2", "SHAPE", "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT",
            "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK",
        ),
        _MOVING,
    ),
}  # fmt: skip

_OTHER = OpKind()

RESHAPING = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
"""Ops that give a tensor another shape, and neither move nor change a value."""

POOLS = frozenset({"MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN"})
"""Ops that make one value of many in each channel."""

PROBABILITY_OPS = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
"""Ops that make probabilities of scores, and what users call them."""


def op_kind(name: str) -> OpKind:
    """Return what is known of a kind of op.

    Args:
        name: As the format has it: ``"CONV_2D"``.

    Example:
        >>> op_kind("DEPTHWISE_CONV_2D").channel_axis
        3
    """
    return _KINDS.get(name, _OTHER)

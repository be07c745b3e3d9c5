"""What is known of each kind of op: its weights, what it does to a factor, what it passes on.

Every room asks this one table: a kind that is missing here has no weights, computes new values, and
passes no factor on.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from edgecnn.tflite.numbers import INT8


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
        """The greatest value that the activation lets through; infinite where there is no bound."""
        bounds = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0, "TANH": 1.0, "SIGN_BIT": 1.0}
        return bounds.get(self.name, float("inf"))

    @property
    def is_rectifier(self) -> bool:
        """Whether the activation is a ReLU, whose least value is zero."""
        return self in (Activation.RELU, Activation.RELU6)

    @property
    def lower_bound(self) -> float:
        """The least value that the activation lets through; infinite where there is no bound."""
        bounds = {"RELU": 0.0, "RELU6": 0.0, "RELU_N1_TO_1": -1.0, "TANH": -1.0, "SIGN_BIT": 0.0}
        return bounds.get(self.name, -float("inf"))

    @property
    def passes_factors(self) -> bool:
        """Whether a positive factor before the activation is the same factor behind it."""
        return self in (Activation.NONE, Activation.RELU)


@dataclass(frozen=True)
class OpTraits:
    """What is known of a kind of op.

    Args:
        has_weights: Whether the op's second input is weights.
        channel_axis: Axis of the weights along which the op's output channels lie.
        mixes_channels: Whether each output channel is made of all input channels.
        is_linear: Whether the op's arithmetic is known here: weights times a window of the input, a
            bias and a fused activation. Recovery corrects such ops.
        has_window: Whether the op's weights slide over a feature map.
        averages: Whether errors of single values of the op's input average out in its result.
        passes_factors: Whether the op's result is twice as large if its first input is.
        moves_values: Whether the op's result holds values of its input unchanged, in another shape
            or order or a part of them, so that quantising it costs nothing by itself.
        passes_values: Whether the op's result holds all values of its input, in another type of
            numbers, shape or order.
        reshapes: Whether the op gives a tensor another shape, and neither moves nor changes values.
        converts: Whether the op turns one type of numbers into another.
        in_place: Whether the op writes over an input of the same size, if no other op reads it.
        fixed_range: Range of the op's result if the runtime prescribes its 8-bit scale.
        is_transposed: Whether the op's weights are applied at each position of its data, which is
            its third input, and not at each position of its result.
        unpacks_constants: Whether the runtime runs the op once, while it loads a file, where the op
            reads a constant.
        gate_places: Places of a recurrent op's inputs that are weights, which one of its steps
            multiplies with once each.
    """

    has_weights: bool = False
    channel_axis: int = 0
    mixes_channels: bool = False
    is_linear: bool = False
    has_window: bool = False
    averages: bool = False
    passes_factors: bool = False
    moves_values: bool = False
    passes_values: bool = False
    reshapes: bool = False
    converts: bool = False
    in_place: bool = False
    fixed_range: tuple[float, float] | None = None
    is_transposed: bool = False
    unpacks_constants: bool = False
    gate_places: tuple[int, ...] = ()

    @property
    def matrix_places(self) -> tuple[int, ...]:
        """Places of the op's inputs that are weights, not biases."""
        return (1,) if self.has_weights else self.gate_places

    @property
    def is_depthwise(self) -> bool:
        """Whether each output channel is made of one input channel."""
        return self.has_weights and not self.mixes_channels


_MOVING = OpTraits(moves_values=True)
_PASSING = OpTraits(moves_values=True, passes_values=True)
_CONVERTING = OpTraits(converts=True, passes_values=True)
_PROBABILITIES = (0.0, INT8.steps / (INT8.steps + 1))
_SIGNED = (-1.0, INT8.largest / (INT8.largest + 1))

_LSTM_GATES = (*range(1, 9), 16)

RECURRENT_KINDS = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*_LSTM_GATES, *range(18, 26), 33, *range(40, 48)),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6, 10, 11),
    "RNN": (1, 2),
    "SVDF": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM_GATES,
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
}
"""Ops that hold a recurrent layer, all its steps or one -> places of their weights: those of the
input and of the last step's answer for each gate, and of the projection."""

PEEPHOLE_PLACES = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": (9, 10, 11, 26, 27, 28),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (9, 10, 11),
}
"""Recurrent op -> places of the weights by which a cell's state is multiplied value by value."""

_KINDS = {
    "CONV_2D": OpTraits(
        has_weights=True, mixes_channels=True, is_linear=True, has_window=True, averages=True
    ),
    "DEPTHWISE_CONV_2D": OpTraits(
        has_weights=True, channel_axis=3, is_linear=True, has_window=True, averages=True
    ),
    "FULLY_CONNECTED": OpTraits(has_weights=True, mixes_channels=True, is_linear=True),
    "TRANSPOSE_CONV": OpTraits(has_weights=True, mixes_channels=True, is_transposed=True),
    "CONV_3D": OpTraits(has_weights=True, channel_axis=4, mixes_channels=True),
    "ADD": OpTraits(averages=True, in_place=True),
    "MUL": OpTraits(in_place=True),
    "MEAN": OpTraits(averages=True, passes_factors=True),
    "AVERAGE_POOL_2D": OpTraits(averages=True, passes_factors=True),
    "MAX_POOL_2D": OpTraits(passes_factors=True, moves_values=True),
    "PAD": OpTraits(passes_factors=True, moves_values=True),
    "RESHAPE": replace(_PASSING, reshapes=True, passes_factors=True, in_place=True),
    "SQUEEZE": replace(_PASSING, reshapes=True, in_place=True),
    "EXPAND_DIMS": replace(_PASSING, reshapes=True),
    "TRANSPOSE": _PASSING,
    "CAST": _PASSING,
    "QUANTIZE": _CONVERTING,
    "DEQUANTIZE": replace(_CONVERTING, unpacks_constants=True),
    "DENSIFY": OpTraits(unpacks_constants=True),
    "SOFTMAX": OpTraits(in_place=True, fixed_range=_PROBABILITIES),
    "LOGISTIC": OpTraits(fixed_range=_PROBABILITIES),
    "TANH": OpTraits(fixed_range=_SIGNED),
    "L2_NORMALIZATION": OpTraits(fixed_range=_SIGNED),
    **dict.fromkeys(
        (
            "BATCH_TO_SPACE_ND", "DEPTH_TO_SPACE", "GATHER", "MIRROR_PAD", "PACK", "PADV2", "SHAPE",
            "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "STRIDED_SLICE",
            "UNPACK",
        ),
        _MOVING,
    ),
}  # fmt: skip

_KINDS |= {kind: OpTraits(gate_places=places) for kind, places in RECURRENT_KINDS.items()}

_OTHER = OpTraits()

POOLS = frozenset({"MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN"})
"""Ops that make one value of many in each channel."""

PROBABILITY_OPS = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
"""Ops that make probabilities of scores -> what users call them."""


EDGE_TPU_OP = "edgetpu-custom-op"
"""The custom op that the Edge TPU's compiler puts in place of the ops that it compiles."""


def op_traits(name: str) -> OpTraits:
    """Return what is known of a kind of op.

    Args:
        name: Name of the kind in the format: ``"CONV_2D"``.

    Example:
        >>> op_traits("DEPTHWISE_CONV_2D").channel_axis
        3
    """
    return _KINDS.get(name, _OTHER)

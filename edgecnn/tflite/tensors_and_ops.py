"""The tensors and ops that a graph is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.ops import Activation, OpTraits, op_traits

Array = npt.NDArray[Any]
Range = tuple[float, float]
"""The least and the greatest value of a tensor."""

SAME, VALID = 0, 1
"""The format's numbers of the two paddings."""


@dataclass(frozen=True)
class Quantization:
    """How a tensor's integers stand for real numbers.

    Args:
        scales: One scale, or one for each channel.
        zero_points: The integers that stand for 0, as many as scales.
        axis: Axis of the channels.
        details: The schema's type and table of another way of quantising, such as block-wise.
    """

    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int = 0
    details: tuple[int, Any] = (0, None)


@dataclass(eq=False)
class Tensor:
    """A tensor of a graph.

    Args:
        index: The tensor's number in the graph and in copies of it; it stays when other tensors go.
        name: The tensor's name.
        shape: The tensor's shape; empty for a scalar.
        dtype: Element type as the schema calls it, in lower case: ``"float32"``, ``"int4"``.
        data: A constant's bytes, shape (bytes,), uint8; None for an op's result.
        quantization: How integers stand for real numbers; None for floats.
        range: The least and greatest value that the tensor is marked to have for quantising, or
            None.
        extra: Fields of the schema that nothing here changes: sparsity, open shapes, variables.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: npt.NDArray[np.uint8] | None = None
    quantization: Quantization | None = None
    range: Range | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        # The hash is the same in each run, so that sets of tensors have the same order.
        return self.index

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether the file holds the tensor's values."""
        return self.data is not None

    @property
    def is_variable(self) -> bool:
        """Whether the tensor keeps its values from call to call, as an LSTM's state."""
        return bool(self.extra.get("isVariable"))

    @property
    def is_float(self) -> bool:
        """Whether the tensor's values are float32."""
        return self.dtype == "float32"

    @property
    def values(self) -> Array:
        """A constant's values, in the tensor's shape and element type."""
        assert self.data is not None
        return self.data.view(np.dtype(self.dtype)).reshape(self.shape)

    @values.setter
    def values(self, values: Array) -> None:
        flat = np.ascontiguousarray(values, np.dtype(self.dtype)).reshape(-1)
        self.data = flat.view(np.uint8)

    @property
    def float_values(self) -> npt.NDArray[np.float32] | None:
        """A float32 constant's values; None for any other tensor."""
        return self.values if self.is_constant and self.is_float else None

    @property
    def scales(self) -> npt.NDArray[np.float64]:
        """The scales: one, or one for each channel; none for floats."""
        if self.quantization is None:
            return np.zeros(0)
        return self.quantization.scales.astype(np.float64)

    @property
    def zero_point(self) -> int:
        """The first zero point; 0 where there is none."""
        if self.quantization is None or not self.quantization.zero_points.size:
            return 0
        return int(self.quantization.zero_points[0])

    def dequantized(self, values: Array) -> npt.NDArray[np.float32]:
        """Return the real numbers that values of this tensor stand for.

        Args:
            values: Values of the tensor's element type, of any shape.
        """
        if self.quantization is None:
            return values.astype(np.float32, copy=False)
        shifted = values.astype(np.float32) - np.float32(self.zero_point)
        shifted *= np.float32(self.quantization.scales[0])
        return shifted


NOTHING = Tensor(index=-1, name="", shape=(), dtype="none")
"""What stands for a tensor where an op has none; no graph has it, and no op makes or reads it."""


@dataclass(eq=False)
class Op:
    """An op of a graph.

    Args:
        kind: Kind of the op in the format: ``"CONV_2D"``; a custom op's own name.
        inputs: The tensors that the op reads; None where an optional input is left out.
        outputs: The tensors that the op makes.
        options: The op's settings, in the schema's object form; None where there are none.
        version: Version of the op's kind that the file declares; None for an op that is made here,
            which takes the version of others of its kind.
        intermediates: Tensors within the op, which some recurrent ops have.
        is_custom: Whether the op's kind is not the format's but a program's own.
        extra: Fields of the schema that nothing here changes: custom options.
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    version: int | None = None
    intermediates: list[Tensor] = field(default_factory=list)
    is_custom: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def traits(self) -> OpTraits:
        """What is known of the op's kind."""
        return op_traits(self.kind)

    @property
    def source(self) -> Tensor:
        """The op's first input; :data:`NOTHING` for an op without one, as VAR_HANDLE."""
        tensor = self.inputs[0] if self.inputs else NOTHING
        assert tensor is not None
        return tensor

    @property
    def result(self) -> Tensor:
        """The op's first output; :data:`NOTHING` for an op without one, as ASSIGN_VARIABLE."""
        return self.outputs[0] if self.outputs else NOTHING

    @property
    def distinct_inputs(self) -> list[Tensor]:
        """The op's inputs that are not left out, each once."""
        return list(dict.fromkeys(tensor for tensor in self.inputs if tensor is not None))

    @property
    def activation_inputs(self) -> list[Tensor]:
        """The op's inputs that depend on the model's input, each once."""
        return [
            tensor
            for tensor in self.distinct_inputs
            if not (tensor.is_constant or tensor.is_variable)
        ]

    @property
    def constant_inputs(self) -> list[Tensor]:
        """The op's inputs that the file holds, each once."""
        return [tensor for tensor in self.distinct_inputs if tensor.is_constant]

    @property
    def is_weighted(self) -> bool:
        """Whether the op has weights and the file holds them."""
        return self.traits.has_weights and self.weights.is_constant

    @property
    def is_linear(self) -> bool:
        """Whether the op has weights that the file holds, and its arithmetic is known here."""
        return self.traits.is_linear and self.weights.is_constant

    @property
    def weights(self) -> Tensor:
        """The op's second input: the weights of a weighted op."""
        tensor = self.inputs[1]
        assert tensor is not None
        return tensor

    @property
    def bias(self) -> Tensor | None:
        """A weighted op's bias; None where there is none or another op makes it."""
        tensor = self.inputs[2] if len(self.inputs) > 2 else None
        return tensor if tensor is not None and tensor.is_constant else None

    @property
    def has_computed_bias(self) -> bool:
        """Whether a weighted op's bias is made by another op."""
        tensor = self.inputs[2] if len(self.inputs) > 2 else None
        return tensor is not None and not tensor.is_constant

    @property
    def activation(self) -> Activation:
        """The activation that is fused into the op."""
        return Activation(int(getattr(self.options, "fusedActivationFunction", 0) or 0))

    @activation.setter
    def activation(self, activation: Activation) -> None:
        self.options.fusedActivationFunction = int(activation)

    @property
    def strides(self) -> tuple[int, int]:
        """Steps of the op's window, down and across."""
        return int(self.options.strideH), int(self.options.strideW)

    @property
    def depth_multiplier(self) -> int:
        """How many output channels a depthwise op makes of each input channel."""
        return int(self.options.depthMultiplier)

    @property
    def has_same_padding(self) -> bool:
        """Whether the op's window reaches beyond the map and reads zeros there: "same" padding."""
        return int(self.options.padding) == SAME


def same_padding(side: int, window: int, stride: int) -> tuple[int, int]:
    """Return how many zeros "same" padding puts before and behind a side of a map.

    Args:
        side: Length of the side.
        window: Length of the window with its dilation: (kernel - 1) x dilation + 1.
        stride: Step of the window.

    Example:
        >>> same_padding(224, window=3, stride=2)
        (0, 1)
    """
    total = max((-(-side // stride) - 1) * stride + window - side, 0)
    return total // 2, total - total // 2

"""A ``.tflite`` graph that can be changed: typed ops and tensors, who reads and who makes a tensor.

``edgecnn.tflite.reading`` describes any file within bounds and changes none; a graph is for files
that edgecnn makes, or that the runtime has taken already. It is read once, changed by one pass
after another, and written where the runtime needs bytes (``edgecnn.tflite.serialization``).
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.ops import Activation, OpKind, op_kind

Array = npt.NDArray[Any]
Range = tuple[float, float]
"""The least and the greatest value of a tensor."""

OPTION_TABLES = {
    "ADD": "AddOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MUL": "MulOptions",
}
"""For the ops that are made here, the schema's table that holds their settings."""


@dataclass(frozen=True)
class Quantization:
    """How a tensor's integers stand for real numbers.

    Args:
        scales: One, or one for each channel.
        zero_points: As many integers, each of which stands for 0.
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
        index: Number in the graph and in copies of it; it stays when other tensors go.
        name: The tensor's name.
        shape: Its shape; empty for a scalar.
        dtype: Element type as the schema calls it, in lower case: ``"float32"``, ``"int4"``.
        data: A constant's bytes, shape (bytes,), uint8; None for what an op makes.
        quantization: Of integers; None for floats.
        range: The least and greatest value that it is marked to have for quantising, or None.
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
        # The same in each run, so that sets of tensors have an order that does not change.
        return self.index

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its values."""
        return self.data is not None

    @property
    def is_float(self) -> bool:
        """Whether its values are float32."""
        return self.dtype == "float32"

    @property
    def values(self) -> Array:
        """A constant's values, shape and element type as the tensor's."""
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
        """Scales: one, or one a channel; none for floats."""
        if self.quantization is None:
            return np.zeros(0)
        return self.quantization.scales.astype(np.float64)

    @property
    def zero_point(self) -> int:
        """The first zero point; 0 where there is none."""
        if self.quantization is None or not self.quantization.zero_points.size:
            return 0
        return int(self.quantization.zero_points[0])

    def real(self, values: Array) -> npt.NDArray[np.float32]:
        """Return the real numbers that values of this tensor stand for.

        Args:
            values: Of the tensor's element type, any shape.
        """
        if self.quantization is None:
            return values.astype(np.float32, copy=False)
        shifted = values.astype(np.float32) - np.float32(self.zero_point)
        shifted *= np.float32(self.quantization.scales[0])
        return shifted


@dataclass(eq=False)
class Op:
    """An op of a graph.

    Args:
        kind: As the format has it: ``"CONV_2D"``; a custom op's own name.
        inputs: What it reads; None where an optional input is left out.
        outputs: What it makes.
        options: Its settings, in the schema's object form; None where it has none.
        version: Version of its kind that the file declares; None for an op that is made here, which
            takes that of others of its kind.
        intermediates: Tensors within it, as some recurrent ops have.
        is_custom: Whether its kind is not the format's but a program's own.
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
    def known(self) -> OpKind:
        """What is known of its kind."""
        return op_kind(self.kind)

    @property
    def source(self) -> Tensor:
        """Its first input."""
        tensor = self.inputs[0]
        assert tensor is not None
        return tensor

    @property
    def result(self) -> Tensor:
        """Its first output."""
        return self.outputs[0]

    @property
    def reads(self) -> list[Tensor]:
        """Its inputs that are not left out, each once."""
        return list(dict.fromkeys(tensor for tensor in self.inputs if tensor is not None))

    @property
    def moving_inputs(self) -> list[Tensor]:
        """What it reads that depends on the model's input, each once."""
        return [tensor for tensor in self.reads if not tensor.is_constant]

    @property
    def constants(self) -> list[Tensor]:
        """What it reads that the file holds, each once."""
        return [tensor for tensor in self.reads if tensor.is_constant]

    @property
    def is_weighted(self) -> bool:
        """Whether it has weights and the file holds them."""
        return self.known.has_weights and self.weights.is_constant

    @property
    def is_linear(self) -> bool:
        """Whether it has weights that the file holds, and its arithmetic is known here."""
        return self.known.is_linear and self.weights.is_constant

    @property
    def weights(self) -> Tensor:
        """Its second input, which a weighted op's weights are."""
        tensor = self.inputs[1]
        assert tensor is not None
        return tensor

    @property
    def bias(self) -> Tensor | None:
        """A weighted op's bias, where it has one and the file holds it."""
        tensor = self.inputs[2] if len(self.inputs) > 2 else None
        return tensor if tensor is not None and tensor.is_constant else None

    @property
    def has_moving_bias(self) -> bool:
        """Whether a weighted op's bias is made by another op."""
        tensor = self.inputs[2] if len(self.inputs) > 2 else None
        return tensor is not None and not tensor.is_constant

    @property
    def activation(self) -> Activation:
        """The activation that is fused into it."""
        return Activation(int(getattr(self.options, "fusedActivationFunction", 0) or 0))

    @activation.setter
    def activation(self, activation: Activation) -> None:
        self.options.fusedActivationFunction = int(activation)

    @property
    def strides(self) -> tuple[int, int]:
        """Steps of its window, down and across."""
        return int(self.options.strideH), int(self.options.strideW)

    @property
    def pads(self) -> bool:
        """Whether its window reaches beyond the map, where zeros are read ("same" padding)."""
        return int(self.options.padding) == SAME


SAME, VALID = 0, 1
"""The format's numbers of paddings."""


class Graph:
    """The first subgraph of a model.

    Args:
        tensors: All tensors; ``index`` is each one's place.
        ops: In an order in which they can run.
        inputs: What goes in.
        outputs: What comes out.
        model: The rest of the file, in the schema's object form.

    Example:
        >>> graph = read_graph(content)
        >>> [op.kind for op in graph.ops][:2]
        ['CONV_2D', 'HARD_SWISH']
    """

    def __init__(
        self,
        tensors: list[Tensor],
        ops: list[Op],
        inputs: list[Tensor],
        outputs: list[Tensor],
        model: Any,
    ) -> None:
        self.tensors, self._ops = tensors, ops
        self.inputs, self.outputs = inputs, outputs
        self.model = model
        self._readers: dict[Tensor, list[Op]] | None = None
        self._makers: dict[Tensor, Op] | None = None
        self._numbers: dict[float, Tensor] = {}

    def copy(self) -> Graph:
        """Return a graph of its own; constants' bytes, which never change in place, are shared."""
        tensors = [copy.copy(tensor) for tensor in self.tensors]
        ops = [
            replace(
                op,
                inputs=[None if tensor is None else tensors[tensor.index] for tensor in op.inputs],
                outputs=[tensors[tensor.index] for tensor in op.outputs],
                options=copy.copy(op.options),
                intermediates=[tensors[tensor.index] for tensor in op.intermediates],
            )
            for op in self._ops
        ]
        inputs, outputs = ([tensors[t.index] for t in side] for side in (self.inputs, self.outputs))
        return Graph(tensors, ops, inputs, outputs, self.model)

    @property
    def ops(self) -> Sequence[Op]:
        """Its ops, in an order in which they can run."""
        return self._ops

    @property
    def input(self) -> Tensor:
        """The first tensor that goes in."""
        return self.inputs[0]

    @property
    def output(self) -> Tensor:
        """The first tensor that comes out."""
        return self.outputs[0]

    @property
    def is_alone(self) -> bool:
        """Whether the file has no other subgraph, which might share its constants."""
        return len(self.model.subgraphs) == 1

    def readers(self, tensor: Tensor) -> list[Op]:
        """Return the ops that read a tensor, in their order."""
        if self._readers is None:
            self._readers = {}
            for op in self._ops:
                for read in op.reads:
                    self._readers.setdefault(read, []).append(op)
        return self._readers.get(tensor, [])

    def only_reader(self, tensor: Tensor) -> Op | None:
        """Return the one op that reads a tensor; None if there are more or it is a result."""
        readers = self.readers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def maker(self, tensor: Tensor) -> Op | None:
        """Return the op that makes a tensor; None for inputs and constants."""
        if self._makers is None:
            self._makers = {made: op for op in self._ops for made in op.outputs}
        return self._makers.get(tensor)

    def shared_constants(self) -> set[Tensor]:
        """Return the constants that are read more than once, which can't be changed for one op."""
        uses = Counter(tensor for op in self._ops for tensor in op.inputs if tensor is not None)
        return {tensor for tensor, count in uses.items() if count > 1 and tensor.is_constant}

    def add_constant(self, values: Any, name: str) -> Tensor:
        """Add a float32 constant.

        Args:
            values: Anything that numpy makes an array of.
            name: The new tensor's name.
        """
        array = np.ascontiguousarray(values, np.float32)
        tensor = Tensor(len(self.tensors), name, array.shape, "float32")
        tensor.values = array
        self.tensors.append(tensor)
        return tensor

    def number(self, value: float) -> Tensor:
        """Return a constant of one number, which is added once."""
        if value not in self._numbers:
            self._numbers[value] = self.add_constant([value], f"number_{value:.3g}")
        return self._numbers[value]

    def like(
        self,
        tensor: Tensor,
        part: str,
        *,
        range: Range | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Tensor:
        """Add a tensor like another, but for what is given, named after it."""
        new = copy.copy(tensor)
        new.index, new.name = len(self.tensors), f"{tensor.name}/{part}"
        if range is not None:
            new.range = range
        if shape is not None:
            new.shape, new.extra = shape, {**tensor.extra, "shapeSignature": None}
        self.tensors.append(new)
        return new

    def new_op(self, kind: str, inputs: Sequence[Tensor], result: Tensor, **settings: Any) -> Op:
        """Return a new op, which is not in the graph yet.

        Args:
            kind: One of :data:`OPTION_TABLES`.
            inputs: What it reads.
            result: What it makes.
            settings: Fields of the schema's table of its kind.
        """
        from ai_edge_litert import schema_py_generated as schema

        options = getattr(schema, f"{OPTION_TABLES[kind]}T")()
        for name, value in settings.items():
            assert hasattr(options, name)
            setattr(options, name, value)
        table = getattr(schema.BuiltinOptions, OPTION_TABLES[kind])
        return Op(kind, list(inputs), [result], options, extra={"builtinOptionsType": table})

    def new_depthwise(
        self,
        inputs: Sequence[Tensor],
        result: Tensor,
        strides: tuple[int, int],
        activation: Activation,
    ) -> Op:
        """Return a new depthwise convolution without padding, which is not in the graph yet."""
        return self.new_op(
            "DEPTHWISE_CONV_2D",
            inputs,
            result,
            padding=VALID,
            strideH=strides[0],
            strideW=strides[1],
            dilationHFactor=1,
            dilationWFactor=1,
            depthMultiplier=1,
            fusedActivationFunction=int(activation),
        )

    def set_input(self, op: Op, place: int, tensor: Tensor) -> None:
        """Let an op read another tensor."""
        op.inputs[place] = tensor
        self._forget()

    def connect(self, op: Op, source: Tensor, result: Tensor) -> None:
        """Let an op read and write other tensors; its constants stay."""
        op.inputs[0], op.outputs = source, [result]
        self._forget()

    def rewire(self, old: Tensor, new: Tensor) -> None:
        """Let all ops that read one tensor read another."""
        for op in self.readers(old):
            op.inputs = [new if tensor is old else tensor for tensor in op.inputs]
        self._forget()

    def replace(self, olds: Iterable[Op], news: Sequence[Op]) -> None:
        """Put ops in the place of the last of some others."""
        places = {self._ops.index(old) for old in olds}
        before = [op for place, op in enumerate(self._ops) if place not in places]
        place = max(places) + 1 - len(places)
        self._ops = [*before[:place], *news, *before[place:]]
        self._forget()

    def set_ranges(self, ranges: Mapping[int, Range]) -> None:
        """Mark tensors to have ranges.

        Args:
            ranges: Tensor index -> (least, greatest) value.
        """
        for index, extremes in ranges.items():
            self.tensors[index].range = extremes

    def _forget(self) -> None:
        self._readers = self._makers = None

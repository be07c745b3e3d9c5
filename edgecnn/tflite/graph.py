"""A ``.tflite`` graph that can be changed: ops, tensors, and which ops make and read a tensor.

``edgecnn.tflite.reading`` describes any file within bounds and changes none; a graph is for files
that edgecnn makes, or that the runtime has taken already. It is read once, changed by one pass
after another, and written where the runtime needs bytes (``edgecnn.tflite.serialization``).
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgecnn.tflite.ops import Activation
from edgecnn.tflite.tensors_and_ops import VALID, Op, Range, Tensor

OPTION_TABLES = {
    "ADD": "AddOptions",
    "CAST": "CastOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "MUL": "MulOptions",
    "PAD": "PadOptions",
    "QUANTIZE": "QuantizeOptions",
    "SOFTMAX": "SoftmaxOptions",
}
"""Kind of an op that can be made here -> the schema's table of its settings."""


DEFAULT_SIGNATURE = "serving_default"
"""Name of the signature that TensorFlow gives a model with one."""


@dataclass(frozen=True)
class NamedCall:
    """A signature of a graph: the names by which programs give its inputs and ask for its outputs.

    Inputs and outputs may be rewritten to others; their places in the graph stay.

    Args:
        name: Name of the signature: ``"serving_default"``.
        inputs: Name of each input -> place in the graph's inputs.
        outputs: Name of each output -> place in the graph's outputs.
    """

    name: str
    inputs: dict[str, int]
    outputs: dict[str, int]


class Graph:
    """A subgraph of a model, and the others that its ops run or that the file has beside it.

    Args:
        tensors: All tensors; ``index`` is a tensor's place in this list.
        ops: The ops, in an order in which they can run.
        inputs: The model's inputs.
        outputs: The model's outputs.
        model: The rest of the file, in the schema's object form.
        calls: The signatures of this subgraph.
        name: The subgraph's name.
        others: Number by which ops name another subgraph -> the subgraph. These are shared by
            copies: a pass puts another graph in the place of one, and changes none.

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
        calls: Sequence[NamedCall] = (),
        name: Any = None,
        others: Mapping[int, Graph] | None = None,
    ) -> None:
        self.tensors, self._ops = tensors, ops
        self.inputs, self.outputs = inputs, outputs
        self.model, self.calls = model, tuple(calls)
        self.name, self.others = name, dict(others or {})
        self._readers: dict[Tensor, list[Op]] | None = None
        self._makers: dict[Tensor, Op] | None = None
        self._numbers: dict[float, Tensor] = {}

    def copy(self) -> Graph:
        """Return a copy that can be changed; both share constants' bytes, which never change."""
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
        return Graph(tensors, ops, inputs, outputs, self.model, self.calls, self.name, self.others)

    def change_others(self, change: Callable[[Graph], Graph]) -> None:
        """Put what a function returns for each other subgraph in its place."""
        self.others = {number: change(other) for number, other in self.others.items()}

    def name_call(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Give a graph the signature that programs expect.

        Args:
            inputs: Name of each input, in the order of the graph; a name that is there twice gets
                a number.
            outputs: Name of each output, as ``inputs``.
        """
        call = NamedCall(DEFAULT_SIGNATURE, _places(inputs), _places(outputs))
        self.calls = (call,)

    @property
    def ops(self) -> Sequence[Op]:
        """The ops, in an order in which they can run."""
        return self._ops

    @property
    def input(self) -> Tensor:
        """The model's first input."""
        return self.inputs[0]

    @property
    def output(self) -> Tensor:
        """The model's first output."""
        return self.outputs[0]

    @property
    def has_variables(self) -> bool:
        """Whether an op sets or reads a variable, which lasts from one call to the next."""
        return any(tensor.dtype == "resource" for tensor in self.tensors)

    def readers(self, tensor: Tensor) -> list[Op]:
        """Return the ops that read a tensor, in the order of the graph."""
        if self._readers is None:
            self._readers = {}
            for op in self._ops:
                for read in op.distinct_inputs:
                    self._readers.setdefault(read, []).append(op)
        return self._readers.get(tensor, [])

    def only_reader(self, tensor: Tensor) -> Op | None:
        """Return the only op that reads a tensor; None if there are others or it is an output."""
        readers = self.readers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def maker(self, tensor: Tensor) -> Op | None:
        """Return the op that makes a tensor; None for inputs and constants."""
        if self._makers is None:
            self._makers = {result: op for op in self._ops for result in op.outputs}
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

    def scalar_constant(self, value: float) -> Tensor:
        """Return a constant of one number; each number is added to the graph once."""
        if value not in self._numbers:
            self._numbers[value] = self.add_constant([value], f"number_{value:.3g}")
        return self._numbers[value]

    def add_like(
        self,
        tensor: Tensor,
        part: str,
        *,
        range: Range | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Tensor:
        """Add a tensor like another one.

        Args:
            tensor: The other tensor.
            part: Ending of the new tensor's name, behind the other's.
            range: The new tensor's range, if not the other's.
            shape: The new tensor's shape, if not the other's.
        """
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
            kind: Kind of the op, a key of :data:`OPTION_TABLES`.
            inputs: The tensors that the op reads.
            result: The tensor that the op makes.
            settings: Fields of the schema's table of the op's kind.
        """
        from ai_edge_litert import schema_py_generated as schema

        options = getattr(schema, f"{OPTION_TABLES[kind]}T")()
        for name, value in settings.items():
            assert hasattr(options, name)
            setattr(options, name, value)
        table = getattr(schema.BuiltinOptions, OPTION_TABLES[kind])
        return Op(kind, list(inputs), [result], options, extra={"builtinOptionsType": table})

    def new_cast(self, source: Tensor, result: Tensor) -> Op:
        """Return a new op that turns numbers into another type, which is not in the graph yet."""
        from ai_edge_litert import schema_py_generated as schema

        types = [getattr(schema.TensorType, each.dtype.upper()) for each in (source, result)]
        return self.new_op("CAST", [source], result, inDataType=types[0], outDataType=types[1])

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

    def new_pointwise(self, source: Tensor, result: Tensor, kernel: Any, bias: Any) -> Op:
        """Return a new convolution of single pixels, which is not in the graph yet.

        Args:
            source: What the convolution reads, shape (1, height, width, channels).
            result: What the convolution makes.
            kernel: Weights, shape (channels of the result, channels of the source).
            bias: A number for each channel of the result.
        """
        constants = [
            self.add_constant(np.asarray(kernel)[:, None, None], f"{result.name}/kernel"),
            self.add_constant(bias, f"{result.name}/bias"),
        ]
        return self.new_op(
            "CONV_2D",
            [source, *constants],
            result,
            padding=VALID,
            strideH=1,
            strideW=1,
            dilationHFactor=1,
            dilationWFactor=1,
            fusedActivationFunction=int(Activation.NONE),
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
        """Take some ops out and put others in the place of the last one; behind all without any."""
        places = {self._ops.index(old) for old in olds}
        if not places:
            self._ops = [*self._ops, *news]
            self._forget()
            return
        before = [op for place, op in enumerate(self._ops) if place not in places]
        place = max(places) + 1 - len(places)
        self._ops = [*before[:place], *news, *before[place:]]
        self._forget()

    def put_first(self, ops: Iterable[Op]) -> None:
        """Put ops before all others."""
        self._ops = [*ops, *self._ops]
        self._forget()

    def set_ranges(self, ranges: Mapping[int, Range]) -> None:
        """Set the ranges of tensors.

        Args:
            ranges: Tensor index -> (least, greatest) value.
        """
        for index, extremes in ranges.items():
            self.tensors[index].range = extremes

    def _forget(self) -> None:
        self._readers = self._makers = None


def _places(names: Sequence[str]) -> dict[str, int]:
    """Return the place of each name, where no name is there twice."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        places[next(n for n in itertools.chain([name], numbered) if n not in places)] = place
    return places

"""A ``.tflite`` graph that is being rewritten: who reads a tensor, new ops, new tensors."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.writing import pack, unpack

Values = npt.NDArray[np.float32]

LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
SCALED_ALONG = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "PAD", "RESHAPE")
"""Ops whose result is twice as large if what they read is."""

OPTIONS = {
    "ADD": "AddOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MUL": "MulOptions",
}
"""Of the ops that are made here, the name of the table that holds their settings."""


@dataclass(frozen=True)
class Absorbers:
    """Where a factor on a tensor ends: ops whose kernels take it, tensors that carry it."""

    kernels: list[Any]
    tensors: list[int]


class Graph:
    """The first subgraph of a model, in the schema's object form.

    Args:
        content: A ``.tflite`` file's bytes.

    Example:
        >>> graph = Graph(content)
        >>> [graph.kind(op) for op in graph.operators][:2]
        ['CONV_2D', 'HARD_SWISH']
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self._model = unpack(content)
        self._content, self._is_changed = content, False
        self._readers: dict[int, list[Any]] = {}
        self._numbers: dict[float, int] = {}
        self._names = {
            value: name for name, value in vars(schema.BuiltinOperator).items() if name[0] != "_"
        }
        self._graph = self._model.subgraphs[0]
        self.tensors: list[Any] = self._graph.tensors
        self.operators: list[Any] = list(self._graph.operators)
        for op in self.operators:
            # A vector that is empty may be left out of a file.
            op.inputs = _indices(op.inputs)
            op.outputs = _indices(op.outputs)

    @property
    def inputs(self) -> list[int]:
        """The tensors that go in."""
        return [int(tensor) for tensor in self._graph.inputs]

    @property
    def is_alone(self) -> bool:
        """Whether there is no other subgraph, which might share its constants."""
        return len(self._model.subgraphs) == 1

    def kind(self, op: Any) -> str:
        """Return the name of an op's kind, as ``"CONV_2D"``."""
        code = self._model.operatorCodes[op.opcodeIndex]
        return str(self._names[max(code.builtinCode, code.deprecatedBuiltinCode)])

    def readers(self, tensor: int) -> list[Any]:
        """Return the ops that read a tensor."""
        if not self._readers:
            for op in self.operators:
                for read in dict.fromkeys(op.inputs.tolist()):
                    self._readers.setdefault(read, []).append(op)
        return self._readers.get(tensor, [])

    def only_reader(self, tensor: int) -> Any:
        """Return the one op that reads a tensor; None if there are more or it is a result."""
        readers = self.readers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self._graph.outputs else None

    def constant(self, tensor: int) -> Values | None:
        """Return the values of a float32 constant; None for any other tensor, or none (-1)."""
        if tensor < 0:
            return None
        entry = self.tensors[tensor]
        data = self._model.buffers[entry.buffer].data
        if entry.type != self.schema.TensorType.FLOAT32 or data is None or not len(data):
            return None
        return np.frombuffer(np.asarray(data).tobytes(), np.float32).reshape(self.shape(tensor))

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return a tensor's shape; that of a scalar and an unknown one are empty."""
        shape = self.tensors[tensor].shape
        return () if shape is None else tuple(int(side) for side in shape)

    def elements(self, tensor: int) -> int:
        """Return a tensor's number of values."""
        return math.prod(self.shape(tensor))

    def add_constant(self, values: Any, name: str) -> int:
        """Add a float32 constant and return its index."""
        array = np.ascontiguousarray(values, np.float32)
        buffer, tensor = self.schema.BufferT(), self.schema.TensorT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        tensor.name, tensor.shape = name, np.array(array.shape, np.int32)
        tensor.type, tensor.buffer = self.schema.TensorType.FLOAT32, len(self._model.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def number(self, value: float) -> int:
        """Add a constant of one number, once; return its index."""
        if value not in self._numbers:
            self._numbers[value] = self.add_constant([value], f"number_{value:.3g}")
        return self._numbers[value]

    def like(
        self,
        tensor: int,
        part: str,
        *,
        extremes: tuple[float, float] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> int:
        """Add a tensor like another, but for what is given, named after it; return its index."""
        new = copy.copy(self.tensors[tensor])
        new.name = f"{self.name(tensor)}/{part}"
        self.tensors.append(new)
        if extremes is not None:
            self._set_range(len(self.tensors) - 1, extremes)
        if shape is not None:
            new.shape, new.shapeSignature = np.array(shape, np.int32), None
        return len(self.tensors) - 1

    def is_calibrated(self, tensor: int) -> bool:
        """Whether a tensor is marked to have a range."""
        extremes = getattr(self.tensors[tensor].quantization, "min", None)
        return extremes is not None and len(extremes) > 0

    def range(self, tensor: int) -> tuple[float, float]:
        """Return the least and the greatest value that a tensor is marked to have."""
        quantization = self.tensors[tensor].quantization
        return float(quantization.min[0]), float(quantization.max[0])

    def widen(self, tensor: int, factor: float) -> None:
        """Multiply the range that a tensor is marked to have."""
        low, high = self.range(tensor)
        self._set_range(tensor, (factor * low, factor * high))

    def _set_range(self, tensor: int, extremes: tuple[float, float]) -> None:
        quantization = self.schema.QuantizationParametersT()
        quantization.min, quantization.max = [extremes[0]], [extremes[1]]
        self.tensors[tensor].quantization = quantization

    def name(self, tensor: int) -> str:
        """Return a tensor's name."""
        name = self.tensors[tensor].name
        return name.decode() if isinstance(name, bytes) else str(name)

    def operator(self, kind: str, inputs: list[int], output: int, **settings: Any) -> Any:
        """Return a new op, which is not in the graph yet."""
        op, options = self.schema.OperatorT(), getattr(self.schema, f"{OPTIONS[kind]}T")()
        op.opcodeIndex = self._code(kind)
        op.inputs, op.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        op.builtinOptionsType = getattr(self.schema.BuiltinOptions, OPTIONS[kind])
        for name, value in settings.items():
            assert hasattr(options, name)
            setattr(options, name, value)
        op.builtinOptions = options
        return op

    def depthwise(
        self, inputs: list[int], result: int, strides: tuple[int, int], activation: int
    ) -> Any:
        """Return a new depthwise convolution without padding."""
        return self.operator(
            "DEPTHWISE_CONV_2D",
            inputs,
            result,
            padding=self.schema.Padding.VALID,
            strideH=strides[0],
            strideW=strides[1],
            dilationHFactor=1,
            dilationWFactor=1,
            depthMultiplier=1,
            fusedActivationFunction=activation,
        )

    def _code(self, kind: str) -> int:
        builtin = getattr(self.schema.BuiltinOperator, kind)
        for number, known in enumerate(self._model.operatorCodes):
            if max(known.builtinCode, known.deprecatedBuiltinCode) == builtin:
                return number
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def activation(self, op: Any) -> int:
        """Return the activation that is fused into an op; 0 for none."""
        return int(getattr(op.builtinOptions, "fusedActivationFunction", 0) or 0)

    def set_input(self, op: Any, place: int, tensor: int) -> None:
        """Let an op read another tensor."""
        inputs = np.array(op.inputs, np.int32)
        inputs[place] = tensor
        op.inputs = inputs
        self._changed()

    def _changed(self) -> None:
        self._is_changed, self._readers = True, {}

    def connect(self, op: Any, source: int, result: int) -> None:
        """Let an op read and write other tensors; its constants stay."""
        self.set_input(op, 0, source)
        op.outputs = np.array([result], np.int32)

    def absorbers(self, tensor: int) -> Absorbers | None:
        """Return where a positive factor on a tensor ends; None if not all of it is in kernels."""
        found, waiting, products = Absorbers([], []), [tensor], []
        while waiting:
            tensor = waiting.pop()
            readers = self.readers(tensor)
            found.tensors.append(tensor)
            if tensor in self._graph.outputs or not readers:
                return None
            for op in readers:
                if self.kind(op) in LINEAR and self._owns_kernel(op, tensor):
                    found.kernels.append(op)
                elif not self.activation(op) and self._scales_along(op, tensor):
                    waiting.append(int(op.outputs[0]))
                    products.append(int(op.outputs[0]))
                else:
                    return None
        # An op that reads the factor twice would have its square.
        return found if len(set(products)) == len(products) else None

    def _owns_kernel(self, op: Any, tensor: int) -> bool:
        kernel = int(op.inputs[1])
        owned = self.constant(kernel) is not None and self.only_reader(kernel) is op
        return owned and int(op.inputs[0]) == tensor

    def _scales_along(self, op: Any, tensor: int) -> bool:
        if self.kind(op) != "MUL":
            return self.kind(op) in SCALED_ALONG
        return len([t for t in op.inputs if int(t) != tensor]) == 1

    def scale_kernel(self, op: Any, factor: float) -> None:
        """Multiply the kernel of an op that alone reads it."""
        kernel = int(op.inputs[1])
        values = self.constant(kernel)
        assert values is not None
        scaled = values * np.float32(factor)
        self.set_input(op, 1, self.add_constant(scaled, self.name(kernel)))

    def rewire(self, old: int, new: int) -> None:
        """Let all who read one tensor read another."""
        for op in self.readers(old):
            op.inputs = np.where(op.inputs == old, new, op.inputs).astype(np.int32)
        self._changed()

    def replace(self, olds: list[Any], news: list[Any]) -> None:
        """Put ops in the place of the last of some others."""
        places = {
            place for place, op in enumerate(self.operators) if any(op is old for old in olds)
        }
        before = [op for place, op in enumerate(self.operators) if place not in places]
        place = max(places) + 1 - len(places)
        self.operators = [*before[:place], *news, *before[place:]]
        self._changed()

    def content(self) -> bytes:
        """Return the file's bytes, without the tensors and codes that no op uses any more.

        Those of a graph that was not changed are those that it was read from.
        """
        if not self._is_changed:
            return self._content
        self._graph.operators = self.operators
        self._drop_tensors()
        self._drop_buffers()
        self._drop_codes()
        return pack(self._model, len(self._content))

    def _drop_tensors(self) -> None:
        ends = (self._graph.inputs, self._graph.outputs)
        lists = [*ends, *(part for op in self.operators for part in (op.inputs, op.outputs))]
        kept = sorted({int(tensor) for part in lists for tensor in part if tensor >= 0})
        new = {old: number for number, old in enumerate(kept)} | {-1: -1}
        for op in self.operators:
            op.inputs, op.outputs = _renumbered(op.inputs, new), _renumbered(op.outputs, new)
        self._graph.inputs, self._graph.outputs = (_renumbered(end, new) for end in ends)
        for signature in self._model.signatureDefs or []:
            for entry in (*(signature.inputs or []), *(signature.outputs or [])):
                entry.tensorIndex = new[entry.tensorIndex]
        self.tensors = self._graph.tensors = [self.tensors[old] for old in kept]

    def _drop_buffers(self) -> None:
        holders = [*self.tensors, *(self._model.metadata or [])]
        # The first is empty and stands for none.
        kept = sorted({0, *(int(holder.buffer) for holder in holders)})
        new = {old: number for number, old in enumerate(kept)}
        for holder in holders:
            holder.buffer = new[int(holder.buffer)]
        self._model.buffers = [self._model.buffers[old] for old in kept]

    def _drop_codes(self) -> None:
        kept = sorted({int(op.opcodeIndex) for op in self.operators})
        new = {old: number for number, old in enumerate(kept)}
        for op in self.operators:
            op.opcodeIndex = new[int(op.opcodeIndex)]
        self._model.operatorCodes = [self._model.operatorCodes[old] for old in kept]


def _indices(vector: Any) -> npt.NDArray[np.int32]:
    return np.array([] if vector is None else vector, np.int32)


def _renumbered(tensors: Any, new: dict[int, int]) -> npt.NDArray[np.int32]:
    return np.array([new[int(tensor)] for tensor in tensors], np.int32)

"""From a ``.tflite`` file's bytes to a graph that can be changed, and back.

The same graph gives the same bytes. Tensors that no op uses are left out, and equal constants are
written once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.tflite.graph import Graph, NamedCall
from edgecnn.tflite.schema import enum_names
from edgecnn.tflite.subgraphs import called_subgraphs, renumbered
from edgecnn.tflite.tensors_and_ops import Op, Quantization, Tensor
from edgecnn.tflite.writing import pack, unpack

KEPT_OF_TENSORS = (
    "isVariable", "sparsity", "shapeSignature", "hasRank", "variantTensors", "externalBuffer",
)  # fmt: skip
KEPT_OF_OPS = (
    "builtinOptionsType", "customOptions", "customOptionsFormat", "mutatingVariableInputs",
    "builtinOptions2Type", "builtinOptions2",
)  # fmt: skip
"""Fields of the schema that are carried from the file that is read to the file that is written."""

NONE = -1
"""The format's number of a tensor that is left out."""


def read_graph(content: bytes, number: int = 0) -> Graph:
    """Read a subgraph of a file, and with it the others.

    Args:
        content: A ``.tflite`` file's bytes.
        number: Number of the subgraph.

    Raises:
        ImportError: ai-edge-litert, whose schema files are written with, is not installed.

    Example:
        >>> read_graph(content).ops[0].weights.shape
        (32, 3, 3, 3)
    """
    model = unpack(content)
    kinds, rest = [_kind(code) for code in model.operatorCodes], _without_graphs(model)
    graphs = {place: _graph(model, place, kinds, rest) for place in range(len(model.subgraphs))}
    graph = graphs.pop(number)
    graph.others = graphs
    return graph


def write_graph(graph: Graph) -> bytes:
    """Return the bytes of a graph's file.

    Args:
        graph: The graph, which becomes the file's first one; what its ops run, the graphs of other
            signatures and the rest of its file, such as metadata, are written too.
    """
    return write_graph_and_tensors(graph)[0]


def write_graph_and_tensors(graph: Graph) -> tuple[bytes, list[Tensor]]:
    """Return the bytes of a graph's file, and its tensors by their numbers in the first subgraph.

    Args:
        graph: The graph, as :func:`write_graph` takes it.
    """
    part = _Part(graph)
    return _FileWriter(graph).content(part, with_rest=True), part.tensors


def write_exposed(graph: Graph) -> tuple[bytes, list[Tensor]]:
    """Return a file whose outputs are the float32 results of all ops, and these in their order."""
    results = [tensor for op in graph.ops for tensor in op.outputs if tensor.is_float]
    return _FileWriter(graph).content(_Part(graph, outputs=results)), results


def write_part(
    graph: Graph, ops: Sequence[Op], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> bytes:
    """Return some ops of a graph as a file of its own.

    Args:
        graph: The graph of the ops.
        ops: The ops, in an order in which they can run.
        inputs: The tensors that the ops read and none of them makes, in the order of the file's
            inputs.
        outputs: The tensors that become the file's outputs.
    """
    return _FileWriter(graph).content(_Part(graph, ops, inputs, outputs))


def _graph(model: Any, number: int, kinds: Sequence[tuple[str, int, bool]], rest: Any) -> Graph:
    """Return a subgraph of a file, without the others."""
    subgraph = model.subgraphs[number]
    tensors = [_tensor(index, entry, model) for index, entry in enumerate(subgraph.tensors)]
    inputs, outputs = _numbers(subgraph.inputs), _numbers(subgraph.outputs)
    return Graph(
        tensors,
        [_op(entry, kinds, tensors) for entry in subgraph.operators or []],
        [tensors[index] for index in inputs],
        [tensors[index] for index in outputs],
        rest,
        [
            NamedCall(
                _text(signature.signatureKey),
                _places(signature.inputs, inputs),
                _places(signature.outputs, outputs),
            )
            for signature in model.signatureDefs or []
            if signature.subgraphIndex == number
        ],
        subgraph.name,
    )


def _kind(code: Any) -> tuple[str, int, bool]:
    """Return the name of an op's kind, its version, and whether it is a custom one."""
    from ai_edge_litert import schema_py_generated as schema

    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return _text(code.customCode), code.version, True
    return enum_names(schema.BuiltinOperator)[number], code.version, False


def _tensor(index: int, entry: Any, model: Any) -> Tensor:
    from ai_edge_litert import schema_py_generated as schema

    data = model.buffers[entry.buffer].data
    quantization, extremes = entry.quantization, None
    if getattr(quantization, "min", None) is not None and len(quantization.min):
        extremes = float(quantization.min[0]), float(quantization.max[0])
    return Tensor(
        index=index,
        name=_text(entry.name),
        shape=tuple(_numbers(entry.shape)),
        dtype=enum_names(schema.TensorType)[entry.type].lower(),
        data=None if data is None or not len(data) else np.ascontiguousarray(data, np.uint8),
        quantization=_quantization(quantization),
        range=extremes,
        extra={name: getattr(entry, name) for name in KEPT_OF_TENSORS},
    )


def _quantization(entry: Any) -> Quantization | None:
    scale = getattr(entry, "scale", None)
    details = (entry.detailsType, entry.details) if entry is not None else (0, None)
    if (scale is None or not len(scale)) and not details[0]:
        return None
    points = [] if entry.zeroPoint is None else entry.zeroPoint
    return Quantization(
        np.asarray([] if scale is None else scale, np.float32),
        np.asarray(points, np.int64),
        int(entry.quantizedDimension),
        details,
    )


def _op(entry: Any, kinds: Sequence[tuple[str, int, bool]], tensors: Sequence[Tensor]) -> Op:
    kind, version, is_custom = kinds[entry.opcodeIndex]
    return Op(
        kind=kind,
        inputs=[None if number < 0 else tensors[number] for number in _numbers(entry.inputs)],
        outputs=[tensors[number] for number in _numbers(entry.outputs)],
        options=entry.builtinOptions,
        version=version,
        intermediates=[tensors[number] for number in _numbers(entry.intermediates)],
        is_custom=is_custom,
        extra={name: getattr(entry, name) for name in KEPT_OF_OPS},
    )


def _without_graphs(model: Any) -> Any:
    """Return a file's model without its subgraphs and without the values of tensors."""
    rest = copy.copy(model)
    rest.subgraphs, rest.signatureDefs = [], None
    metadata = {int(entry.buffer) for entry in model.metadata or []}
    rest.buffers = [
        buffer if number in metadata else None for number, buffer in enumerate(model.buffers)
    ]
    return rest


class _Part:
    """What is written of a graph: ops, and the tensors that they use in an order of their own.

    Args:
        graph: The graph.
        ops: The ops; None for all.
        inputs: The inputs; None for the graph's own, as ``outputs``.
    """

    def __init__(
        self,
        graph: Graph,
        ops: Sequence[Op] | None = None,
        inputs: Sequence[Tensor] | None = None,
        outputs: Sequence[Tensor] | None = None,
    ) -> None:
        self.graph = graph
        self.ops = graph.ops if ops is None else ops
        self.inputs = graph.inputs if inputs is None else inputs
        self.outputs = graph.outputs if outputs is None else outputs
        used = {
            tensor
            for op in self.ops
            for tensor in (*op.distinct_inputs, *op.outputs, *op.intermediates)
        }
        used |= {*self.inputs, *self.outputs}
        self.tensors = sorted(used, key=lambda tensor: tensor.index)
        self._places = {tensor: place for place, tensor in enumerate(self.tensors)}

    def place(self, tensor: Tensor) -> int:
        """Return a tensor's number in the file."""
        return self._places[tensor]

    def places(self, tensors: Iterable[Tensor | None]) -> Any:
        """Return the numbers of tensors in the file."""
        return np.array([NONE if t is None else self._places[t] for t in tensors], np.int32)


class _FileWriter:
    """Makes a file of a part of a graph, and of the subgraphs that belong to it."""

    def __init__(self, graph: Graph) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._graph = graph
        # The first buffer is empty, and tensors without values have its number.
        self._buffers = [schema.BufferT()]
        self._buffer_of: dict[int, int] = {}
        self._codes: dict[tuple[str, int, bool], int] = {}
        self._versions: dict[str, int] = {}
        self._numbers: dict[int, int] = {}

    def content(self, part: _Part, *, with_rest: bool = False) -> bytes:
        """Return the file.

        Args:
            part: What is written of the graph.
            with_rest: Whether the file has the metadata and signatures of the file that was read.
        """
        others = self._others_of(part, with_signatures=with_rest)
        # The part is the first subgraph, as that is the one that programs run.
        self._numbers = {number: place for place, number in enumerate(others, 1)}
        parts = [part, *(_Part(other) for other in others.values())]
        for op in (op for each in reversed(parts) for op in reversed(each.ops)):
            if op.version is not None:
                self._versions[op.kind] = op.version
        old, model = self._graph.model, self._schema.ModelT()
        model.version = old.version
        model.subgraphs = [self._subgraph(each, is_named=with_rest) for each in parts]
        if with_rest:
            model.description = old.description
            model.metadata = [self._metadata(entry) for entry in old.metadata or []] or None
            model.signatureDefs = [
                self._signature(call, each, place)
                for place, each in enumerate(parts)
                for call in each.graph.calls
            ] or None
        model.operatorCodes = [self._code(*key) for key in self._codes]
        model.buffers = self._buffers
        held = sum(len(buffer.data) for buffer in self._buffers if buffer.data is not None)
        return pack(model, held)

    def _others_of(self, part: _Part, *, with_signatures: bool) -> dict[int, Graph]:
        """Return the other subgraphs that a file needs, by their numbers in the ops' settings."""
        others, needed = self._graph.others, set[int]()
        waiting = {number for op in part.ops for number in called_subgraphs(op)}
        if with_signatures:
            waiting |= {number for number, other in others.items() if other.calls}
        while waiting:
            number = waiting.pop()
            needed.add(number)
            called = (called_subgraphs(op) for op in others[number].ops)
            waiting |= set[int]().union(*called) - needed
        return {number: others[number] for number in sorted(needed)}

    def _subgraph(self, part: _Part, *, is_named: bool) -> Any:
        subgraph = self._schema.SubGraphT()
        subgraph.tensors = [self._entry(tensor) for tensor in part.tensors]
        subgraph.operators = [self._op(op, part) for op in part.ops]
        subgraph.inputs, subgraph.outputs = part.places(part.inputs), part.places(part.outputs)
        if is_named:
            subgraph.name = part.graph.name
        return subgraph

    def _entry(self, tensor: Tensor) -> Any:
        entry = self._schema.TensorT()
        for name, value in tensor.extra.items():
            setattr(entry, name, value)
        entry.name, entry.shape = tensor.name, np.array(tensor.shape, np.int32)
        entry.type = getattr(self._schema.TensorType, tensor.dtype.upper())
        entry.buffer = self._buffer(tensor.data)
        entry.quantization = self._quantization(tensor)
        return entry

    def _buffer(self, data: Any) -> int:
        """Return the number of a buffer of some bytes; tensors that share the bytes share it."""
        if data is None:
            return 0
        if id(data) not in self._buffer_of:
            buffer = self._schema.BufferT()
            buffer.data = data
            self._buffer_of[id(data)] = len(self._buffers)
            self._buffers.append(buffer)
        return self._buffer_of[id(data)]

    def _quantization(self, tensor: Tensor) -> Any:
        if tensor.quantization is None and tensor.range is None:
            return None
        entry, quantization = self._schema.QuantizationParametersT(), tensor.quantization
        if tensor.range is not None:
            entry.min, entry.max = [tensor.range[0]], [tensor.range[1]]
        if quantization is not None:
            entry.scale, entry.zeroPoint = quantization.scales, quantization.zero_points
            entry.quantizedDimension = quantization.axis
            entry.detailsType, entry.details = quantization.details
        return entry

    def _op(self, op: Op, part: _Part) -> Any:
        entry = self._schema.OperatorT()
        for name, value in op.extra.items():
            setattr(entry, name, value)
        entry.builtinOptions2 = renumbered(op.extra.get("builtinOptions2"), self._numbers)
        version = self._versions.get(op.kind, 1) if op.version is None else op.version
        key = (op.kind, version, op.is_custom)
        entry.opcodeIndex = self._codes.setdefault(key, len(self._codes))
        entry.inputs, entry.outputs = part.places(op.inputs), part.places(op.outputs)
        entry.builtinOptions = renumbered(op.options, self._numbers)
        if op.intermediates:
            entry.intermediates = part.places(op.intermediates)
        return entry

    def _code(self, kind: str, version: int, is_custom: bool) -> Any:
        code, names = self._schema.OperatorCodeT(), self._schema.BuiltinOperator
        code.builtinCode = names.CUSTOM if is_custom else getattr(names, kind)
        # Old runtimes read a field of eight bits, in which this number stands for a greater one.
        limit = names.PLACEHOLDER_FOR_GREATER_OP_CODES
        code.deprecatedBuiltinCode = min(code.builtinCode, limit)
        code.version, code.customCode = version, kind if is_custom else None
        return code

    def _metadata(self, entry: Any) -> Any:
        new = copy.copy(entry)
        new.buffer = self._buffer(self._graph.model.buffers[entry.buffer].data)
        return new

    def _signature(self, call: NamedCall, part: _Part, number: int) -> Any:
        new = self._schema.SignatureDefT()
        new.signatureKey, new.subgraphIndex = call.name, number
        new.inputs = self._named(call.inputs, part.inputs, part)
        new.outputs = self._named(call.outputs, part.outputs, part)
        return new

    def _named(
        self, places: Mapping[str, int], tensors: Sequence[Tensor], part: _Part
    ) -> list[Any]:
        entries = []
        for name, place in places.items():
            entry = self._schema.TensorMapT()
            entry.name, entry.tensorIndex = name, part.place(tensors[place])
            entries.append(entry)
        return entries


def _places(entries: Any, tensors: Sequence[int]) -> dict[str, int]:
    """Return the place of each named tensor of a signature; others than those are left out."""
    return {
        _text(entry.name): tensors.index(entry.tensorIndex)
        for entry in entries or []
        if entry.tensorIndex in tensors
    }


def _numbers(vector: Any) -> list[int]:
    """Return a vector of the schema, which may be left out where it is empty."""
    return [] if vector is None else [int(number) for number in vector]


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")

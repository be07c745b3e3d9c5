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
    """Read a subgraph of a file.

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
    subgraph = model.subgraphs[number]
    tensors = [_tensor(index, entry, model) for index, entry in enumerate(subgraph.tensors)]
    kinds = [_kind(code) for code in model.operatorCodes]
    inputs, outputs = _numbers(subgraph.inputs), _numbers(subgraph.outputs)
    return Graph(
        tensors,
        [_op(entry, kinds, tensors) for entry in subgraph.operators],
        [tensors[index] for index in inputs],
        [tensors[index] for index in outputs],
        _without_graph(model, number),
        [
            NamedCall(
                _text(signature.signatureKey),
                _places(signature.inputs, inputs),
                _places(signature.outputs, outputs),
            )
            for signature in model.signatureDefs or []
            if signature.subgraphIndex == number
        ],
    )


def write_graph(graph: Graph) -> bytes:
    """Return the bytes of a graph's file.

    Args:
        graph: The graph; the rest of its file, such as metadata, is written too.
    """
    assert graph.is_only_subgraph, "another subgraph may share what changed"
    return _Writer(graph, graph.ops, graph.inputs, graph.outputs).content(with_rest=True)


def write_exposed(graph: Graph) -> tuple[bytes, list[Tensor]]:
    """Return a file in which every op's result is an output, and the results in their order."""
    results = [tensor for op in graph.ops for tensor in op.outputs]
    return _Writer(graph, graph.ops, graph.inputs, results).content(), results


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
    return _Writer(graph, ops, inputs, outputs).content()


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


def _without_graph(model: Any, number: int) -> Any:
    """Return a file's model without one of its subgraphs and without the values of tensors."""
    rest, emptied = copy.copy(model), copy.copy(model.subgraphs[number])
    emptied.tensors, emptied.operators, emptied.inputs, emptied.outputs = [], [], [], []
    others = [graph for place, graph in enumerate(model.subgraphs) if place != number]
    rest.subgraphs = [emptied, *others]
    metadata = {int(entry.buffer) for entry in model.metadata or []}
    rest.buffers = [
        buffer if number in metadata else None for number, buffer in enumerate(model.buffers)
    ]
    return rest


class _Writer:
    """Makes a file of ops and the tensors that they use."""

    def __init__(
        self, graph: Graph, ops: Sequence[Op], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._graph, self._ops = graph, ops
        self._inputs, self._outputs = inputs, outputs
        used = {t for op in ops for t in (*op.distinct_inputs, *op.outputs, *op.intermediates)}
        used |= {*inputs, *outputs}
        self._tensors = sorted(used, key=lambda tensor: tensor.index)
        self._places = {tensor: place for place, tensor in enumerate(self._tensors)}
        # The first buffer is empty, and tensors without values have its number.
        self._buffers = [schema.BufferT()]
        self._buffer_of: dict[int, int] = {}
        self._codes: dict[tuple[str, int, bool], int] = {}

    def content(self, *, with_rest: bool = False) -> bytes:
        """Return the file.

        Args:
            with_rest: Whether the file has the metadata and signatures of the file that was read.
        """
        old, model, subgraph = self._graph.model, self._schema.ModelT(), self._schema.SubGraphT()
        model.version, model.subgraphs = old.version, [subgraph]
        subgraph.tensors = [self._entry(tensor) for tensor in self._tensors]
        versions = {op.kind: op.version for op in reversed(self._ops) if op.version is not None}
        subgraph.operators = [self._op(op, versions.get(op.kind, 1)) for op in self._ops]
        subgraph.inputs, subgraph.outputs = (
            self._indices(self._inputs),
            self._indices(self._outputs),
        )
        if with_rest:
            subgraph.name, model.description = old.subgraphs[0].name, old.description
            model.metadata = [self._metadata(entry) for entry in old.metadata or []] or None
            model.signatureDefs = [self._signature(call) for call in self._graph.calls] or None
        model.operatorCodes = [self._code(*key) for key in self._codes]
        model.buffers = self._buffers
        held = sum(len(buffer.data) for buffer in self._buffers if buffer.data is not None)
        return pack(model, held)

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

    def _op(self, op: Op, version: int) -> Any:
        entry = self._schema.OperatorT()
        for name, value in op.extra.items():
            setattr(entry, name, value)
        key = (op.kind, version if op.version is None else op.version, op.is_custom)
        entry.opcodeIndex = self._codes.setdefault(key, len(self._codes))
        entry.inputs, entry.outputs = self._indices(op.inputs), self._indices(op.outputs)
        entry.builtinOptions = op.options
        if op.intermediates:
            entry.intermediates = self._indices(op.intermediates)
        return entry

    def _indices(self, tensors: Iterable[Tensor | None]) -> Any:
        return np.array([NONE if t is None else self._places[t] for t in tensors], np.int32)

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

    def _signature(self, call: NamedCall) -> Any:
        new = self._schema.SignatureDefT()
        new.signatureKey, new.subgraphIndex = call.name, 0
        new.inputs = self._named(call.inputs, self._inputs)
        new.outputs = self._named(call.outputs, self._outputs)
        return new

    def _named(self, places: Mapping[str, int], tensors: Sequence[Tensor]) -> list[Any]:
        entries = []
        for name, place in places.items():
            entry = self._schema.TensorMapT()
            entry.name, entry.tensorIndex = name, self._places[tensors[place]]
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

"""Reading a ``.tflite`` file without running any of it: ops, tensors, metadata.

Reading is pure Python over the public schema, so a broken file is an error and never a crash.
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.json_text import json_value
from edgecnn.tflite.mapping import map_tflite
from edgecnn.tflite.numbers import FLOAT32
from edgecnn.tflite.ops import EDGE_TPU_OP
from edgecnn.tflite.schema import enum_names, load_schema
from edgecnn.tflite.schemes import MIXED, SCHEMES, scheme_of_layer
from edgecnn.tflite.structure import (
    Operator,
    OperatorCode,
    Signature,
    Subgraph,
    TensorInfo,
    widened_constants,
)

METADATA_NAME = "edgecnn"
"""Name of the metadata buffer in which edgecnn keeps its JSON."""

MAX_SUBGRAPH_ITEMS = 40_000
"""Limit of tensors and of ops, more than any real model has: beyond it a file is garbage."""

MAX_ITEMS_IN_ALL = 4 * MAX_SUBGRAPH_ITEMS
"""Limit of tensors and ops of all subgraphs."""

MAX_NUMBERS = 2_000_000
"""Limit of sizes, scales, zero points and connections in all, more than any real model has."""

MAX_TEXT_BYTES = 16 << 20
"""Limit of the bytes of all names, more than those of any real model."""

MAX_METADATA_BYTES = 64 << 20
"""Limit of the bytes of all metadata buffers, more than those of any real model."""


CALLING_OPS = {
    "WHILE": ("WhileOptions", ("CondSubgraphIndex", "BodySubgraphIndex")),
    "IF": ("IfOptions", ("ThenSubgraphIndex", "ElseSubgraphIndex")),
    "CALL": ("CallOptions", ("Subgraph",)),
    "CALL_ONCE": ("CallOnceOptions", ("InitSubgraphIndex",)),
    "STABLEHLO_COMPOSITE": ("StableHLOCompositeOptions", ("DecompositionSubgraphIndex",)),
    "STABLEHLO_WHILE": ("StablehloWhileOptions", ("CondSubgraphIndex", "BodySubgraphIndex")),
}
"""Kind of an op that runs subgraphs -> the schema's table of its settings, and the fields of the
subgraphs' numbers in it."""

IN_SECOND_TABLE = frozenset({"STABLEHLO_COMPOSITE", "STABLEHLO_WHILE"})
"""Kinds whose settings stand in the op's second place for such."""

COUNTING_TYPES = {"int32": 4, "int64": 8}
"""Element types of which loops make their counters -> bytes."""

CORRUPT_FILE = (
    struct.error, AttributeError, IndexError, KeyError, ValueError, TypeError, OverflowError,
)  # fmt: skip
"""Errors that reading by the schema raises for a file that is broken."""


@dataclass(frozen=True)
class TfliteModel:
    """The structure of a ``.tflite`` file.

    Args:
        operators: Ops of the subgraph, in the order in which they run.
        inputs: Inputs of the subgraph.
        outputs: Outputs of the subgraph.
        metadata: Name of a metadata buffer -> its content.
        subgraphs: Number of subgraphs.
        operator_codes: Kinds of ops of all subgraphs.
        signatures: Named ways to call the model.
        description: The description that the converter wrote.
        subgraph: Number of the subgraph that ops, inputs and outputs are of.
        others: Number of each other subgraph -> the subgraph.
    """

    operators: tuple[Operator, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    metadata: dict[str, bytes]
    subgraphs: int
    operator_codes: tuple[OperatorCode, ...] = ()
    signatures: tuple[Signature, ...] = ()
    description: str = ""
    subgraph: int = 0
    others: Mapping[int, Subgraph] = field(default_factory=dict)

    @property
    def op_counts(self) -> dict[str, int]:
        """Number of ops by name, the most frequent first."""
        return dict(Counter(op.name for op in self.operators).most_common())

    @property
    def ops_by_dtype(self) -> dict[str, int]:
        """Number of ops by the element type of their first output, the most frequent first."""
        return dict(Counter(op.dtype for op in self.operators).most_common())

    @cached_property
    def edgecnn(self) -> dict[str, Any] | None:
        """The JSON that edgecnn put into the file, or None."""
        try:
            value = json_value(self.metadata[METADATA_NAME])
        except (KeyError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def scheme(self) -> str:
        """Name of the quantisation scheme, or ``"mixed"``."""
        precisions = {precision for _, precision in self.weighted_operators()}
        for scheme in SCHEMES.values():
            # Small layers of some schemes stay float32.
            if scheme.least_weights and precisions == {scheme.name, FLOAT32.name}:
                return scheme.name
        if len(precisions) == 1:
            return precisions.pop()
        return MIXED if precisions else FLOAT32.name

    @cached_property
    def widened_constants(self) -> dict[str, TensorInfo]:
        """Name of a tensor that is made of a constant at load -> the constant that is stored."""
        return widened_constants(self.operators)

    @property
    def is_for_edge_tpu(self) -> bool:
        """Whether the file is compiled for the Edge TPU, whose op hides the layers in itself."""
        return any(code.name == EDGE_TPU_OP for code in self.operator_codes)

    @cached_property
    def has_open_inputs(self) -> bool:
        """Whether a side of an input is open that is not the batch."""
        return any(tensor.is_open for tensor in self.inputs)

    def knows_shape(self, tensor: TensorInfo) -> bool:
        """Whether the file says the shape of an op's result, in a call with a batch of 1."""
        opened = tensor.open_sides
        # Sizes that are worked out at run time are whole numbers without a shape, and so is whether
        # a loop goes on.
        if not tensor.states_shape and tensor.dtype not in ("int32", "int64", "bool"):
            return False
        return not opened or (opened == (0,) and not self.has_open_inputs)

    def weighted_operators(self) -> Iterator[tuple[Operator, str]]:
        """Yield each op that has weights, in any subgraph, with the scheme of this op by itself."""
        graphs = (self.operators, *(other.operators for other in self.others.values()))
        for operators in graphs:
            widened = None
            for op in operators:
                if op.traits.matrix_places:
                    widened = widened_constants(operators) if widened is None else widened
                    yield op, _precision(op, widened)


def _precision(op: Operator, widened: Mapping[str, TensorInfo]) -> str:
    data = op.data
    if data is None or not op.matrices:
        return MIXED
    weights = op.matrices[0]
    return scheme_of_layer(data.dtype, widened.get(weights.name, weights).dtype)


def read_model(path: str | Path) -> TfliteModel:
    """Read a ``.tflite`` file's structure.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing, unreadable, empty, truncated, or no ``.tflite`` file.

    Example:
        >>> read_model("model.tflite").op_counts
        {'CONV_2D': 35, 'DEPTHWISE_CONV_2D': 17, 'ADD': 10, ...}
    """
    path = Path(path)
    return parse_model(map_tflite(path), quoted(path))


def parse_model(content: bytes | mmap.mmap, label: str, subgraph: int = 0) -> TfliteModel:
    """Read the structure of a ``.tflite`` file's bytes.

    Args:
        content: The file.
        label: The file's name in errors.
        subgraph: Number of the subgraph whose ops are read.

    Raises:
        InputError: The file is truncated or corrupt.
    """
    schema = load_schema()
    try:
        return _Parser(schema, content).model(subgraph)
    except CORRUPT_FILE as error:
        raise InputError(f"{label} is truncated or corrupt: make it again") from error


class _Parser:
    """Reads one file; every offset that leads outside of it raises struct.error or the like.

    Tables may share the data that they point to, so a small file can claim any amount: numbers,
    text and metadata are counted as they are read, and limited.
    """

    def __init__(self, schema: Any, content: bytes | mmap.mmap) -> None:
        self._schema = schema
        self._model = schema.Model.GetRootAsModel(content, 0)
        self._op_names = enum_names(schema.BuiltinOperator)
        self._dtypes = {code: name.lower() for code, name in enum_names(schema.TensorType).items()}
        self._left = {
            "items": MAX_ITEMS_IN_ALL,
            "numbers": MAX_NUMBERS,
            "text": MAX_TEXT_BYTES,
            "metadata": MAX_METADATA_BYTES,
        }

    def model(self, subgraph: int) -> TfliteModel:
        model = self._model
        codes = [self._code(model.OperatorCodes(i)) for i in _indices(model.OperatorCodesLength())]
        # The graph that is asked for comes first, in the order of the budget.
        graph = self._graph(subgraph, codes)
        others = (number for number in _indices(model.SubgraphsLength()) if number != subgraph)
        signatures = _indices(model.SignatureDefsLength())
        return TfliteModel(
            operators=graph.operators,
            inputs=tuple(tensor for tensor in graph.inputs if tensor is not None),
            outputs=tuple(tensor for tensor in graph.outputs if tensor is not None),
            metadata=self._metadata(),
            subgraphs=model.SubgraphsLength(),
            operator_codes=tuple(codes),
            signatures=tuple(self._signature(model.SignatureDefs(i)) for i in signatures),
            description=self._text(model.Description()),
            subgraph=subgraph,
            others={number: self._graph(number, codes) for number in others},
        )

    def _graph(self, number: int, codes: list[OperatorCode]) -> Subgraph:
        graph = self._model.Subgraphs(number)
        self._spend("items", graph.TensorsLength() + graph.OperatorsLength())
        tensors = [self._tensor(i, graph.Tensors(i)) for i in _indices(graph.TensorsLength())]
        return Subgraph(
            name=self._text(graph.Name()),
            operators=tuple(
                self._operator(graph.Operators(i), codes, tensors)
                for i in _indices(graph.OperatorsLength())
            ),
            inputs=self._ends(graph.InputsLength(), graph.InputsAsNumpy, tensors),
            outputs=self._ends(graph.OutputsLength(), graph.OutputsAsNumpy, tensors),
        )

    def _tensor(self, index: int, tensor: Any) -> TensorInfo:
        scales, zero_points = self._quantization(tensor.Quantization())
        shape = self._numbers(tensor.ShapeLength(), tensor.ShapeAsNumpy)
        if any(size < 0 for size in shape):
            raise ValueError(f"a shape of {shape}")
        dtype, buffer = self._dtypes[tensor.Type()], tensor.Buffer()
        return TensorInfo(
            name=self._text(tensor.Name()),
            shape=shape,
            dtype=dtype,
            scale=scales,
            zero_point=zero_points,
            constant_bytes=self._buffer_bytes(buffer),
            shape_signature=self._numbers(
                tensor.ShapeSignatureLength(), tensor.ShapeSignatureAsNumpy
            ),
            index=index,
            is_variable=tensor.IsVariable(),
            # The schema of the package tflite is older than the field.
            has_rank=bool(getattr(tensor, "HasRank", bool)()),
            buffer=buffer,
            number=self._whole_number(buffer, dtype),
        )

    def _whole_number(self, index: int, dtype: str) -> int | None:
        """Return the value of a constant of one whole number, as loops count their steps by."""
        size = COUNTING_TYPES.get(dtype)
        if size is None or self._buffer_bytes(index) != size:
            return None
        stored = self._model.Buffers(index)
        if stored.DataLength() != size:
            return None
        return int.from_bytes(bytes(stored.DataAsNumpy()), "little", signed=True)

    def _quantization(self, entry: Any) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Return scales and zero points; the runtime takes as many of these as of those alone."""
        if entry is None or not entry.ScaleLength():
            return (), ()
        scales = self._numbers(entry.ScaleLength(), entry.ScaleAsNumpy)
        zero_points = self._numbers(entry.ZeroPointLength(), entry.ZeroPointAsNumpy)
        if len(zero_points) != len(scales):
            raise ValueError(f"{len(zero_points)} zero points for {len(scales)} scales")
        return scales, zero_points

    def _ends(
        self, length: int, read: Callable[[], Any], tensors: list[TensorInfo]
    ) -> tuple[TensorInfo | None, ...]:
        return tuple(tensors[i] if i >= 0 else None for i in self._numbers(length, read))

    def _numbers(self, length: int, read: Callable[[], Any]) -> tuple[Any, ...]:
        self._spend("numbers", length)
        return tuple(read().tolist()) if length else ()

    def _text(self, text: bytes | None) -> str:
        self._spend("text", len(text or b""))
        return (text or b"").decode(errors="replace")

    def _spend(self, what: str, count: int) -> None:
        self._left[what] -= count
        if self._left[what] < 0:
            raise ValueError(f"too many {what}")

    def _buffer_bytes(self, index: int) -> int:
        if index >= self._model.BuffersLength():
            return 0
        buffer = self._model.Buffers(index)
        stored = buffer.DataLength()
        # Files past 2 GB keep their weights behind the flatbuffer and give offset and size.
        return int(stored or getattr(buffer, "Size", lambda: 0)())

    def _code(self, code: Any) -> OperatorCode:
        name = self._op_names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if name != "CUSTOM":
            return OperatorCode(name, code.Version())
        return OperatorCode(self._text(code.CustomCode()) or name, code.Version(), is_custom=True)

    def _operator(self, op: Any, codes: list[OperatorCode], tensors: list[TensorInfo]) -> Operator:
        inputs = self._numbers(op.InputsLength(), op.InputsAsNumpy)
        outputs = self._numbers(op.OutputsLength(), op.OutputsAsNumpy)
        return Operator(
            name=codes[op.OpcodeIndex()].name,
            inputs=tuple(tensors[i] if i >= 0 else None for i in inputs),
            outputs=tuple(tensors[i] for i in outputs if i >= 0),
            called=self._called(op, codes[op.OpcodeIndex()].name),
        )

    def _called(self, op: Any, name: str) -> tuple[int, ...]:
        """Return the numbers of the subgraphs that an op runs."""
        if name not in CALLING_OPS:
            return ()
        table, fields = CALLING_OPS[name]
        settings = getattr(self._schema, table, None)
        stored = op.BuiltinOptions2() if name in IN_SECOND_TABLE else op.BuiltinOptions()
        if settings is None or stored is None:
            return ()
        read = settings()
        read.Init(stored.Bytes, stored.Pos)
        return tuple(int(getattr(read, each)()) for each in fields)

    def _signature(self, signature: Any) -> Signature:
        inputs = [signature.Inputs(i) for i in _indices(signature.InputsLength())]
        outputs = [signature.Outputs(i) for i in _indices(signature.OutputsLength())]
        return Signature(
            name=self._text(signature.SignatureKey()),
            inputs=tuple(self._text(entry.Name()) for entry in inputs),
            outputs=tuple(self._text(entry.Name()) for entry in outputs),
            subgraph=signature.SubgraphIndex(),
            tensors=tuple(entry.TensorIndex() for entry in inputs),
            output_tensors=tuple(entry.TensorIndex() for entry in outputs),
        )

    def _metadata(self) -> dict[str, bytes]:
        entries = (self._model.Metadata(i) for i in _indices(self._model.MetadataLength()))
        return {self._text(entry.Name()): self._buffer(entry.Buffer()) for entry in entries}

    def _buffer(self, index: int) -> bytes:
        if index >= self._model.BuffersLength():
            return b""
        buffer = self._model.Buffers(index)
        self._spend("metadata", buffer.DataLength())
        return bytes(buffer.DataAsNumpy()) if buffer.DataLength() else b""


def _indices(length: int) -> range:
    if length > MAX_SUBGRAPH_ITEMS:
        raise ValueError(f"{length} items")
    return range(length)

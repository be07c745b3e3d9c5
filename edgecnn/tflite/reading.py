"""Reading a ``.tflite`` file without running any of it: ops, tensors, metadata.

Reading is pure Python over the public schema, so a broken file is an error and never a crash.
"""

from __future__ import annotations

import math
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
from edgecnn.tflite.ops import EDGE_TPU_OP, OpTraits, op_traits
from edgecnn.tflite.schema import enum_names, load_schema
from edgecnn.tflite.schemes import MIXED, SCHEMES, scheme_of_layer

METADATA_NAME = "edgecnn"
"""Name of the metadata buffer in which edgecnn keeps its JSON."""

MAX_SUBGRAPH_ITEMS = 40_000
"""Limit of tensors and of ops, more than any real model has: beyond it a file is garbage."""

MAX_NUMBERS = 2_000_000
"""Limit of sizes, scales, zero points and connections in all, more than any real model has."""

MAX_TEXT_BYTES = 16 << 20
"""Limit of the bytes of all names, more than those of any real model."""

MAX_METADATA_BYTES = 64 << 20
"""Limit of the bytes of all metadata buffers, more than those of any real model."""


CORRUPT_FILE = (
    struct.error, AttributeError, IndexError, KeyError, ValueError, TypeError, OverflowError,
)  # fmt: skip
"""Errors that reading by the schema raises for a file that is broken."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a file.

    Args:
        name: The tensor's name.
        shape: The tensor's shape; empty for a scalar.
        dtype: Element type as the schema calls it, in lower case.
        scale: Scales of integers: one, or one for each channel; empty for floats.
        zero_point: The integers that stand for 0, as many as scales.
        constant_bytes: Bytes of the values that the file holds; 0 for an op's result.
        shape_signature: The shape with -1 where the size is open; empty where none is.
        index: The tensor's place among the tensors of the file.
        is_variable: Whether the tensor keeps its values from call to call, as an LSTM's state.
        has_rank: Whether the file says that the number of sides is known, as newer converters do.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    constant_bytes: int
    shape_signature: tuple[int, ...] = ()
    index: int = field(default=-1, compare=False)
    is_variable: bool = False
    has_rank: bool = False

    @property
    def states_shape(self) -> bool:
        """Whether the file says the tensor's shape; a result without one may have any shape."""
        return bool(self.shape) or self.has_rank or self.is_constant

    @property
    def is_constant(self) -> bool:
        """Whether the tensor's values are stored in the file."""
        return self.constant_bytes > 0

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def open_sides(self) -> tuple[int, ...]:
        """The places in the shape whose size the file leaves open, the batch's included."""
        stated = self.shape_signature or self.shape
        return tuple(place for place, size in enumerate(stated) if size < 0 or not size)

    @property
    def has_open_batch(self) -> bool:
        """Whether the batch alone is open; a tensor of one side has no batch."""
        return self.open_sides == (0,) and len(self.shape) > 1

    @property
    def is_open(self) -> bool:
        """Whether sides other than the batch are open, so that the file's shape means nothing."""
        return bool(self.open_sides) and not self.has_open_batch


@dataclass(frozen=True)
class Operator:
    """One op with its tensors; an input that is left out is None."""

    name: str
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def dtype(self) -> str:
        """Element type of the first output; ``"none"`` without one, as ops that set a variable."""
        return self.outputs[0].dtype if self.outputs else "none"

    @property
    def traits(self) -> OpTraits:
        """What is known of the op's kind."""
        return op_traits(self.name)

    @property
    def weights(self) -> TensorInfo | None:
        """The op's weight tensor; None for a kind of op without weights."""
        return self.input(1) if self.traits.has_weights else None

    @property
    def data(self) -> TensorInfo | None:
        """What the op computes with its weights; None where it is left out."""
        return self.input(2 if self.traits.is_transposed else 0)

    def input(self, place: int) -> TensorInfo | None:
        """Return an input; None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None


@dataclass(frozen=True)
class OperatorCode:
    """A kind of op that a file uses, with the version by which a runtime looks its kernel up."""

    name: str
    version: int
    is_custom: bool = False


@dataclass(frozen=True)
class Signature:
    """A named way to call a model.

    Args:
        name: Name of the signature.
        inputs: Names of its inputs, in the signature's order, which need not be the tensors'.
        outputs: Names of its outputs.
        subgraph: Number of the subgraph that it runs.
        tensors: Index of the tensor of each input, within that subgraph.
        output_tensors: Index of the tensor of each output, as ``tensors``.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    subgraph: int = 0
    tensors: tuple[int, ...] = ()
    output_tensors: tuple[int, ...] = ()


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
        """Name of a tensor that is made of a constant at load -> the constant that is stored.

        DEQUANTIZE widens float16, DENSIFY fills in the zeros of sparse weights, and one may read
        what the other made.
        """
        made: dict[str, TensorInfo] = {}
        for op in self.operators:
            source = op.input(0)
            if not op.traits.unpacks_constants or source is None or not op.outputs:
                continue
            if source.is_constant or source.name in made:
                made[op.outputs[0].name] = made.get(source.name, source)
        return made

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
        # Sizes that are worked out at run time are whole numbers without a shape.
        if not tensor.states_shape and tensor.dtype not in ("int32", "int64"):
            return False
        return not opened or (opened == (0,) and not self.has_open_inputs)

    def weighted_operators(self) -> Iterator[tuple[Operator, str]]:
        """Yield each op that has weights, with the scheme of this op by itself."""
        for op in self.operators:
            if op.traits.has_weights:
                yield op, _precision(op, self.widened_constants)


def _precision(op: Operator, widened: Mapping[str, TensorInfo]) -> str:
    data, weights = op.data, op.weights
    if data is None or weights is None:
        return MIXED
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
        self._model = schema.Model.GetRootAsModel(content, 0)
        self._op_names = enum_names(schema.BuiltinOperator)
        self._dtypes = {code: name.lower() for code, name in enum_names(schema.TensorType).items()}
        self._left = {
            "numbers": MAX_NUMBERS,
            "text": MAX_TEXT_BYTES,
            "metadata": MAX_METADATA_BYTES,
        }

    def model(self, subgraph: int) -> TfliteModel:
        model = self._model
        graph = model.Subgraphs(subgraph)
        codes = [self._code(model.OperatorCodes(i)) for i in _indices(model.OperatorCodesLength())]
        tensors = [self._tensor(i, graph.Tensors(i)) for i in _indices(graph.TensorsLength())]
        operators = [
            self._operator(graph.Operators(i), codes, tensors)
            for i in _indices(graph.OperatorsLength())
        ]
        signatures = _indices(model.SignatureDefsLength())
        return TfliteModel(
            operators=tuple(operators),
            inputs=self._ends(graph.InputsLength(), graph.InputsAsNumpy, tensors),
            outputs=self._ends(graph.OutputsLength(), graph.OutputsAsNumpy, tensors),
            metadata=self._metadata(),
            subgraphs=model.SubgraphsLength(),
            operator_codes=tuple(codes),
            signatures=tuple(self._signature(model.SignatureDefs(i)) for i in signatures),
            description=self._text(model.Description()),
            subgraph=subgraph,
        )

    def _tensor(self, index: int, tensor: Any) -> TensorInfo:
        scales, zero_points = self._quantization(tensor.Quantization())
        shape = self._numbers(tensor.ShapeLength(), tensor.ShapeAsNumpy)
        if any(size < 0 for size in shape):
            raise ValueError(f"a shape of {shape}")
        return TensorInfo(
            name=self._text(tensor.Name()),
            shape=shape,
            dtype=self._dtypes[tensor.Type()],
            scale=scales,
            zero_point=zero_points,
            constant_bytes=self._buffer_bytes(tensor.Buffer()),
            shape_signature=self._numbers(
                tensor.ShapeSignatureLength(), tensor.ShapeSignatureAsNumpy
            ),
            index=index,
            is_variable=tensor.IsVariable(),
            # The schema of the package tflite is older than the field.
            has_rank=bool(getattr(tensor, "HasRank", bool)()),
        )

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
    ) -> tuple[TensorInfo, ...]:
        return tuple(tensors[i] for i in self._numbers(length, read) if i >= 0)

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
        )

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

"""Reading a ``.tflite`` file without running any of it: ops, tensors, metadata.

Pure Python over the public schema, so a broken file is an error and never a crash.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.tflite.mapping import map_tflite
from edgecnn.tflite.numbers import FLOAT16, FLOAT32
from edgecnn.tflite.ops import op_kind
from edgecnn.tflite.schemes import MIXED, SCHEMES, scheme_of_layer

METADATA_NAME = "edgecnn"
"""Name of the metadata buffer in which edgecnn keeps its JSON."""

MAX_SUBGRAPH_ITEMS = 40_000
"""More tensors or ops than any real model has: the file is garbage."""

MAX_NUMBERS = 2_000_000
"""More sizes, scales, zero points and connections than any real model has in all."""

MAX_TEXT_BYTES = 16 << 20
"""More than all names of any real model take."""

MAX_METADATA_BYTES = 64 << 20
"""More than all metadata buffers of any real model take."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor: its name, shape, dtype, quantisation, and whether the file holds its value.

    ``shape_signature`` is empty, or the shape with -1 where the size is open. ``index`` is its
    place among the tensors of the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    constant_bytes: int
    shape_signature: tuple[int, ...] = ()
    index: int = field(default=-1, compare=False)

    @property
    def is_constant(self) -> bool:
        """Whether its value is stored in the file."""
        return self.constant_bytes > 0

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Operator:
    """One op with its tensors; an input that is left out is None."""

    name: str
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def dtype(self) -> str:
        """Of its first output; ``"none"`` if it has no output, as those that set a variable."""
        return self.outputs[0].dtype if self.outputs else "none"

    def input(self, place: int) -> TensorInfo | None:
        """Return an input; None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None


@dataclass(frozen=True)
class OperatorCode:
    """A kind of op that a file uses, as a runtime looks it up when it loads the file."""

    name: str
    version: int
    is_custom: bool = False


@dataclass(frozen=True)
class Signature:
    """A named way to call a model: the names of what goes in and comes out."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class TfliteModel:
    """What a ``.tflite`` file holds: the first subgraph's ops in order, its ends, its metadata.

    ``operator_codes`` are those of all subgraphs; ``description`` is what its converter wrote.
    """

    operators: tuple[Operator, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    metadata: dict[str, bytes]
    subgraphs: int
    operator_codes: tuple[OperatorCode, ...] = ()
    signatures: tuple[Signature, ...] = ()
    description: str = ""

    @property
    def op_counts(self) -> dict[str, int]:
        """Ops by name, the most frequent first."""
        return dict(Counter(op.name for op in self.operators).most_common())

    @property
    def ops_by_dtype(self) -> dict[str, int]:
        """Ops by the dtype of their first output, the most frequent first."""
        return dict(Counter(op.dtype for op in self.operators).most_common())

    @cached_property
    def edgecnn(self) -> dict[str, Any] | None:
        """The JSON that edgecnn put in, or None."""
        try:
            value = json.loads(self.metadata[METADATA_NAME])
        except (KeyError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def scheme(self) -> str:
        """Name of the quantisation scheme, or ``"mixed"``."""
        found = {precision for _, precision in self.weighted_operators()}
        for scheme in SCHEMES.values():
            # Small layers of some schemes stay float32.
            if scheme.least_weights and found == {scheme.name, FLOAT32.name}:
                return scheme.name
        if len(found) == 1:
            return found.pop()
        return MIXED if found else FLOAT32.name

    @cached_property
    def widened(self) -> dict[str, TensorInfo]:
        """Stored constants by the name of the tensor that DEQUANTIZE makes of them at load."""
        return {
            op.outputs[0].name: kept
            for op in self.operators
            if op.name == "DEQUANTIZE" and (kept := op.input(0)) and kept.is_constant and op.outputs
        }

    def weighted_operators(self) -> Iterator[tuple[Operator, str]]:
        """Yield each op that has weights, with the scheme that it is in by itself."""
        halves = {name for name, kept in self.widened.items() if kept.dtype == "float16"}
        for op in self.operators:
            if op_kind(op.name).has_weights:
                yield op, _precision(op, halves)


def _precision(op: Operator, halves: set[str]) -> str:
    activation = op.input(2 if op.name == "TRANSPOSE_CONV" else 0)
    weights = weights_of(op)
    if activation is None or weights is None:
        return MIXED
    stored = FLOAT16.name if weights.name in halves else weights.dtype
    return scheme_of_layer(activation.dtype, stored)


def weights_of(op: Operator) -> TensorInfo | None:
    """Return the weight tensor of an op whose kind has weights."""
    return op.input(1)


def read_model(path: str | Path) -> TfliteModel:
    """Read a ``.tflite`` file's structure.

    Args:
        path: The file.

    Raises:
        InputError: It is missing, unreadable, empty, truncated, or no ``.tflite`` file.

    Example:
        >>> read_model("model.tflite").op_counts
        {'CONV_2D': 35, 'DEPTHWISE_CONV_2D': 17, 'ADD': 10, ...}
    """
    path = Path(path)
    return parse_model(map_tflite(path), quoted(path))


def parse_model(content: bytes | mmap.mmap, label: str) -> TfliteModel:
    """Read the structure of a ``.tflite`` file's bytes; ``label`` names it in errors."""
    schema = load_schema()
    try:
        return _Parser(schema, content).model()
    except (
        struct.error, AttributeError, IndexError, KeyError, ValueError, TypeError, OverflowError
    ) as error:  # fmt: skip
        raise InputError(f"{label} is truncated or corrupt: make it again") from error


def load_schema() -> Any:
    """Return the module with the public TFLite schema's classes.

    It comes with ai-edge-litert; where only tflite-runtime exists, the ``tflite`` package has it.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        try:
            import tflite as schema
        except ImportError:
            raise EdgecnnError(
                "no TFLite schema to read the file with: pip install ai-edge-litert"
            ) from None
    return schema


class _Parser:
    """Reads one file; every offset that leads outside of it raises struct.error or the like.

    Tables may share what they point to, so that a small file can claim any amount: what is read is
    counted, and has an end.
    """

    def __init__(self, schema: Any, content: bytes | mmap.mmap) -> None:
        self._model = schema.Model.GetRootAsModel(content, 0)
        self._op_names = _enum_names(schema.BuiltinOperator)
        self._dtypes = {code: name.lower() for code, name in _enum_names(schema.TensorType).items()}
        self._left = {
            "numbers": MAX_NUMBERS,
            "text": MAX_TEXT_BYTES,
            "metadata": MAX_METADATA_BYTES,
        }

    def model(self) -> TfliteModel:
        model = self._model
        graph = model.Subgraphs(0)
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
        )

    def _tensor(self, index: int, tensor: Any) -> TensorInfo:
        quantization = tensor.Quantization()
        scales: tuple[float, ...] = ()
        zero_points: tuple[int, ...] = ()
        if quantization is not None and quantization.ScaleLength():
            scales = self._numbers(quantization.ScaleLength(), quantization.ScaleAsNumpy)
            zero_points = self._numbers(
                quantization.ZeroPointLength(), quantization.ZeroPointAsNumpy
            )
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
        )

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
        inputs = (signature.Inputs(i) for i in _indices(signature.InputsLength()))
        outputs = (signature.Outputs(i) for i in _indices(signature.OutputsLength()))
        return Signature(
            name=self._text(signature.SignatureKey()),
            inputs=tuple(self._text(entry.Name()) for entry in inputs),
            outputs=tuple(self._text(entry.Name()) for entry in outputs),
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


def _enum_names(enum: Any) -> dict[int, str]:
    return {
        value: name
        for name, value in vars(enum).items()
        if isinstance(value, int) and not name.startswith("_")
    }

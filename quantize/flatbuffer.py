"""Reading a ``.tflite`` file without running any of it: ops, tensors, metadata.

Pure Python over the public schema, so a broken file is an error and never a crash.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgecnn.errors import EdgecnnError, InputError
from edgecnn.files import quoted

TFLITE_IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every file."""

METADATA_NAME = "edgecnn"
"""Name of the metadata buffer in which edgecnn keeps its JSON."""

WEIGHTED_OPS = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D"}
)
"""Ops whose second input is a weight tensor."""

DYNAMIC_MIN_ELEMENTS = 1024
"""The converter leaves smaller weights in float32 in the dynamic scheme."""

MAX_SUBGRAPH_ITEMS = 100_000
"""More tensors or ops than any real model has: the file is garbage."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor: its name, shape, dtype, quantisation, and whether the file holds its value."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    constant_bytes: int

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


@dataclass(frozen=True)
class TfliteModel:
    """What a ``.tflite`` file holds: the first subgraph's ops in order, its ends, its metadata."""

    operators: tuple[Operator, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    metadata: dict[str, bytes]
    subgraphs: int

    @property
    def op_counts(self) -> dict[str, int]:
        """Ops by name, the most frequent first."""
        return dict(Counter(op.name for op in self.operators).most_common())

    @property
    def ops_by_dtype(self) -> dict[str, int]:
        """Ops by the dtype of their first output, the most frequent first."""
        return dict(Counter(op.outputs[0].dtype for op in self.operators).most_common())

    @cached_property
    def edgecnn(self) -> dict[str, Any] | None:
        """The JSON that edgecnn put in, or None."""
        try:
            value = json.loads(self.metadata[METADATA_NAME])
        except (KeyError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def scheme(self) -> str:
        """Name of the quantisation scheme, or ``"mixed"``."""
        found = {precision for _, precision in self.weighted_operators()}
        if found == {"dynamic", "float32"}:
            return "dynamic"
        if len(found) == 1:
            return found.pop()
        return "mixed" if found else "float32"

    @cached_property
    def widened(self) -> dict[str, TensorInfo]:
        """Stored constants by the name of the tensor that DEQUANTIZE makes of them at load."""
        return {
            op.outputs[0].name: op.inputs[0]
            for op in self.operators
            if op.name == "DEQUANTIZE" and op.inputs[0] and op.inputs[0].is_constant
        }

    def weighted_operators(self) -> Iterator[tuple[Operator, str]]:
        """Yield each op that has weights, with the scheme that it is in by itself."""
        halves = {name for name, kept in self.widened.items() if kept.dtype == "float16"}
        for op in self.operators:
            if op.name in WEIGHTED_OPS:
                yield op, _precision(op, halves)


def _precision(op: Operator, halves: set[str]) -> str:
    activation = op.inputs[2 if op.name == "TRANSPOSE_CONV" else 0]
    weights = weights_of(op)
    if activation is None or weights is None:
        return "mixed"
    if weights.name in halves or weights.dtype == "float16":
        return "float16"
    dtypes = (activation.dtype, weights.dtype)
    known = {
        ("float32", "float32"): "float32",
        ("float32", "int8"): "dynamic",
        ("float32", "int4"): "dynamic",
        ("int8", "int8"): "int8",
        ("int8", "int4"): "int8",
        ("uint8", "uint8"): "int8",
        ("int16", "int8"): "int16x8",
    }
    return known.get(dtypes, "mixed")


def weights_of(op: Operator) -> TensorInfo | None:
    """Return the weight tensor of an op in ``WEIGHTED_OPS``."""
    return op.inputs[1] if len(op.inputs) > 1 else None


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
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such file: {quoted(path)}") from None
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    if not content:
        raise InputError(f"{quoted(path)} is empty")
    if content[4:8] != TFLITE_IDENTIFIER:
        raise InputError(f"{quoted(path)} is not a .tflite file (its header is missing)")
    return parse_model(content, quoted(path))


def parse_model(content: bytes, label: str) -> TfliteModel:
    """Read the structure of a ``.tflite`` file's bytes; ``label`` names it in errors."""
    schema = load_schema()
    try:
        return _Parser(schema, content).model()
    except (struct.error, AttributeError, IndexError, KeyError, ValueError, TypeError) as error:
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
    """Reads one file; every offset that leads outside of it raises struct.error or the like."""

    def __init__(self, schema: Any, content: bytes) -> None:
        self._model = schema.Model.GetRootAsModel(content, 0)
        self._op_names = _enum_names(schema.BuiltinOperator)
        self._dtypes = {code: name.lower() for code, name in _enum_names(schema.TensorType).items()}

    def model(self) -> TfliteModel:
        graph = self._model.Subgraphs(0)
        tensors = [self._tensor(graph.Tensors(i)) for i in _indices(graph.TensorsLength())]
        operators = [
            self._operator(graph.Operators(i), tensors) for i in _indices(graph.OperatorsLength())
        ]
        return TfliteModel(
            operators=tuple(operators),
            inputs=tuple(tensors[graph.Inputs(i)] for i in range(graph.InputsLength())),
            outputs=tuple(tensors[graph.Outputs(i)] for i in range(graph.OutputsLength())),
            metadata=self._metadata(),
            subgraphs=self._model.SubgraphsLength(),
        )

    def _tensor(self, tensor: Any) -> TensorInfo:
        quantization = tensor.Quantization()
        scales: tuple[float, ...] = ()
        zero_points: tuple[int, ...] = ()
        if quantization is not None and quantization.ScaleLength():
            scales = tuple(float(s) for s in quantization.ScaleAsNumpy())
            zero_points = tuple(
                int(quantization.ZeroPoint(i)) for i in range(quantization.ZeroPointLength())
            )
        return TensorInfo(
            name=(tensor.Name() or b"").decode(errors="replace"),
            shape=tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength())),
            dtype=self._dtypes[tensor.Type()],
            scale=scales,
            zero_point=zero_points,
            constant_bytes=self._buffer_bytes(tensor.Buffer()),
        )

    def _buffer_bytes(self, index: int) -> int:
        if index >= self._model.BuffersLength():
            return 0
        buffer = self._model.Buffers(index)
        stored = buffer.DataLength()
        # Files past 2 GB keep their weights behind the flatbuffer and give offset and size.
        return int(stored or getattr(buffer, "Size", lambda: 0)())

    def _operator(self, op: Any, tensors: list[TensorInfo]) -> Operator:
        code = self._model.OperatorCodes(op.OpcodeIndex())
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = self._op_names[builtin]
        if name == "CUSTOM" and code.CustomCode():
            name = code.CustomCode().decode(errors="replace")
        inputs = [op.Inputs(i) for i in range(op.InputsLength())]
        return Operator(
            name=name,
            inputs=tuple(tensors[i] if i >= 0 else None for i in inputs),
            outputs=tuple(tensors[op.Outputs(i)] for i in range(op.OutputsLength())),
        )

    def _metadata(self) -> dict[str, bytes]:
        entries = (self._model.Metadata(i) for i in _indices(self._model.MetadataLength()))
        return {
            (entry.Name() or b"").decode(errors="replace"): self._buffer(entry.Buffer())
            for entry in entries
        }

    def _buffer(self, index: int) -> bytes:
        buffer = self._model.Buffers(index)
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

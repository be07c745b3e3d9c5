"""Models of one op that show what a device can do at best: dense convolutions and copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.profiling.cutting import Cutter, copies
from edgecnn.profiling.profiled_ops import IN_FLOAT32, IN_INT8, running_ops
from edgecnn.tflite.reading import parse_model
from edgecnn.tflite.schema import load_schema
from edgecnn.tflite.serialization import read_graph
from edgecnn.tflite.writing import pack

CONVOLUTIONS = ((28, 128), (14, 256))
"""Side and channels of the 1x1 convolutions; MobileNets have such convolutions."""

MACS = 28 * 28 * 128 * 128
"""Multiply-adds of each of these convolutions."""

COPIED_BYTES = (64 << 10, 1 << 20, 8 << 20, 64 << 20)
"""Bytes that the copies read and write: from an amount that fits the first cache to one that fits
no cache of a small device."""

LEAST_BYTES = 8
"""Bytes of an op whose time is only that of the call."""


def convolution(side: int, channels: int, precision: str) -> bytes:
    """Return a model of a 1x1 convolution from and to ``channels`` channels.

    Args:
        side: Height and width of the feature map.
        channels: Number of channels of the input and of the result.
        precision: ``"float32"`` or ``"int8"``.
    """
    model = _ReferenceModel(precision)
    image, result = (model.tensor((1, side, side, channels), scale=0.05) for _ in range(2))
    generator = np.random.default_rng(0)
    shape = (channels, 1, 1, channels)
    weights = generator.integers(-127, 128, shape, np.int8)
    bias = np.zeros(channels, np.int32)
    if precision == IN_FLOAT32:
        kernel = model.constant((weights / 1270).astype(np.float32))
        shift = model.constant(bias.astype(np.float32))
    else:
        kernel = model.constant(weights, scale=0.001)
        shift = model.constant(bias, scale=0.00005)
    options = model.schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    return model.packed("CONV_2D", options, [image, kernel, shift], image, result)


def copying(size: int) -> bytes:
    """Return a model of a float32 ReLU that reads ``size / 2`` bytes and writes ``size / 2``."""
    model = _ReferenceModel(IN_FLOAT32)
    values, result = (model.tensor((1, size // 8)) for _ in range(2))
    return model.packed("RELU", None, [values], values, result)


def several(content: bytes) -> tuple[bytes, int]:
    """Return a reference with copies of its op, and the number of copies: small ops have several.

    Args:
        content: Bytes of a model of one op.
    """
    (op,) = running_ops(parse_model(content, "a reference"))
    return Cutter(read_graph(content), [op]).alone(op), copies(op)


class _ReferenceModel:
    """A model of one op that is being made."""

    def __init__(self, precision: str) -> None:
        self.schema: Any = load_schema()
        self._type = getattr(self.schema.TensorType, precision.upper())
        self._model, self._graph = self.schema.ModelT(), self.schema.SubGraphT()
        self._model.version, self._model.subgraphs = 3, [self._graph]
        self._model.buffers, self._graph.tensors = [self.schema.BufferT()], []
        self._is_quantized = precision == IN_INT8

    def tensor(self, shape: tuple[int, ...], scale: float = 1.0) -> int:
        """Add a tensor of the model's type, and return its number."""
        return self._add(shape, self._type, scale, None, 0)

    def constant(self, values: np.ndarray[Any, Any], scale: float = 1.0) -> int:
        """Add a constant, and return its number; an integer constant has a scale a channel."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        kind = getattr(self.schema.TensorType, values.dtype.name.upper())
        place = len(self._model.buffers) - 1
        return self._add(values.shape, kind, scale, len(values), place)

    def _add(
        self, shape: tuple[int, ...], kind: int, scale: float, channels: int | None, buffer: int
    ) -> int:
        tensor = self.schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = np.array(shape, np.int32), kind, buffer
        tensor.name = f"tensor_{len(self._graph.tensors)}"
        if self._is_quantized:
            tensor.quantization = self.schema.QuantizationParametersT()
            tensor.quantization.scale = np.full(channels or 1, scale, np.float32)
            tensor.quantization.zeroPoint = np.zeros(channels or 1, np.int64)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def packed(self, kind: str, options: Any, inputs: list[int], source: int, result: int) -> bytes:
        """Return the file's bytes."""
        schema, graph = self.schema, self._graph
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        # Version 3 of an op is the first with a scale for each channel.
        code.version = 3 if self._is_quantized else 1
        op.opcodeIndex, op.inputs = 0, np.array(inputs, np.int32)
        op.outputs = graph.outputs = np.array([result], np.int32)
        graph.inputs, graph.operators = np.array([source], np.int32), [op]
        if options is not None:
            op.builtinOptionsType = getattr(
                schema.BuiltinOptions, type(options).__name__.removesuffix("T")
            )
            op.builtinOptions = options
        self._model.operatorCodes = [code]
        return pack(self._model, 4096)

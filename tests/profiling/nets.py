"""Small ``.tflite`` files whose cost follows from their definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.tflite.writing import pack

Shape = tuple[int, ...]


class Net:
    """A graph that is put together op by op.

    Args:
        inputs: Shapes of its float32 inputs.
    """

    def __init__(self, *inputs: Shape) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._model, self._graph = schema.ModelT(), schema.SubGraphT()
        self._model.version, self._model.subgraphs = 3, [self._graph]
        self._model.buffers, self._model.operatorCodes = [schema.BufferT()], []
        self._graph.tensors, self._graph.operators = [], []
        self.inputs = [self.tensor(shape) for shape in inputs]

    def tensor(self, shape: Shape, values: np.ndarray[Any, Any] | None = None) -> int:
        """Add a float32 tensor, or a constant of the type of its values."""
        made = self._schema.TensorT()
        made.name, made.shape = f"tensor{len(self._graph.tensors)}", np.array(shape, np.int32)
        dtype = "float32" if values is None else values.dtype.name
        made.type, made.buffer = getattr(self._schema.TensorType, dtype.upper()), 0
        if values is not None:
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            made.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def add(self, kind: str, inputs: list[int], shape: Shape, options: Any = None) -> int:
        """Add an op and return its result."""
        code, op = self._schema.OperatorCodeT(), self._schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(self._schema.BuiltinOperator, kind)
        code.version = 1
        self._model.operatorCodes.append(code)
        op.opcodeIndex = len(self._model.operatorCodes) - 1
        result = self.tensor(shape)
        op.inputs, op.outputs = np.array(inputs, np.int32), np.array([result], np.int32)
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(self._schema.BuiltinOptions, name)
            op.builtinOptions = options
        self._graph.operators.append(op)
        return result

    def convolution(self, source: int, kernel: Shape, side: int) -> int:
        """Add a convolution with a random kernel (out, height, width, in) that keeps the size."""
        options = self._schema.Conv2DOptionsT()
        options.padding = self._schema.Padding.SAME
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        values = np.random.default_rng(0).normal(0, 0.1, kernel).astype(np.float32)
        weights = self.tensor(kernel, values)
        bias = self.tensor((kernel[0],), np.zeros(kernel[0], np.float32))
        shape = (1, side, side, kernel[0])
        return self.add("CONV_2D", [source, weights, bias], shape, options)

    def shape_of(self, source: int, dimensions: int) -> int:
        """Add an op whose result is the shape of a tensor."""
        options = self._schema.ShapeOptionsT()
        options.outType = self._schema.TensorType.INT32
        result = self.add("SHAPE", [source], (dimensions,), options)
        self._graph.tensors[result].type = self._schema.TensorType.INT32
        return result

    def write(self, path: Path, *outputs: int) -> Path:
        """Write the file."""
        self._graph.inputs = np.array(self.inputs, np.int32)
        self._graph.outputs = np.array(outputs, np.int32)
        path.write_bytes(pack(self._model, 4096))
        return path


def lopsided(path: Path) -> Path:
    """Write a net of two convolutions, the second with fifty times the multiply-adds of the first.

    16x16x24 -> 1x1x24x16 -> 5x5x16x48, which are 98,304 and 4,915,200, and a ReLU of 12,288 values.
    """
    net = Net((1, 16, 16, 24))
    small = net.convolution(net.inputs[0], (16, 1, 1, 24), 16)
    large = net.convolution(small, (48, 5, 5, 16), 16)
    return net.write(path, net.add("RELU", [large], (1, 16, 16, 48)))

"""Hard-swish in the ops that have 16-bit kernels: x * relu6(x + 3) / 6."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from edgecnn.quantize.editing import pack, unpack


def without_hard_swish(content: bytes) -> bytes:
    """Return a copy of a calibrated float model with each HARD_SWISH as ADD, MUL, MUL.

    The ranges of what comes between follow from the function: relu6 gives 0 to 6, and the product
    six times the op's own range.

    Args:
        content: What ``with_ranges`` made.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(content)
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    if schema.BuiltinOperator.HARD_SWISH not in codes:
        return content
    graph = model.subgraphs[0]
    add = _operator_code(schema, model, schema.BuiltinOperator.ADD)
    # No code of an op that is gone may stay: the quantiser has no 16-bit version of it.
    multiply = codes.index(schema.BuiltinOperator.HARD_SWISH)
    _set_code(model.operatorCodes[multiply], schema.BuiltinOperator.MUL)
    three, sixth = (_constant(schema, model, value) for value in (3.0, 1 / 6))
    operators = []
    for op in graph.operators:
        if codes[op.opcodeIndex] != schema.BuiltinOperator.HARD_SWISH:
            operators.append(op)
            continue
        (x,), (result,) = op.inputs, op.outputs
        low, high = _range(graph.tensors[result])
        gate = _like(schema, graph, result, "gate", (0.0, 6.0))
        product = _like(schema, graph, result, "product", (6 * low, 6 * high))
        operators += [
            _operator(schema, add, [x, three], gate, _add_options(schema)),
            _operator(schema, multiply, [x, gate], product, schema.MulOptionsT()),
            _operator(schema, multiply, [product, sixth], result, schema.MulOptionsT()),
        ]
    graph.operators = operators
    return pack(model, len(content))


def _range(tensor: Any) -> tuple[float, float]:
    return float(tensor.quantization.min[0]), float(tensor.quantization.max[0])


def _operator_code(schema: Any, model: Any, builtin: int) -> int:
    code = schema.OperatorCodeT()
    _set_code(code, builtin)
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _set_code(code: Any, builtin: int) -> None:
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1


def _constant(schema: Any, model: Any, value: float) -> int:
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(np.float32(value).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.shape = f"hard_swish_{value:.3g}", np.array([1], np.int32)
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, len(model.buffers) - 1
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def _like(schema: Any, graph: Any, index: int, part: str, extremes: tuple[float, float]) -> int:
    tensor = copy.copy(graph.tensors[index])
    name = tensor.name.decode() if isinstance(tensor.name, bytes) else tensor.name
    tensor.name = f"{name}/{part}"
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.min, tensor.quantization.max = [extremes[0]], [extremes[1]]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _add_options(schema: Any) -> Any:
    options = schema.AddOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    return options


def _operator(schema: Any, code: int, inputs: list[int], output: int, options: Any) -> Any:
    op = schema.OperatorT()
    op.opcodeIndex = code
    op.inputs, op.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    kind = type(options).__name__.removesuffix("T")
    op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    op.builtinOptions = options
    return op

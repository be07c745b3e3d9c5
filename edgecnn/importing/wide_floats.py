"""A graph in float32, whatever floats it was traced in: mixed precision is for training."""

from __future__ import annotations

from typing import Any

NARROW_FLOATS = ("float16", "bfloat16")
"""Element types that training computes in, and that a float model is widened from."""


def widen_floats(graph_def: Any) -> None:
    """Make all float16 and bfloat16 of a graph float32.

    What casts between them then does nothing. The weights of mixed precision are float32 already,
    so nothing is lost of them.

    Args:
        graph_def: A ``GraphDef``, which is changed.
    """
    for node in graph_def.node:
        _widen_node(node)
    for function in graph_def.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = _wide(argument.type)
        for node in function.node_def:
            _widen_node(node)


def wide_name(dtype: str) -> str:
    """Return the name of an element type in a graph whose floats are widened.

    Example:
        >>> wide_name("bfloat16"), wide_name("int32")
        ('float32', 'int32')
    """
    return "float32" if dtype in NARROW_FLOATS else dtype


def _widen_node(node: Any) -> None:
    import numpy as np
    from tensorflow.python.framework import tensor_util

    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "type":
            value.type = _wide(value.type)
        elif kind == "list":
            value.list.type[:] = [_wide(each) for each in value.list.type]
        elif kind == "tensor" and _wide(value.tensor.dtype) != value.tensor.dtype:
            numbers = tensor_util.MakeNdarray(value.tensor).astype(np.float32)
            value.tensor.CopyFrom(tensor_util.make_tensor_proto(numbers))


def _wide(number: int) -> int:
    """Return the number of the element type that takes the place of one."""
    from tensorflow.core.framework import types_pb2

    narrow = (types_pb2.DT_HALF, types_pb2.DT_BFLOAT16)
    return int(types_pb2.DT_FLOAT) if number in narrow else number

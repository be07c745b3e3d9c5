"""The ends of an integer graph: conversions, and inputs and outputs that are integers."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.core.text import first_few
from edgecnn.quantize.integers.kernels import IntegerType
from edgecnn.quantize.integers.levels import activation_levels
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.tensors_and_ops import Op, Quantization, Tensor

DEQUANTIZE_VERSIONS = {"int8": 2, "int16": 3, "float16": 3}
QUANTIZE_VERSIONS = {"int16": 2}
"""Element type of what is converted -> version of the op's kernel; 1 for all others."""

UINT8_SHIFT = 128
"""How much greater the zero point of uint8 is than that of int8 for the same real numbers."""


def conversion(graph: Graph, source: Tensor, result: Tensor) -> Op:
    """Return a new op that turns one type of numbers into another; it is not in the graph yet."""
    op = graph.new_op("DEQUANTIZE" if result.is_float else "QUANTIZE", [source], result)
    if result.is_float:
        op.version = DEQUANTIZE_VERSIONS.get(source.dtype, 1)
    else:
        op.version = QUANTIZE_VERSIONS.get(result.dtype, 1)
    return op


def take_integers(graph: Graph, integers: IntegerType, input_type: str) -> None:
    """Let a graph take integers in the place of float inputs.

    Args:
        graph: An integer graph, changed in place.
        integers: The integers of the graph's activations.
        input_type: Element type of the inputs: that of the activations, or ``"uint8"``.
    """
    for place, tensor in enumerate(graph.inputs):
        if not tensor.is_float or tensor.range is None:
            continue
        taken = graph.add_like(tensor, input_type)
        taken.name, taken.dtype, taken.range = tensor.name, input_type, None
        taken.quantization = _end_levels(activation_levels(tensor.range, integers), input_type)
        graph.inputs[place] = taken
        _read_instead(graph, tensor, taken)


def _read_instead(graph: Graph, tensor: Tensor, taken: Tensor) -> None:
    """Have all readers of a float input read the integers that the graph takes."""
    tensor.name = f"{tensor.name}/float32"
    for op in list(graph.readers(tensor)):
        if op.kind == "QUANTIZE" and _are_alike(op.result, taken):
            graph.rewire(op.result, taken)
            graph.replace([op], [])
        elif op.kind == "QUANTIZE":
            graph.set_input(op, 0, taken)
    if graph.readers(tensor):
        graph.put_first([conversion(graph, taken, tensor)])


def give_integers(graph: Graph, integers: IntegerType, output_type: str) -> None:
    """Let a graph answer integers in the place of floats.

    Args:
        graph: An integer graph, changed in place.
        integers: The integers of the graph's activations.
        output_type: Element type of the outputs: that of the activations, or ``"uint8"``.

    Raises:
        ConversionError: The range of an answer is not known.
    """
    for place, tensor in enumerate(graph.outputs):
        if tensor.is_float:
            graph.outputs[place] = _given(graph, tensor, integers, output_type)


def _given(graph: Graph, tensor: Tensor, integers: IntegerType, output_type: str) -> Tensor:
    """Return the integers that a graph answers in the place of a float output."""
    maker = graph.maker(tensor)
    source = tensor
    if maker is not None and maker.kind == "DEQUANTIZE":
        source = maker.source
        if not graph.readers(tensor) and graph.outputs.count(tensor) == 1:
            graph.replace([maker], [])
    levels = source.quantization
    if levels is None:
        levels = _levels_of(tensor, integers, output_type)
    name, tensor.name = tensor.name, f"{tensor.name}/float32"
    if source.dtype == output_type and source not in graph.outputs:
        source.name = name
        return source
    given = graph.add_like(source, output_type)
    given.name, given.dtype, given.range = name, output_type, None
    given.quantization = _end_levels(levels, output_type)
    graph.replace([], [conversion(graph, source, given)])
    return given


def _levels_of(tensor: Tensor, integers: IntegerType, dtype: str) -> Quantization:
    if tensor.range is None:
        raise ConversionError(
            f"the output {tensor.name!r} has no known range, so it cannot be {dtype}: leave "
            "--output-type out"
        )
    return activation_levels(tensor.range, integers)


def refuse_floats(graph: Graph) -> None:
    """Raise ConversionError if an integer graph computes in float32, other than at its ends.

    Args:
        graph: An integer graph.
    """
    ends = {*graph.inputs, *graph.outputs}
    left = Counter(op.kind for op in graph.ops if not _is_integer(op, ends))
    for other in graph.others.values():
        left.update(op.kind for op in other.ops if not _is_integer(op, set()))
    if left:
        kinds = first_few(f"{count} {kind}" for kind, count in left.items())
        raise ConversionError(
            f"{left.total()} op(s) compute in float32, as the runtime has no int8 kernel for them "
            f"({kinds}), and --all-int8 leaves none: leave it out, or change these layers"
        )


def _is_integer(op: Op, ends: set[Tensor]) -> bool:
    """Whether an op computes in integers, or turns what goes in or out from or to floats."""
    floats = {tensor for tensor in (*op.activation_inputs, *op.outputs) if tensor.is_float}
    return not floats or (op.traits.converts and floats <= ends)


def _are_alike(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same integers for the same real numbers."""
    ours, theirs = one.quantization, other.quantization
    if one.dtype != other.dtype or ours is None or theirs is None:
        return False
    same_scales = np.array_equal(ours.scales, theirs.scales)
    return same_scales and np.array_equal(ours.zero_points, theirs.zero_points)


def _end_levels(levels: Quantization, dtype: str) -> Quantization:
    shift = UINT8_SHIFT if dtype == "uint8" else 0
    return Quantization(levels.scales, levels.zero_points + shift)

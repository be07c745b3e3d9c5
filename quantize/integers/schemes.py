"""The integer graphs of the schemes: kernels are chosen and ranges fitted to them before.

In the bodies of loops and branches, and in recurrent layers that stand as one op, weights are in
eight bits, and what they multiply is quantised in each step, when its range is known; states and
all else stay in float32. ``benchmarks/loops.py`` measures this beside states in integers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edgecnn.quantize.integers.kernels import INT8_ACTIVATIONS, INT16_ACTIVATIONS
from edgecnn.quantize.integers.quantizing import integer_graph
from edgecnn.quantize.integers.weights_only import dynamic_graph, store_recurrent_weights
from edgecnn.quantize.rewriting.fast_kernels import square_by_product, use_fast_kernels
from edgecnn.quantize.rewriting.hard_swish import decompose_all_hard_swishes
from edgecnn.quantize.rewriting.kernel_ranges import fit_ranges_to_kernels
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT32


@dataclass(frozen=True)
class QuantizedGraph:
    """An integer graph and the float graph that it was made of.

    Args:
        reference: The float graph.
        graph: The integer graph.
    """

    reference: Graph
    graph: Graph


def to_int8(
    calibrated: Graph,
    input_type: str,
    in_float: Collection[str] = (),
    output_type: str = FLOAT32.name,
) -> QuantizedGraph:
    """Make an int8 graph.

    Args:
        calibrated: A float graph whose tensors have ranges; it stays as it is.
        input_type: Element type of the file's input.
        in_float: Names of the results of layers that stay in float32.
        output_type: Element type of the file's output.
    """
    reference = calibrated.copy()
    fit_ranges_to_kernels(reference)
    use_fast_kernels(reference)
    graph = integer_graph(reference, INT8_ACTIVATIONS, input_type, in_float, output_type)
    store_recurrent_weights(graph)
    graph.change_others(dynamic_graph)
    return QuantizedGraph(reference, graph)


def to_int16x8(
    calibrated: Graph,
    input_type: str,
    in_float: Collection[str] = (),
    output_type: str = FLOAT32.name,
) -> QuantizedGraph:
    """Make a graph of int8 weights and int16 activations.

    Args:
        calibrated: A float graph whose tensors have ranges; it stays as it is.
        input_type: Element type of the file's input.
        in_float: Names of the results of layers that stay in float32.
        output_type: Element type of the file's output.
    """
    reference = calibrated.copy()
    decompose_all_hard_swishes(reference)
    square_by_product(reference)
    graph = integer_graph(reference, INT16_ACTIVATIONS, input_type, in_float, output_type)
    store_recurrent_weights(graph)
    graph.change_others(dynamic_graph)
    return QuantizedGraph(reference, graph)

"""Graphs whose weights alone are stored in fewer bits; their activations stay in float32."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from edgecnn.quantize.integers.ends import conversion
from edgecnn.quantize.integers.levels import symmetric_levels, to_levels
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT16, INT8, Numbers
from edgecnn.tflite.ops import PEEPHOLE_PLACES, RECURRENT_KINDS, Activation
from edgecnn.tflite.schemes import SCHEMES
from edgecnn.tflite.tensors_and_ops import Op, Tensor

LEAST_WEIGHTS = 1024
"""Fewest weights of an op that are worth eight bits; quantising the inputs costs time in each call.
"""

DYNAMIC_VERSIONS = {
    "CONV_2D": 5,
    "DEPTHWISE_CONV_2D": 6,
    "FULLY_CONNECTED": 9,
    "TRANSPOSE_CONV": 2,
}
"""Kind -> version of its kernel of float activations and 8-bit weights."""

RECURRENT_VERSIONS = {**dict.fromkeys(RECURRENT_KINDS, 3), "SVDF": 4}
"""Kind of recurrent op -> version of its kernel of float activations and 8-bit weights, which
measures the range of its inputs in each step."""

FLOAT_WEIGHTS = {"BATCH_MATMUL": (0, 1), "CONV_3D": (1,), "GATHER": (0,)}
"""Kind whose kernel takes float weights alone -> places of its inputs that may be weights."""

ONE_SCALE_KINDS = frozenset({"FULLY_CONNECTED"})
"""Kinds whose weights have one scale: kernels of dense layers with a scale for each output need
runtime 2.17, and 32-bit boards end at 2.14."""

LEAST_GAIN_DB = 1.0
"""Decibels that a scale for each output of a dense layer gains over one for all, from which on it
is worth a product behind the layer, whose factors stand in for the scales."""


TINY = 1e-30
"""Keeps layers of zeros from a division by zero."""


def half_precision_graph(graph: Graph) -> Graph:
    """Return a graph whose float constants are float16, and are turned into float32 at loading.

    A few numbers stay float32: the factors by which a model normalises pixels multiply large
    values, from which their mean is taken off again.

    Args:
        graph: A float32 graph; it stays as it is.
    """
    graph = graph.copy()
    least = SCHEMES[FLOAT16.name].least_weights
    constants = {
        t for op in graph.ops for t in op.constant_inputs if t.is_float and t.elements >= least
    }
    ops = []
    for tensor in sorted(constants, key=lambda tensor: tensor.index):
        stored = graph.add_like(tensor, FLOAT16.name)
        stored.dtype = FLOAT16.name
        largest = np.finfo(np.float16).max
        stored.values = np.clip(tensor.values, -largest, largest)
        tensor.data = None
        ops.append(conversion(graph, stored, tensor))
    graph.put_first(ops)
    graph.change_others(half_precision_graph)
    return graph


def dynamic_graph(graph: Graph) -> Graph:
    """Return a graph of 8-bit weights, whose kernels quantise each input when they are called.

    Weights that only float kernels read are turned into float32 at loading.

    Args:
        graph: A float32 graph; it stays as it is.
    """
    graph = graph.copy()
    dense = {op.weights for op in graph.ops if op.kind in ONE_SCALE_KINDS}
    for weights in sorted(dense, key=lambda tensor: tensor.index):
        if _is_large(weights):
            _even_out(graph, weights)
    stored: dict[Tensor, Tensor] = {}
    widened: set[Tensor] = set()
    for op in graph.ops:
        if op.kind in DYNAMIC_VERSIONS and _is_large(op.weights):
            _store_weights(graph, op, stored)
        places = FLOAT_WEIGHTS.get(op.kind, ())
        widened |= {x for place in places if (x := op.inputs[place]) and _is_large(x)}
    _widen_at_loading(graph, widened)
    store_recurrent_weights(graph)
    graph.change_others(dynamic_graph)
    return graph


def stored_weights(graph: Graph) -> bool:
    """Whether a body has layers whose weights are worth eight bits."""
    return any(
        (op.kind in DYNAMIC_VERSIONS and _is_large(op.weights)) or stores_recurrent_weights(op)
        for op in graph.ops
    )


def stores_recurrent_weights(op: Op) -> bool:
    """Whether an op is a recurrent layer of float numbers whose weights are worth eight bits."""
    if op.kind not in RECURRENT_KINDS or not op.source.is_float:
        return False
    weights = _recurrent_weights(op).values()
    # The kernels take all weights in one type.
    is_plain = all(tensor.float_values is not None for tensor in weights)
    return is_plain and sum(tensor.elements for tensor in weights) >= LEAST_WEIGHTS


def _recurrent_weights(op: Op) -> dict[int, Tensor]:
    """Return the weights of a recurrent op by their places."""
    places = sorted({*op.traits.gate_places, *PEEPHOLE_PLACES.get(op.kind, ())})
    return {n: x for n in places if n < len(op.inputs) and (x := op.inputs[n]) is not None}


def store_recurrent_weights(graph: Graph) -> None:
    """Store the weights of recurrent layers that stand as one op, such as an LSTM, in eight bits.

    Their kernels compute with integers, too: each step's inputs are quantised when they are known.

    Args:
        graph: A graph, changed in place; what computes with integers already stays as it is.
    """
    stored: dict[Tensor, Tensor] = {}
    for op in [op for op in graph.ops if stores_recurrent_weights(op)]:
        for place, tensor in _recurrent_weights(op).items():
            if tensor not in stored:
                stored[tensor] = _in_eight_bits(graph, tensor, None)
            graph.set_input(op, place, stored[tensor])
        op.version = max(RECURRENT_VERSIONS[op.kind], op.version or 1)
        op.options.asymmetricQuantizeInputs = True


def _is_large(tensor: Tensor) -> bool:
    return tensor.float_values is not None and tensor.elements >= LEAST_WEIGHTS


def _even_out(graph: Graph, weights: Tensor) -> None:
    """Divide each output of dense layers by its largest weight, and multiply it back behind them.

    Args:
        graph: The graph, changed in place.
        weights: Weights that dense layers read, and no other ops.
    """
    values, readers = weights.values, graph.readers(weights)
    if any(op.kind not in ONE_SCALE_KINDS or op.has_computed_bias for op in readers):
        return
    largest = np.abs(values).max(axis=1)
    gain_db = 20 * np.log10(largest.max() / max(np.sqrt(np.mean(largest**2)), TINY))
    if gain_db < LEAST_GAIN_DB:
        return
    factors = np.where(largest > 0, largest / largest.max(), 1.0)
    even = graph.add_constant(values / factors[:, None], weights.name)
    multiplied = graph.add_constant(factors, f"{weights.name}/factors")
    for op in readers:
        graph.set_input(op, 1, even)
        _multiply_back(graph, op, multiplied)


def _multiply_back(graph: Graph, op: Op, factors: Tensor) -> None:
    """Multiply a dense layer's result, before its activation, by a factor for each output."""
    result, bias = op.result, op.bias
    if bias is not None:
        divided = graph.add_constant(bias.values / factors.values, bias.name)
        graph.set_input(op, 2, divided)
    activation, op.activation = op.activation, Activation.NONE
    even = graph.add_like(result, "even")
    graph.connect(op, op.source, even)
    settings = {"fusedActivationFunction": int(activation)}
    graph.replace([op], [op, graph.new_op("MUL", [even, factors], result, **settings)])


def _store_weights(graph: Graph, op: Op, stored: dict[Tensor, Tensor]) -> None:
    weights = op.weights
    if weights not in stored:
        stored[weights] = _in_eight_bits(graph, weights, _scale_axis(op))
    graph.set_input(op, 1, stored[weights])
    op.version = max(DYNAMIC_VERSIONS[op.kind], op.version or 1)
    if op.kind in ONE_SCALE_KINDS:
        op.options.asymmetricQuantizeInputs = True


def _scale_axis(op: Op) -> int | None:
    return None if op.kind in ONE_SCALE_KINDS else op.traits.channel_axis


def _in_eight_bits(graph: Graph, weights: Tensor, axis: int | None) -> Tensor:
    new = graph.add_like(weights, INT8.name)
    new.name, new.dtype = weights.name, INT8.name
    new.quantization = symmetric_levels(weights.values, axis)
    new.values = to_levels(weights.values, new.quantization, INT8.name, -INT8.largest)
    return new


def _widen_at_loading(graph: Graph, tensors: Collection[Tensor]) -> None:
    """Store float constants in eight bits; runtimes widen those of one scale alone."""
    ops = []
    for tensor in sorted(tensors, key=lambda tensor: tensor.index):
        stored = _in_eight_bits(graph, tensor, None)
        tensor.name, tensor.data = f"{tensor.name}/float32", None
        ops.append(conversion(graph, stored, tensor))
    graph.put_first(ops)


WEIGHTS_ONLY: dict[Numbers, Callable[[Graph], Graph]] = {
    FLOAT16: half_precision_graph,
    INT8: dynamic_graph,
}
"""Numbers of the weights -> what stores them so."""

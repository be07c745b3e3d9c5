"""Clips to [0, 1], which hard-sigmoids end in, as relu6 of six times their input, by a sixth.

The quantiser makes no integers of RELU_0_TO_1, and XNNPACK has no integer kernel of it. ReLU6 goes
into the op before, and the sixth into the next kernels, as where relu6(x + 3) / 6 is written so.
"""

from __future__ import annotations

import math

import numpy as np

from edgecnn.quantize.rewriting.factors import scale_kernel
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.tensors_and_ops import Op, Tensor

CLIP = "RELU_0_TO_1"
RELU6_TOP = 6.0
"""The upper bound of ReLU6."""


def rewrite_clips(graph: Graph) -> None:
    """Put ReLU6 and a product in the place of each clip to [0, 1].

    Args:
        graph: A float graph, changed in place.
    """
    for op in [op for op in graph.ops if op.kind == CLIP]:
        gate, olds, news = _gate(graph, op)
        sixth = graph.new_op("MUL", [gate, graph.scalar_constant(1 / RELU6_TOP)], op.result)
        graph.replace([*olds, op], [*news, sixth])


def _gate(graph: Graph, clip: Op) -> tuple[Tensor, list[Op], list[Op]]:
    """Return relu6 of six times a clip's input, the ops that it makes needless, and its own."""
    before = graph.maker(clip.source)
    if before is not None and _is_alone(graph, before) and _owns_kernel(graph, before):
        scale_kernel(graph, before, RELU6_TOP)
        bias = before.inputs[2]
        assert bias is not None
        assert bias.float_values is not None
        scaled = graph.add_constant(bias.float_values * np.float32(RELU6_TOP), bias.name)
        graph.set_input(before, 2, scaled)
        before.activation = Activation.RELU6
        return before.result, [], []
    relu6 = {"fusedActivationFunction": int(Activation.RELU6)}
    gate = graph.add_like(clip.result, "gate")
    shifted = _shifted(graph, before)
    if shifted is not None:
        source, offset, olds = shifted
        inputs = [source, graph.scalar_constant(RELU6_TOP * offset)]
        return gate, olds, [graph.new_op("ADD", inputs, gate, **relu6)]
    inputs = [clip.source, graph.scalar_constant(RELU6_TOP)]
    return gate, [], [graph.new_op("MUL", inputs, gate, **relu6)]


def _is_alone(graph: Graph, op: Op) -> bool:
    is_read_once = graph.only_reader(op.result) is not None
    return is_read_once and op.activation is Activation.NONE


def _owns_kernel(graph: Graph, op: Op) -> bool:
    """Return whether an op is linear, with a float bias, and with weights of its own."""
    if not op.is_linear or len(op.inputs) < 3 or op.inputs[2] is None:
        return False
    has_floats = all(each.float_values is not None for each in (op.weights, op.inputs[2]))
    return has_floats and graph.only_reader(op.weights) is op


def _shifted(graph: Graph, add: Op | None) -> tuple[Tensor, float, list[Op]] | None:
    """Return x, b, and the ops of x / 6 + b; None if an op ends in something else."""
    offset = _number(graph, add, "ADD")
    if add is None or offset is None:
        return None
    data = _data(add)
    product = graph.maker(data)
    factor = _number(graph, product, "MUL")
    if product is None or factor is None or not math.isclose(factor, 1 / RELU6_TOP, rel_tol=1e-5):
        return None
    return _data(product), offset, [product, add]


def _number(graph: Graph, op: Op | None, kind: str) -> float | None:
    """Return the one number that an op of a kind, whose result is read once, adds or multiplies."""
    if op is None or op.kind != kind or not _is_alone(graph, op) or len(op.constant_inputs) != 1:
        return None
    values = op.constant_inputs[0].float_values
    return float(values.ravel()[0]) if values is not None and values.size == 1 else None


def _data(op: Op) -> Tensor:
    return op.activation_inputs[0]

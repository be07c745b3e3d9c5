"""Dilated convolutions that stand as three ops, as files of open sizes have them, made one.

TensorFlow writes a dilated convolution as SPACE_TO_BATCH_ND, a convolution and BATCH_TO_SPACE_ND;
its converter makes one op of them where it knows the sizes.
"""

from __future__ import annotations

import numpy as np

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.tensors_and_ops import SAME, VALID, Array, Op, same_padding

DILATED_DEPTHWISE_VERSION = 2
"""Version of DEPTHWISE_CONV_2D from which on it is dilated."""


def join_dilations(graph: Graph) -> None:
    """Make dilated convolutions of convolutions between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND.

    A bias and a rectifier behind them go into the convolution, too.

    Args:
        graph: A float32 graph, changed in place.
    """
    for first in [op for op in graph.ops if op.kind == "SPACE_TO_BATCH_ND"]:
        middle = graph.only_reader(first.result)
        last = None if middle is None else graph.only_reader(middle.result)
        if middle is None or last is None or last.kind != "BATCH_TO_SPACE_ND":
            continue
        padding = _padding(first, middle, last)
        if padding is None:
            continue
        options, block = middle.options, first.inputs[1]
        assert block is not None
        options.dilationHFactor, options.dilationWFactor = map(int, block.values)
        options.padding = padding
        if middle.kind == "DEPTHWISE_CONV_2D":
            middle.version = max(middle.version or 1, DILATED_DEPTHWISE_VERSION)
        graph.replace([first, last], [])
        graph.connect(middle, first.source, last.result)
        _take_in_followers(graph, middle)


def _padding(first: Op, middle: Op, last: Op) -> int | None:
    """Return the padding of the dilated convolution; None where there is no such."""
    constants = (*first.inputs[1:3], *last.inputs[1:3])
    if any(tensor is None or not tensor.is_constant for tensor in constants):
        return None
    block, pads, again, crops = (np.asarray(t.values) for t in constants if t is not None)
    if middle.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or not middle.is_weighted:
        return None
    options, kernel = middle.options, np.array(middle.weights.shape[1:3])
    is_plain = (options.dilationHFactor, options.dilationWFactor) == (1, 1)
    if not is_plain or middle.strides != (1, 1) or int(options.padding) != VALID:
        return None
    if block.shape != (2,) or not np.array_equal(block, again) or crops[:, 0].any():
        return None
    before, after = pads[:, 0], pads[:, 1] - crops[:, 1]
    if not before.any() and not after.any():
        return VALID
    windows = (kernel - 1) * block + 1
    wanted = [same_padding(*ends, 1) for ends in zip(first.source.shape[1:3], windows, strict=True)]
    return SAME if np.array_equal(np.stack([before, after], axis=1), wanted) else None


def _take_in_followers(graph: Graph, op: Op) -> None:
    """Put a bias, and then a rectifier, that only a convolution's result goes to, into it."""
    following = graph.only_reader(op.result)
    bias = None if following is None else _added(op, following)
    if following is not None and bias is not None:
        graph.set_input(op, 2, graph.add_constant(bias, f"{following.result.name}/bias"))
        _take_in(graph, op, following, following.activation)
    take_in_rectifier(graph, op)


def take_in_rectifier(graph: Graph, op: Op) -> None:
    """Put a rectifier that only a convolution's result goes to into the convolution."""
    following = graph.only_reader(op.result)
    is_rectifier = following is not None and following.kind in ("RELU", "RELU6")
    if following is not None and is_rectifier and op.activation is Activation.NONE:
        _take_in(graph, op, following, Activation[following.kind])


def _added(op: Op, following: Op) -> Array | None:
    """Return a convolution's bias with what the next op adds to each channel; None for others."""
    constants = [t.float_values for t in following.constant_inputs]
    if following.kind != "ADD" or op.activation is not Activation.NONE or len(constants) != 1:
        return None
    (values,), bias = constants, op.bias
    if values is None or bias is None or values.shape[-1:] != (values.size,):
        return None
    return np.asarray(bias.values + values.ravel()) if values.size == bias.elements else None


def _take_in(graph: Graph, op: Op, following: Op, activation: Activation) -> None:
    op.activation = activation
    graph.replace([following], [])
    graph.connect(op, op.source, following.result)

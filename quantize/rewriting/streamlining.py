"""Fewer ops for the same answers: passes over feature maps that a kernel can do on the way.

The graph is a float graph before calibration; the files of all schemes are made of it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgecnn.data.inputspec import SMALL_INPUT
from edgecnn.quantize.rewriting.channel_order import turn_parts
from edgecnn.quantize.rewriting.conv_margins import fold_margins, fuse_rectifiers
from edgecnn.quantize.rewriting.dilations import join_dilations
from edgecnn.quantize.rewriting.factors import absorbers, scale_kernel
from edgecnn.quantize.rewriting.hard_sigmoid import rewrite_clips
from edgecnn.quantize.rewriting.leading_ops import fold_input, merge_leading_ops
from edgecnn.quantize.rewriting.pool_margins import pad_pools_with_zeros
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.tensors_and_ops import Op, Tensor

Values = npt.NDArray[np.float32]

MIN_POSITIONS = 16 * 16
"""Height times width from which on batch normalisation becomes a convolution of its own. That
convolution has 15 bytes a channel in int8, which on smaller maps cost more than the saved time."""


def streamline(
    graph: Graph, *, takes_pixels: bool, is_exact: bool = False, is_apart: bool = False
) -> None:
    """Rewrite a float graph to fewer ops.

    Args:
        graph: A float32 graph, changed in place.
        takes_pixels: Whether the graph's first op is the normalisation that freezing put in.
        is_exact: Whether the normalisation stays an op of its own where merging it changes the
            map's margin.
        is_apart: Whether the normalisation stays an op of its own everywhere.
    """
    if takes_pixels and not is_apart and min(graph.input.shape[1:3]) > SMALL_INPUT:
        fold_input(graph, is_exact=is_exact)
    turn_parts(graph)
    rewrite_clips(graph)
    pad_pools_with_zeros(graph)
    join_dilations(graph)
    fold_margins(graph)
    fuse_rectifiers(graph)
    if not takes_pixels:
        merge_leading_ops(graph, folds=not is_apart)
    fold_factors(graph)
    order_pools(graph)
    fuse_normalization(graph)


def fold_factors(graph: Graph) -> None:
    """Move products with one number into the kernels that they end in.

    Squeeze-and-excite with a hard sigmoid has such a product: relu6(x + 3) / 6, which multiplies
    the map before a convolution.
    """
    for op in graph.ops:
        factor = _factor(op)
        ends = None if factor is None else absorbers(graph, op.result)
        if factor is None or ends is None:
            continue
        for target in ends.kernels:
            scale_kernel(graph, target, factor)
        graph.rewire(op.result, _data(op))
        graph.replace([op], [])


def _factor(op: Op) -> float | None:
    """Return the positive number that a plain product multiplies by."""
    constants = _constants(op, "MUL")
    if len(constants) != 1 or constants[0].size != 1 or op.activation is not Activation.NONE:
        return None
    factor = float(constants[0].ravel()[0])
    return factor if 0 < factor < math.inf else None


def _constants(op: Op, kind: str) -> list[Values]:
    """Return the float32 constants that an op of a kind reads; none if it is of another kind."""
    if op.kind != kind:
        return []
    inputs = [tensor for tensor in op.inputs if tensor is not None]
    return [values for tensor in inputs if (values := tensor.float_values) is not None]


def _data(op: Op) -> Tensor:
    """Return the input of a binary op that is no float32 constant."""
    return next(t for t in op.inputs if t is not None and t.float_values is None)


def fuse_normalization(graph: Graph) -> None:
    """Make one depthwise convolution of a product and a sum with a number for each channel.

    Batch normalisation without a convolution before it is such a pair (ResNet v2, DenseNet).
    """
    for product in graph.ops:
        scale = _per_channel(product, "MUL")
        following = graph.only_reader(product.result)
        if scale is None or following is None or product.activation is not Activation.NONE:
            continue
        offset = _per_channel(following, "ADD")
        if offset is not None:
            new = _pointwise(graph, _data(product), following, scale, offset)
            graph.replace([product, following], [new])


def _per_channel(op: Op, kind: str) -> Values | None:
    """Return the vector that an op of a kind applies to a large feature map."""
    constants, shape = _constants(op, kind), op.result.shape
    if len(constants) != 1 or len(shape) != 4 or shape[1] * shape[2] < MIN_POSITIONS:
        return None
    (values,) = constants
    return values.ravel() if values.shape in ((shape[3],), (1, 1, 1, shape[3])) else None


def _pointwise(graph: Graph, source: Tensor, last: Op, scale: Values, offset: Values) -> Op:
    result = last.result
    kernel = graph.add_constant(scale.reshape(1, 1, 1, -1), f"{result.name}/scale")
    bias = graph.add_constant(offset, f"{result.name}/offset")
    return graph.new_depthwise([source, kernel, bias], result, (1, 1), last.activation)


def order_pools(graph: Graph) -> None:
    """Swap an average pool and a pointwise convolution where the map between them gets smaller.

    Both are linear and work on different dimensions, so their order has no influence on the answer:
    DenseNet's transitions convolve maps of four times the size, Inception's pools average channels
    that the next convolution drops.
    """
    for first in graph.ops:
        second = graph.only_reader(first.result)
        if second is None or first.activation is not Activation.NONE:
            continue
        source, result = first.source.shape, second.result.shape
        if _is_pointwise(first) and second.kind == "AVERAGE_POOL_2D":
            smaller = (*result[:3], source[3])
            if math.prod(smaller) < math.prod(source):
                _swap(graph, first, second, smaller)
        elif first.kind == "AVERAGE_POOL_2D" and _is_pointwise(second):
            narrower = (*source[:3], result[3])
            if source[1:3] == result[1:3] and narrower[3] < source[3]:
                _swap(graph, first, second, narrower)


def _is_pointwise(op: Op) -> bool:
    if op.kind != "CONV_2D":
        return False
    kernel = op.weights.float_values
    return kernel is not None and kernel.shape[1:3] == (1, 1) and op.strides == (1, 1)


def _swap(graph: Graph, first: Op, second: Op, between: tuple[int, ...]) -> None:
    """Apply the second op before the first; the activation stays at the end."""
    source, result = first.source, second.result
    middle = graph.add_like(result, "reordered", shape=between)
    graph.connect(second, source, middle)
    graph.connect(first, middle, result)
    first.activation, second.activation = second.activation, first.activation
    graph.replace([first, second], [second, first])

"""Fewer ops for the same answers: passes over feature maps that a kernel can do on the way.

Works on a float ``.tflite`` file before it is calibrated. Files of the schemes ``float16`` and
``dynamic`` come straight from the frozen graph and are left as the converter makes them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgecnn.data.inputspec import SMALL_INPUT
from edgecnn.tflite.graph import Graph, Values

MIN_POSITIONS = 16 * 16
"""Height times width from which on batch normalisation becomes a convolution of its own. Its
int8 form has 15 bytes a channel, which on smaller maps cost more than the time that they save."""


def streamlined(content: bytes, *, takes_pixels: bool, is_exact: bool = False) -> bytes:
    """Return a copy of a float model with fewer ops.

    Args:
        content: A float32 ``.tflite`` file's bytes.
        takes_pixels: Whether its first op is the normalisation that :func:`freeze` put in.
        is_exact: Whether that stays an op of its own where merging it changes the map's margin.
    """
    graph = Graph(content)
    if not graph.is_alone:
        return content
    if takes_pixels and min(graph.shape(graph.inputs[0])[1:3]) > SMALL_INPUT:
        fold_input(graph, is_exact=is_exact)
    fold_factors(graph)
    order_pools(graph)
    fuse_normalization(graph)
    return graph.content()


def fold_factors(graph: Graph) -> None:
    """Move products with one number into the kernels that they end in.

    Squeeze-and-excite with a hard sigmoid has such a sixth: relu6(x + 3) / 6, then the product
    with the map, then a convolution.
    """
    for op in graph.operators:
        factor, result = _factor(graph, op), int(op.outputs[0])
        absorbers = graph.absorbers(result)
        if factor is None or absorbers is None:
            continue
        for target in absorbers.kernels:
            graph.scale_kernel(target, factor)
        graph.rewire(result, _data(graph, op))
        graph.replace([op], [])


def _factor(graph: Graph, op: Any) -> float | None:
    """Return the positive number that a plain product multiplies by."""
    constants = _constants(graph, op, "MUL")
    if len(constants) != 1 or constants[0].size != 1 or graph.activation(op):
        return None
    factor = float(constants[0].ravel()[0])
    return factor if 0 < factor < math.inf else None


def _constants(graph: Graph, op: Any, kind: str) -> list[Values]:
    """Return the constants that an op of a kind reads; none if it is of another kind."""
    if graph.kind(op) != kind:
        return []
    return [values for t in op.inputs if (values := graph.constant(int(t))) is not None]


def _data(graph: Graph, op: Any) -> int:
    """Return the input of a binary op that is no constant."""
    return next(int(t) for t in op.inputs if graph.constant(int(t)) is None)


def fuse_normalization(graph: Graph) -> None:
    """Make one depthwise convolution of a product and a sum with a number for each channel.

    That is batch normalisation which no convolution comes before (ResNet v2, DenseNet).
    """
    for product in graph.operators:
        scale = _per_channel(graph, product, "MUL")
        following = graph.only_reader(int(product.outputs[0]))
        if scale is None or following is None or graph.activation(product):
            continue
        offset = _per_channel(graph, following, "ADD")
        if offset is not None:
            new = _pointwise(graph, _data(graph, product), following, scale, offset)
            graph.replace([product, following], [new])


def _per_channel(graph: Graph, op: Any, kind: str) -> Values | None:
    """Return the vector that an op of a kind applies to a large feature map."""
    constants = _constants(graph, op, kind)
    shape = graph.shape(int(op.outputs[0]))
    if len(constants) != 1 or len(shape) != 4 or shape[1] * shape[2] < MIN_POSITIONS:
        return None
    (values,) = constants
    return values.ravel() if values.shape in ((shape[3],), (1, 1, 1, shape[3])) else None


def _pointwise(graph: Graph, source: int, last: Any, scale: Values, offset: Values) -> Any:
    result = int(last.outputs[0])
    kernel = graph.add_constant(scale.reshape(1, 1, 1, -1), f"{graph.name(result)}/scale")
    bias = graph.add_constant(offset, f"{graph.name(result)}/offset")
    return graph.depthwise([source, kernel, bias], result, (1, 1), graph.activation(last))


def order_pools(graph: Graph) -> None:
    """Pool averages before a pointwise convolution if that shrinks the map, after if it narrows it.

    Both are linear and work on other dimensions, so their order has no influence on the answer:
    DenseNet's transitions convolve maps of four times the size, Inception's pools average channels
    that the next convolution drops.
    """
    for first in list(graph.operators):
        second = graph.only_reader(int(first.outputs[0]))
        if second is None or graph.activation(first):
            continue
        source, result = (graph.shape(int(t)) for t in (first.inputs[0], second.outputs[0]))
        if _is_pointwise(graph, first) and graph.kind(second) == "AVERAGE_POOL_2D":
            smaller = (*result[:3], source[3])
            if math.prod(smaller) < math.prod(source):
                _swap(graph, first, second, smaller)
        elif graph.kind(first) == "AVERAGE_POOL_2D" and _is_pointwise(graph, second):
            narrower = (*source[:3], result[3])
            if source[1:3] == result[1:3] and narrower[3] < source[3]:
                _swap(graph, first, second, narrower)


def _is_pointwise(graph: Graph, op: Any) -> bool:
    if graph.kind(op) != "CONV_2D":
        return False
    kernel = graph.constant(int(op.inputs[1]))
    steps = (op.builtinOptions.strideH, op.builtinOptions.strideW)
    return kernel is not None and kernel.shape[1:3] == (1, 1) and steps == (1, 1)


def _swap(graph: Graph, first: Any, second: Any, between: tuple[int, ...]) -> None:
    """Apply the second op before the first; the activation stays at the end."""
    source, result = int(first.inputs[0]), int(second.outputs[0])
    middle = graph.like(result, "reordered", shape=between)
    graph.connect(second, source, middle)
    graph.connect(first, middle, result)
    activation = graph.activation(second)
    second.builtinOptions.fusedActivationFunction = graph.activation(first)
    first.builtinOptions.fusedActivationFunction = activation
    graph.replace([first, second], [second, first])


def fold_input(graph: Graph, *, is_exact: bool = False) -> None:
    """Let the first convolution take pixels: fold the pointwise one that normalises them into it.

    Where that convolution, or a PAD before it, pads the map, the margin becomes the pixel that the
    input's zero stands for; it was the mean of each channel, which this pixel is near. That is
    less than what quantisation changes, but not in small images, which are margin for the most.

    Args:
        graph: Changed in place.
        is_exact: Leave it where there is a margin.
    """
    (source,) = graph.inputs
    first = graph.only_reader(source)
    if first is None or graph.kind(first) != "CONV_2D":
        return
    following = graph.only_reader(int(first.outputs[0]))
    padded = following is not None and graph.kind(following) == "PAD"
    target = graph.only_reader(int(following.outputs[0])) if padded else following
    if target is None or graph.kind(target) != "CONV_2D":
        return
    if is_exact and (padded or target.builtinOptions.padding == graph.schema.Padding.SAME):
        return
    parts = [graph.constant(int(t)) for t in (*first.inputs[1:], *target.inputs[1:])]
    if len(parts) != 4 or any(part is None for part in parts):
        return
    _fold_into(graph, target, *(np.asarray(part, np.float64) for part in parts))
    graph.set_input(following, 0, source)
    if padded:
        graph.tensors[int(following.outputs[0])].name = f"{graph.name(source)}/padded"
    graph.replace([first], [])


def _fold_into(graph: Graph, target: Any, mix: Any, shift: Any, kernel: Any, bias: Any) -> None:
    """Give a convolution the kernel and bias that include a pointwise one before it.

    Indices: o(ut), h(eight), w(idth), m(iddle), c(hannel of the source).
    """
    name = graph.name(int(target.outputs[0]))
    folded = np.einsum("ohwm,mc->ohwc", kernel, mix[:, 0, 0])
    graph.set_input(target, 1, graph.add_constant(folded, f"{name}/kernel"))
    shifted = bias + np.einsum("ohwm,m->o", kernel, shift)
    graph.set_input(target, 2, graph.add_constant(shifted, f"{name}/bias"))

"""The normalisation in a model as one op, or as none: it is rounded once, and takes less time.

A mean for each channel, taken off and divided by a deviation in integers, is rounded after each op;
another order of the channels is three slices and what puts them together. All of that is one
pointwise convolution, and its weights go into the first convolution's where that changes nothing.
A factor and an offset that all channels have in common stay: in integers they only move the levels
of the input, and two such ops take less time than a convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.leading_ops import graph_leading_maps
from edgecnn.tflite.pixel_ops import LeadingMaps
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

MOST_PICTURE_CHANNELS = 4
"""Channels of a picture at most: a convolution of more would multiply far more than they need."""


def merge_leading_ops(graph: Graph, *, folds: bool = True) -> None:
    """Make one pointwise convolution of the ops that normalise pixels at the front of a graph.

    Args:
        graph: A float32 graph, changed in place.
        folds: Whether the first convolution may take the normalisation in.
    """
    leading = graph_leading_maps(graph)
    if leading is None:
        return
    for tensor in _last_tensors(graph, leading):
        known = leading.maps[tensor]
        if known.base is not tensor and _can_be_convolved(known.base, tensor, known.from_base):
            _merge(graph, known.base, tensor, known.from_base, folds=folds)


def _last_tensors(graph: Graph, leading: LeadingMaps) -> Iterator[Tensor]:
    """Yield what ops on single pixels make for those that mix them or move the picture."""
    yield from leading.ends
    for tensor, known in leading.maps.items():
        maker = graph.maker(tensor)
        if known.base is tensor and maker is not None:
            yield maker.activation_inputs[0]


def _can_be_convolved(base: Tensor, tensor: Tensor, channels: ChannelMap) -> bool:
    is_picture = len(base.shape) == 4 and base.shape == tensor.shape
    return is_picture and channels.channels <= MOST_PICTURE_CHANNELS and not channels.is_identity


def _merge(
    graph: Graph, base: Tensor, tensor: Tensor, channels: ChannelMap, *, folds: bool
) -> None:
    """Make a tensor of its base by as few ops as possible, or let the next convolution do it."""
    reader = _next_convolution(graph, tensor) if folds else None
    is_folded = reader is not None and (not any(channels.offsets) or not reader.has_margin)
    if channels.is_uniform and not is_folded:
        _put_instead(graph, tensor, _elementwise(graph, base, tensor, channels))
        return
    kernel = np.zeros((channels.channels, base.shape[3]))
    kernel[range(channels.channels), channels.sources] = channels.factors
    merged = graph.new_pointwise(base, tensor, kernel, channels.offsets)
    _put_instead(graph, tensor, [merged])
    if is_folded:
        _fold_pointwise(graph, merged)


def _elementwise(graph: Graph, base: Tensor, tensor: Tensor, channels: ChannelMap) -> list[Op]:
    """Return new ops that make a tensor of its base by one factor and one offset."""
    factor, offset = channels.factors[0], channels.offsets[0]
    ops, source = [], base
    if factor != 1.0:
        source = graph.add_like(tensor, "scaled") if offset else tensor
        ops.append(graph.new_op("MUL", [base, graph.scalar_constant(factor)], source))
    if offset:
        ops.append(graph.new_op("ADD", [source, graph.scalar_constant(offset)], tensor))
    return ops


def _put_instead(graph: Graph, tensor: Tensor, ops: Sequence[Op]) -> None:
    """Make a tensor by other ops, and take out those that are not needed any more."""
    maker = graph.maker(tensor)
    assert maker is not None
    graph.replace([maker], ops)
    _drop_unread(graph)


def _drop_unread(graph: Graph) -> None:
    """Take out the ops whose results nothing reads any more."""
    while unread := [op for op in graph.ops if not _is_read(graph, op)]:
        graph.replace(unread, [])


def _is_read(graph: Graph, op: Op) -> bool:
    return any(graph.readers(tensor) or tensor in graph.outputs for tensor in op.outputs)


def fold_input(graph: Graph, *, is_exact: bool = False) -> None:
    """Let the first convolution take pixels: fold the pointwise one that normalises them into it.

    Where the first convolution, or a PAD before it, pads the map, the margin becomes the pixel that
    the input's zero stands for; it was the mean of each channel, which is near to this pixel. The
    change is smaller than that of quantisation, except in small images, which are mostly margin.

    Args:
        graph: The graph, changed in place.
        is_exact: Whether the graph stays as it is where the margin would change.
    """
    first = graph.only_reader(graph.input)
    if first is None or first.kind != "CONV_2D" or first.bias is None:
        return
    reader = _next_convolution(graph, first.result)
    if reader is not None and not (is_exact and reader.has_margin):
        _fold_pointwise(graph, first)


@dataclass(frozen=True)
class _Convolution:
    """A convolution that alone reads a map.

    Args:
        op: The convolution.
        pad: The PAD before it, where there is one.
    """

    op: Op
    pad: Op | None

    @property
    def has_margin(self) -> bool:
        """Whether the convolution, or a PAD before it, pads the map."""
        return self.pad is not None or self.op.has_same_padding


def _next_convolution(graph: Graph, tensor: Tensor) -> _Convolution | None:
    """Return the convolution with weights and bias that alone reads a map, perhaps behind a PAD."""
    following = graph.only_reader(tensor)
    pad = following if following is not None and following.kind == "PAD" else None
    target = following if pad is None else graph.only_reader(pad.result)
    if target is None or target.kind != "CONV_2D" or target.bias is None:
        return None
    parts = (target.weights, target.bias)
    return _Convolution(target, pad) if all(x.float_values is not None for x in parts) else None


def _fold_pointwise(graph: Graph, first: Op) -> None:
    """Fold a pointwise convolution into the convolution that reads it."""
    reader = _next_convolution(graph, first.result)
    assert reader is not None
    constants = (*first.inputs[1:], *reader.op.inputs[1:])
    parts = (np.asarray(x.values, np.float64) for x in constants if x is not None)
    _fold_into(graph, reader.op, *parts)
    graph.set_input(reader.pad or reader.op, 0, first.source)
    if reader.pad is not None:
        reader.pad.result.name = f"{first.source.name}/padded"
    graph.replace([first], [])


def _fold_into(
    graph: Graph, target: Op, mix: Array, shift: Array, kernel: Array, bias: Array
) -> None:
    """Give a convolution the kernel and bias that include the pointwise convolution before it.

    Indices: o(ut), h(eight), w(idth), m(iddle), c(hannel of the source).
    """
    name = target.result.name
    folded = np.einsum("ohwm,mc->ohwc", kernel, mix[:, 0, 0])
    graph.set_input(target, 1, graph.add_constant(folded, f"{name}/kernel"))
    shifted = bias + np.einsum("ohwm,m->o", kernel, shift)
    graph.set_input(target, 2, graph.add_constant(shifted, f"{name}/bias"))

"""The leading ops of a ``.tflite`` graph: what they make of each channel of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.pixel_ops import (
    LeadingMaps,
    PixelOp,
    keeps_channels,
    leading_maps,
    per_channel,
    sliced_channels,
)
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

GREYS = ((0.2989, 0.587, 0.114), (0.2126, 0.7152, 0.0722), (1 / 3, 1 / 3, 1 / 3))
"""Shares of red, green and blue in a grey picture: luma of BT.601 and of BT.709, and the mean."""


def graph_leading_maps(graph: Graph) -> LeadingMaps | None:
    """Follow a graph's image through the ops that act on each pixel alone.

    Args:
        graph: A float32 graph with one input.

    Returns:
        What the ops make; None where the input is no picture with channels last.
    """
    return _leading_maps(graph, _described)


def _leading_maps(
    graph: Graph, describe: Callable[[Op, int], PixelOp | None]
) -> LeadingMaps | None:
    image = graph.input
    if len(graph.inputs) != 1 or not 3 <= len(image.shape) <= 4:
        return None
    channels = image.shape[3] if len(image.shape) == 4 else 1
    return leading_maps(image, channels, graph.ops, graph.outputs, describe)


def leading_channel_map(graph: Graph) -> ChannelMap | None:
    """Return what the ops before the first that mixes pixels make of the channels of an image.

    Args:
        graph: A float32 graph with one input.

    A weighted mean of red, green and blue keeps the range of their values: it stands in the map as
    the first channel alone.

    Returns:
        The map; None where the input is no picture with channels last, or where several ops mix
        pixels and get different things.

    Example:
        >>> leading_channel_map(graph).factors
        (0.00784313725490196, 0.00784313725490196, 0.00784313725490196)
    """
    leading = _leading_maps(graph, lambda op, channels: _described(op, channels) or _grey(op))
    return None if leading is None else leading.from_image


def _described(op: Op, channels: int) -> PixelOp | None:
    describe = _DESCRIPTIONS.get(op.kind)
    if describe is None or op.activation is not Activation.NONE or op.inputs[0] is None:
        return None
    return describe(op, channels)


def _grey(op: Op) -> PixelOp | None:
    """Describe what makes a picture grey, with the factor that the converter folds into it."""
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED") or op.activation is not Activation.NONE:
        return None
    weights, bias = op.weights.float_values, op.bias
    if weights is None or op.has_computed_bias or weights.size != len(GREYS[0]):
        return None
    factor = float(weights.sum())
    if op.result.shape[-1:] != (1,) or factor <= 0:
        return None
    if not any(np.allclose(weights.ravel() / factor, shares, atol=0.005) for shares in GREYS):
        return None
    offset = 0.0 if bias is None else bias.values
    return PixelOp([op.source], op.outputs, [[0]], factor, offset, moves=True)


def _option(op: Op, name: str) -> int:
    """Return a setting of an op, which is 0 where the file leaves it out."""
    return int(getattr(op.options, name, 0) or 0)


def _arithmetic(op: Op, channels: int) -> PixelOp | None:
    """Describe a product, sum, difference or quotient with a constant."""
    first, second = op.inputs
    assert first is not None and second is not None
    constant, data = (first, second) if first.is_constant else (second, first)
    values = None if constant.float_values is None else per_channel(constant.float_values, channels)
    if values is None or data.is_constant or data.shape[-1:] != op.result.shape[-1:]:
        return None
    if op.kind == "MUL":
        return PixelOp([data], op.outputs, factor=values)
    if op.kind == "ADD":
        return PixelOp([data], op.outputs, offset=values)
    if op.kind == "SUB":
        is_from_constant = constant is first
        offset = values if is_from_constant else -values
        return PixelOp([data], op.outputs, factor=-1.0 if is_from_constant else 1.0, offset=offset)
    if constant is first or not values.all():
        return None
    return PixelOp([data], op.outputs, factor=1 / values)


def _pointwise(op: Op, channels: int) -> PixelOp | None:
    """Describe a convolution of single pixels each of whose channels is made of one."""
    kernel, bias = op.weights.float_values, op.bias
    if kernel is None or kernel.ndim != 4 or op.options is None or op.has_computed_bias:
        return None
    if kernel.shape[1:3] != (1, 1) or op.strides != (1, 1):
        return None
    offset = np.zeros(1) if bias is None else bias.values
    if op.traits.is_depthwise:
        if op.depth_multiplier != 1:
            return None
        return PixelOp([op.source], op.outputs, factor=kernel.ravel(), offset=offset)
    matrix = kernel[:, 0, 0]
    if matrix.shape[1] != channels or (np.count_nonzero(matrix, axis=1) != 1).any():
        return None
    picked = np.abs(matrix).argmax(axis=1)
    factor = matrix[np.arange(len(matrix)), picked]
    return PixelOp([op.source], op.outputs, [picked.tolist()], factor, offset)


def _same(op: Op, channels: int) -> PixelOp | None:
    is_float = op.result.is_float and op.source.dtype in ("float32", "uint8", "int8", "int32")
    return PixelOp([op.source], op.outputs) if is_float else None


def _negated(op: Op, channels: int) -> PixelOp | None:
    return PixelOp([op.source], op.outputs, factor=-1.0)


def _moving(op: Op, channels: int) -> PixelOp | None:
    """Describe an op that resizes the picture."""
    return PixelOp([op.source], op.outputs, moves=True)


def _reshaped(op: Op, channels: int) -> PixelOp | None:
    if not keeps_channels(op.source.shape, op.result.shape, channels):
        return None
    return PixelOp([op.source], op.outputs, moves=channels > 1)


def _padded(op: Op, channels: int) -> PixelOp | None:
    margins = _constant(op, 1)
    if margins is None or margins.ndim != 2 or margins[-1:].any():
        return None
    return _moving(op, channels) if op.source.shape[-1:] == (channels,) else None


def _transposed(op: Op, channels: int) -> PixelOp | None:
    order = _constant(op, 1)
    is_spatial = order is not None and order[-1:].tolist() == [len(op.source.shape) - 1]
    return _moving(op, channels) if is_spatial else None


def _gathered(op: Op, channels: int) -> PixelOp | None:
    picked, axis = _constant(op, 1), _option(op, "axis")
    is_plain = picked is not None and picked.ndim == 1 and not _option(op, "batchDims")
    if picked is None or not is_plain or not _is_last(axis, op.source):
        return None
    return PixelOp([op.source], op.outputs, [(picked % channels).tolist()])


def _reversed(op: Op, channels: int) -> PixelOp | None:
    axes = _constant(op, 1)
    if axes is None:
        return None
    is_last = [_is_last(int(axis), op.source) for axis in axes.ravel()]
    picks = [list(reversed(range(channels)))] if any(is_last) else None
    return PixelOp([op.source], op.outputs, picks, moves=not all(is_last))


def _strided(op: Op, channels: int) -> PixelOp | None:
    begins, ends, steps = (_constant(op, place) for place in (1, 2, 3))
    shape = op.source.shape
    if begins is None or ends is None or steps is None or not steps.all():
        return None
    if {begins.shape, ends.shape, steps.shape} != {(len(shape),)}:
        return None
    shrunk, last = _option(op, "shrinkAxisMask"), 1 << len(shape) - 1
    if _option(op, "ellipsisMask") or _option(op, "newAxisMask") or shrunk not in (0, last):
        return None
    firsts, lasts = _indices(op, "beginMask", begins), _indices(op, "endMask", ends)
    if shrunk:
        first = int(begins[-1]) % shape[-1]
        firsts[-1], lasts[-1] = first, first + 1
    return _slice(op, firsts, lasts, [int(step) for step in steps], channels)


def _indices(op: Op, mask: str, given: Array) -> list[int | None]:
    """Return a strided slice's indices in each dimension; None where a mask leaves them open."""
    is_open = _option(op, mask)
    return [None if is_open >> place & 1 else int(index) for place, index in enumerate(given)]


def _sliced(op: Op, channels: int) -> PixelOp | None:
    begins, sizes = _constant(op, 1), _constant(op, 2)
    if begins is None or sizes is None:
        return None
    if {begins.shape, sizes.shape} != {(len(op.source.shape),)}:
        return None
    ends = [
        None if size < 0 else int(first + size) for first, size in zip(begins, sizes, strict=True)
    ]
    return _slice(op, [int(first) for first in begins], ends, [1] * len(begins), channels)


def _slice(
    op: Op,
    begins: Sequence[int | None],
    ends: Sequence[int | None],
    steps: Sequence[int],
    channels: int,
) -> PixelOp | None:
    if op.source.shape[-1] != channels:
        return None
    picked, is_whole = sliced_channels(begins, ends, steps, op.source.shape)
    return PixelOp([op.source], op.outputs, [picked], moves=not is_whole) if picked else None


def _split(op: Op, channels: int) -> PixelOp | None:
    """Describe an op that makes a map of each channel, or of some."""
    if op.kind == "UNPACK":
        axis, data = _option(op, "axis"), op.source
        sizes = [1] * len(op.outputs)
    else:
        data = op.activation_inputs[0]
        constant = _constant(op, 0 if op.kind == "SPLIT" else 2)
        if constant is None:
            return None
        axis, sizes = int(constant.ravel()[0]), [tensor.shape[-1] for tensor in op.outputs]
    if not _is_last(axis, data) or data.shape[-1] != channels:
        return None
    starts = np.cumsum([0, *sizes])
    picks = [list(range(first, first + size)) for first, size in zip(starts, sizes, strict=False)]
    return PixelOp([data], op.outputs, picks)


def _joined(op: Op, channels: int) -> PixelOp | None:
    """Describe an op that puts maps behind each other."""
    inputs = [tensor for tensor in op.inputs if tensor is not None]
    if any(tensor.is_constant for tensor in inputs) or not _is_last(_option(op, "axis"), op.result):
        return None
    return PixelOp(inputs, op.outputs)


def _constant(op: Op, place: int) -> Array | None:
    tensor = op.inputs[place] if len(op.inputs) > place else None
    return tensor.values if tensor is not None and tensor.is_constant else None


def _is_last(axis: int, tensor: Tensor) -> bool:
    return axis in (-1, len(tensor.shape) - 1)


_DESCRIPTIONS: dict[str, Callable[[Op, int], PixelOp | None]] = {
    **dict.fromkeys(("ADD", "DIV", "MUL", "SUB"), _arithmetic),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _pointwise),
    **dict.fromkeys(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"), _reshaped),
    **dict.fromkeys(("MIRROR_PAD", "PAD", "PADV2"), _padded),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _moving),
    **dict.fromkeys(("SPLIT", "SPLIT_V", "UNPACK"), _split),
    **dict.fromkeys(("CONCATENATION", "PACK"), _joined),
    "CAST": _same,
    "GATHER": _gathered,
    "NEG": _negated,
    "REVERSE_V2": _reversed,
    "SLICE": _sliced,
    "STRIDED_SLICE": _strided,
    "TRANSPOSE": _transposed,
}
"""Kind of op -> the function that says what it makes of a map of so many channels."""

"""What a weighted op multiplies its weights with: rows of its input, grouped as its weights are."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.operators import Array, OpenGraph

MOST_ROWS = 8192
MOST_VALUES = 1 << 23
"""Of rows times inputs: bounds the time and 32 MB of memory a layer."""
BLOCK_ROWS = 32
"""Copied at once; all at once takes twice as long."""
SEED = 0


def grouped_weights(graph: OpenGraph, op: Any) -> npt.NDArray[np.float32]:
    """Return an op's weights as (groups, outputs of a group, inputs of an output)."""
    weights = graph.values(int(op.inputs[1])).astype(np.float32)
    kind = graph.kind(op)
    if kind == "DEPTHWISE_CONV_2D":
        _, height, width, channels = weights.shape
        multiplier = int(op.builtinOptions.depthMultiplier)
        moved = weights.reshape(height * width, channels // multiplier, multiplier)
        return moved.transpose(1, 2, 0)
    groups = _groups(graph, op) if kind == "CONV_2D" else 1
    return weights.reshape(groups, len(weights) // groups, -1)


def ungrouped_weights(graph: OpenGraph, op: Any, grouped: Array) -> Array:
    """Undo :func:`grouped_weights`."""
    shape = graph.shape(int(op.inputs[1]))
    if graph.kind(op) == "DEPTHWISE_CONV_2D":
        grouped = grouped.transpose(2, 0, 1)
    return np.ascontiguousarray(grouped.reshape(shape))


def inputs_of_an_output(graph: OpenGraph, op: Any) -> int:
    """Return how many weights an output has."""
    shape = graph.shape(int(op.inputs[1]))
    return math.prod(shape[1:3] if graph.kind(op) == "DEPTHWISE_CONV_2D" else shape[1:])


def _groups(graph: OpenGraph, op: Any) -> int:
    return graph.shape(int(op.inputs[0]))[-1] // graph.shape(int(op.inputs[1]))[-1]


class InputRows:
    """Positions of an op's output, drawn at random, and the inputs that each of them sees.

    Args:
        graph: Where the op stands.
        op: A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        images: How many images there are.
    """

    def __init__(self, graph: OpenGraph, op: Any, images: int) -> None:
        self._graph, self._op, self._kind = graph, op, graph.kind(op)
        output = graph.shape(int(op.outputs[0]))
        self._outputs = output[-1]
        total = images * math.prod(output[:-1])
        channels = graph.shape(int(op.inputs[0]))[-1]
        width = inputs_of_an_output(graph, op)
        width *= channels if self._kind == "DEPTHWISE_CONV_2D" else _groups_or_one(graph, op)
        most = max(256, min(MOST_ROWS, MOST_VALUES // width))
        self._positions = _drawn(total, most)

    def outputs(self, values: Array) -> npt.NDArray[np.float32]:
        """Return the op's results at the positions, shape (rows, outputs)."""
        rows = values.reshape(-1, self._outputs)[self._positions]
        return rows.astype(np.float32, copy=False)

    def inputs(self, values: Array) -> npt.NDArray[np.float32]:
        """Return what the op reads there, real numbers of shape (groups, rows, inputs)."""
        if self._kind == "FULLY_CONNECTED":
            width = inputs_of_an_output(self._graph, self._op)
            return self._real(values.reshape(-1, width)[self._positions])[None]
        patches = self._patches(values)
        rows, kernel, channels = patches.shape
        if self._kind == "DEPTHWISE_CONV_2D":
            return _by_channel(patches)
        groups = _groups(self._graph, self._op)
        split = patches.reshape(rows, kernel, groups, channels // groups)
        return split.transpose(2, 0, 1, 3).reshape(groups, rows, -1)

    def _real(self, values: Array) -> npt.NDArray[np.float32]:
        return self._graph.real(int(self._op.inputs[0]), values)

    def _patches(self, values: Array) -> npt.NDArray[np.float32]:
        """Return (rows, kernel height x width, channels), zero where the kernel is outside."""
        options, shape = self._op.builtinOptions, self._graph.shape
        _, height, width, channels = shape(int(self._op.inputs[0]))
        kernel = shape(int(self._op.inputs[1]))[1:3]
        _, rows, columns, _ = shape(int(self._op.outputs[0]))
        image, y, x = np.unravel_index(self._positions, (len(values), rows, columns))
        same = options.padding == self._graph.schema.Padding.SAME
        ys = _taps(y, height, kernel[0], options.strideH, options.dilationHFactor, same)
        xs = _taps(x, width, kernel[1], options.strideW, options.dilationWFactor, same)
        pixels = values.reshape(-1, height, width, channels)
        taken = self._real(
            pixels[
                image[:, None, None],
                np.clip(ys, 0, height - 1)[:, :, None],
                np.clip(xs, 0, width - 1)[:, None, :],
            ]
        )
        inside = ((ys >= 0) & (ys < height))[:, :, None] & ((xs >= 0) & (xs < width))[:, None, :]
        taken *= inside[..., None]
        return taken.reshape(len(image), -1, channels)


@functools.lru_cache(maxsize=8)
def _drawn(total: int, most: int) -> npt.NDArray[np.int64]:
    """Draw positions; a layer and its counterpart have the same, and so have many of one size."""
    if total <= most:
        return np.arange(total)
    generator = np.random.Generator(np.random.PCG64(SEED))
    return np.sort(generator.choice(total, most, replace=False))


def _by_channel(patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Copy (rows, kernel, channels) to (channels, rows, kernel), in blocks that caches hold."""
    rows, kernel, channels = patches.shape
    moved = np.empty((channels, rows, kernel), patches.dtype)
    for start in range(0, rows, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        moved[:, block] = patches[block].transpose(2, 0, 1)
    return moved


def _groups_or_one(graph: OpenGraph, op: Any) -> int:
    return _groups(graph, op) if graph.kind(op) == "CONV_2D" else 1


def _taps(
    places: Array, side: int, kernel: int, stride: int, dilation: int, same: bool
) -> npt.NDArray[np.int64]:
    """Return the input rows (or columns) that output rows see, shape (places, kernel)."""
    before = 0
    if same:
        span = (kernel - 1) * dilation + 1
        before = max((-(-side // stride) - 1) * stride + span - side, 0) // 2
    taps: npt.NDArray[np.int64] = places[:, None] * stride - before + np.arange(kernel) * dilation
    return taps

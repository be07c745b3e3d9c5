"""What a weighted op multiplies its weights with: rows of its input, grouped as its weights are."""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.tensors_and_ops import Array, Op, same_padding

MOST_SAMPLED_ROWS = 4096
MOST_ROW_VALUES = 1 << 22
"""Greatest number of rows times inputs, which bounds the time of a layer, and its memory to 32 MB.
"""
BLOCK_ROWS = 32
"""Number of rows that are copied at once; copying all at once takes twice as long."""
ROWS_SEED = 0


def grouped_weights(op: Op) -> npt.NDArray[np.float32]:
    """Return an op's weights, shape (groups, outputs of a group, inputs of an output)."""
    weights = op.weights.values.astype(np.float32)
    if op.traits.is_depthwise:
        _, height, width, channels = weights.shape
        multiplier = op.depth_multiplier
        moved = weights.reshape(height * width, channels // multiplier, multiplier)
        return moved.transpose(1, 2, 0)
    groups = _groups(op)
    return weights.reshape(groups, len(weights) // groups, -1)


def ungrouped_weights(op: Op, grouped: Array) -> Array:
    """Return weights in the op's own shape; undoes :func:`grouped_weights`."""
    if op.traits.is_depthwise:
        grouped = grouped.transpose(2, 0, 1)
    return np.ascontiguousarray(grouped.reshape(op.weights.shape))


def inputs_of_an_output(op: Op) -> int:
    """Return how many weights an output of an op has."""
    shape = op.weights.shape
    return math.prod(shape[1:3] if op.traits.is_depthwise else shape[1:])


def _groups(op: Op) -> int:
    return op.source.shape[-1] // op.weights.shape[-1] if op.kind == "CONV_2D" else 1


def products(inputs: Array, weights: Array) -> npt.NDArray[np.float32]:
    """Return what weights make of inputs, shape (rows, outputs).

    Args:
        inputs: Inputs, shape (groups, rows, inputs of an output).
        weights: Weights as real numbers, shape (groups, outputs of a group, inputs of an output).
    """
    made = inputs @ weights.astype(np.float32).transpose(0, 2, 1)
    return made.transpose(1, 0, 2).reshape(made.shape[1], -1)


class InputRows:
    """Positions of an op's output, drawn at random, and the inputs that the op reads for each.

    Args:
        op: A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        images: How many images there are.
    """

    def __init__(self, op: Op, images: int) -> None:
        self._op = op
        output = op.result.shape
        self._outputs, self._places = output[-1], math.prod(output[:-1])
        total = images * self._places
        width = inputs_of_an_output(op)
        width *= op.source.shape[-1] if op.traits.is_depthwise else _groups(op)
        most = max(256, min(MOST_SAMPLED_ROWS, MOST_ROW_VALUES // width))
        self._positions = _drawn(total, most)

    def outputs(self, values: Array) -> npt.NDArray[np.float32]:
        """Return the op's results at the positions, shape (rows, outputs)."""
        return self._taken(values, self._positions)

    def outputs_of_image(self, values: Array, number: int) -> npt.NDArray[np.float32]:
        """Return the op's results at the positions that are in one image, shape (rows, outputs).

        Args:
            values: The results for this image alone.
            number: Number of the image.
        """
        first = number * self._places
        start, end = np.searchsorted(self._positions, [first, first + self._places])
        return self._taken(values, self._positions[start:end] - first)

    def _taken(self, values: Array, positions: Array) -> npt.NDArray[np.float32]:
        return values.reshape(-1, self._outputs)[positions].astype(np.float32, copy=False)

    def inputs(self, values: Array) -> npt.NDArray[np.float32]:
        """Return the op's inputs at the positions as real numbers, shape (groups, rows, inputs)."""
        if self._op.kind == "FULLY_CONNECTED":
            width = inputs_of_an_output(self._op)
            return self._op.source.dequantized(values.reshape(-1, width)[self._positions])[None]
        patches = self._patches(values)
        rows, kernel, channels = patches.shape
        if self._op.traits.is_depthwise:
            return _by_channel(patches)
        groups = _groups(self._op)
        split = patches.reshape(rows, kernel, groups, channels // groups)
        return split.transpose(2, 0, 1, 3).reshape(groups, rows, -1)

    def _patches(self, values: Array) -> npt.NDArray[np.float32]:
        """Return the inputs under the kernel, shape (rows, kernel height x width, channels).

        They are zero where the kernel reaches beyond the map.
        """
        op, options = self._op, self._op.options
        _, height, width, channels = op.source.shape
        kernel, same = op.weights.shape[1:3], op.has_same_padding
        # Within a network, an image may have become a batch of several maps.
        maps, rows, columns, _ = op.result.shape
        if kernel == (1, 1) and (rows, columns) == (height, width):
            # Each output reads one place, and most layers of a mobile network are like that.
            read = values.reshape(-1, channels)[self._positions]
            return op.source.dequantized(read)[:, None]
        number, y, x = np.unravel_index(self._positions, (len(values) * maps, rows, columns))
        ys = _taps(y, height, kernel[0], options.strideH, options.dilationHFactor, same)
        xs = _taps(x, width, kernel[1], options.strideW, options.dilationWFactor, same)
        pixels = values.reshape(-1, height, width, channels)
        patches = op.source.dequantized(
            pixels[
                number[:, None, None],
                np.clip(ys, 0, height - 1)[:, :, None],
                np.clip(xs, 0, width - 1)[:, None, :],
            ]
        )
        inside = ((ys >= 0) & (ys < height))[:, :, None] & ((xs >= 0) & (xs < width))[:, None, :]
        patches *= inside[..., None]
        return patches.reshape(len(number), -1, channels)


@functools.lru_cache(maxsize=8)
def _drawn(total: int, most: int) -> npt.NDArray[np.int64]:
    """Draw positions: the same for a layer and its counterpart, and for layers of the same size."""
    if total <= most:
        return np.arange(total)
    generator = np.random.Generator(np.random.PCG64(ROWS_SEED))
    return np.sort(generator.choice(total, most, replace=False))


def _by_channel(patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Copy (rows, kernel, channels) to (channels, rows, kernel), in blocks that caches hold."""
    rows, kernel, channels = patches.shape
    moved = np.empty((channels, rows, kernel), patches.dtype)
    for start in range(0, rows, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        moved[:, block] = patches[block].transpose(2, 0, 1)
    return moved


def _taps(
    places: Array, side: int, kernel: int, stride: int, dilation: int, same: bool
) -> npt.NDArray[np.int64]:
    """Return the input rows (or columns) that output rows read, shape (places, kernel)."""
    before = same_padding(side, (kernel - 1) * dilation + 1, stride)[0] if same else 0
    taps: npt.NDArray[np.int64] = places[:, None] * stride - before + np.arange(kernel) * dilation
    return taps

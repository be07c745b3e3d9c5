"""Channels that are always zero, put to use: they carry another channel a second time.

The first layers of a mobile network often have channels that no image can wake, and others whose
rounding to 8 bits costs more than that of all later layers. A copy of such a channel with a bias
of half a step more rounds at other places; the mean of both is as exact as nine bits. It goes
through the depthwise layer as the channel does, and the pointwise layer after that takes half of
each. Nothing gets larger or slower. (Zhao et al. 2019, "Improving Neural Network Quantization
without Retraining using Outlier Channel Splitting", split channels for their range, and add them.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.quantize.integer_values import step_of
from edgecnn.quantize.scores import scores_tensor
from edgecnn.tflite.graph import Array, Graph, Op, Tensor
from edgecnn.tflite.parts import between
from edgecnn.tflite.runtime import run_over_images

NEARLY_ZERO = 1e-6
MOST_CHANNELS = 64
"""A chain of more is left alone: the time to judge each of them grows with their number."""

Bounds = tuple[Array, Array]
"""The least and the greatest value that each channel can have."""


@dataclass(frozen=True)
class Chain:
    """A convolution, the depthwise ones after it if there are any, and a pointwise one."""

    first: Op
    between: tuple[Op, ...]
    last: Op

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Results that only the next op reads, all of the same channels."""
        return tuple(op.result for op in (self.first, *self.between))

    @property
    def steps(self) -> list[float]:
        """The step of 8 bits over the range of each of the tensors."""
        return [step_of(tensor.range) for tensor in self.tensors if tensor.range is not None]


def use_dead_channels(graph: Graph, images: Array) -> int:
    """Copy the channels that suffer most into channels that are always zero.

    Args:
        graph: A calibrated float32 graph, changed in place.
        images: What goes into it, shape (images, *shape of its input).

    Returns:
        How many copies the graph has.
    """
    bounds, copies = _bounds_by_input(graph), 0
    for chain in _chains(graph):
        dead = _dead_channels(chain, bounds)
        if not len(dead) or chain.tensors[0].shape[-1] > MOST_CHANNELS:
            continue
        noise = _noise(graph, chain, images)
        if noise is not None:
            noise[dead] = 0.0
            copies += _copy(chain, _shared_out(noise, dead))
    return copies


def _chains(graph: Graph) -> list[Chain]:
    """Return the chains that begin with a convolution and ReLU."""
    found = []
    for op in graph.ops:
        if op.kind != "CONV_2D" or not _rectifies(op):
            continue
        between: list[Op] = []
        reader = graph.only_reader(op.result)
        while reader is not None and reader.kind == "DEPTHWISE_CONV_2D":
            if not _rectifies(reader) or reader.source.shape[-1] != reader.result.shape[-1]:
                reader = None
                break
            between.append(reader)
            reader = graph.only_reader(reader.result)
        if reader is not None and reader.kind == "CONV_2D" and _mixes_all_channels(reader):
            found.append(Chain(op, tuple(between), reader))
    return found


def _rectifies(op: Op) -> bool:
    return op.is_linear and op.bias is not None and op.activation.is_rectifier


def _mixes_all_channels(op: Op) -> bool:
    """Whether each output channel of a convolution with a bias is made of all input channels."""
    is_whole = op.source.shape[-1] == op.weights.shape[-1]
    return op.is_linear and op.bias is not None and is_whole


def _bounds_by_input(graph: Graph) -> dict[Tensor, Bounds]:
    """Return the bounds of each channel where they follow from those of the input.

    Other tensors may leave what calibration saw.
    """
    assert graph.input.range is not None
    channels = graph.input.shape[-1]
    low, high = (np.full(channels, end) for end in graph.input.range)
    bounds: dict[Tensor, Bounds] = {graph.input: (low, high)}
    for op in graph.ops:
        if not op.known.has_window or not _rectifies(op) or op.source not in bounds:
            continue
        if op.kind != "CONV_2D" or _mixes_all_channels(op):
            bounds[op.result] = _bounds_of(op, *bounds[op.source])
    return bounds


def _bounds_of(op: Op, low: Array, high: Array) -> Bounds:
    assert op.bias is not None
    weights = op.weights.values.astype(np.float64)
    axes = tuple(axis for axis in range(4) if axis != op.known.channel_axis)
    # Padding is zero, which lies between the bounds of what it stands beside only if they do.
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    greatest = np.maximum(weights * high, weights * low).sum(axis=axes) + op.bias.values
    least = np.minimum(weights * high, weights * low).sum(axis=axes) + op.bias.values
    top = op.activation.upper_bound
    return np.clip(least, 0.0, top), np.clip(greatest, 0.0, top)


def _dead_channels(chain: Chain, bounds: Mapping[Tensor, Bounds]) -> Array:
    """Return the channels that are zero all along a chain."""
    if any(tensor not in bounds for tensor in chain.tensors):
        return np.array([], int)
    greatest = np.max([bounds[tensor][1] for tensor in chain.tensors], axis=0)
    return np.flatnonzero(greatest < NEARLY_ZERO)


def _noise(graph: Graph, chain: Chain, images: Array) -> Array | None:
    """Return what rounding each channel of a chain alone does to the scores (mean square)."""
    scores = scores_tensor(graph)
    total: Array | float = 0.0
    for tensor, step in zip(chain.tensors, chain.steps, strict=True):
        before, after = between(graph, graph.input, tensor), between(graph, tensor, scores)
        if before is None or after is None:
            return None
        (values,) = run_over_images(before, [images])
        (answers,) = run_over_images(after, [_OneChannelRounded(values, step)])
        # The last that is tried has no channel rounded.
        answers = answers.reshape(-1, len(values), answers.shape[-1])
        total = total + ((answers[:-1] - answers[-1]) ** 2).mean(axis=(1, 2))
    return np.asarray(total)


class _OneChannelRounded(Sequence[Array]):
    """Images of a tensor, first with channel 0 rounded, then with channel 1, ...; then as is."""

    def __init__(self, values: Array, step: float) -> None:
        self._values, self._step = values, step
        self._channels = values.shape[-1]

    def __len__(self) -> int:
        return int((self._channels + 1) * len(self._values))

    def __getitem__(self, number: Any) -> Any:
        channel, image = divmod(number, len(self._values))
        values = self._values[image].copy()
        if channel < self._channels:
            rounded = np.rint(values[..., channel] / self._step) * self._step
            values[..., channel] = rounded
        return values


def _shared_out(noise: Array, dead: Array) -> dict[int, list[int]]:
    """Give each dead channel to the one that gains most: noise falls with the square of copies."""
    copies: dict[int, list[int]] = {}
    for channel in dead:
        count = np.array([1 + len(copies.get(c, ())) for c in range(len(noise))])
        gain = noise * (1 / count**2 - 1 / (count + 1) ** 2)
        copies.setdefault(int(gain.argmax()), []).append(int(channel))
    return copies


def _copy(chain: Chain, copies: Mapping[int, list[int]]) -> int:
    """Write the copies into the chain's weights, and return how many there are."""
    steps = chain.steps
    for source, dead in copies.items():
        channels = [source, *dead]
        shifts = np.arange(len(channels)) / len(channels)
        _copy_outputs(chain.first, channels, shifts * steps[0])
        for number, op in enumerate(chain.between):
            _copy_depthwise(op, channels, shifts * steps[number], shifts * steps[number + 1])
        _share_inputs(chain.last, channels, shifts * steps[-1])
    return sum(map(len, copies.values()))


def _copy_outputs(op: Op, channels: list[int], shifts: Array) -> None:
    weights, bias = _constants(op)
    weights[channels] = weights[channels[0]]
    bias[channels] = bias[channels[0]] + shifts
    _set_constants(op, weights, bias)


def _copy_depthwise(op: Op, channels: list[int], before: Array, after: Array) -> None:
    weights, bias = _constants(op)
    kernel = weights[..., channels[0]]
    weights[..., channels] = kernel[..., None]
    bias[channels] = bias[channels[0]] - before * kernel.sum() + after
    _set_constants(op, weights, bias)


def _share_inputs(op: Op, channels: list[int], before: Array) -> None:
    weights, bias = _constants(op)
    shared = weights[..., channels[0]] / len(channels)
    weights[..., channels] = shared[..., None]
    bias -= (shared.sum(axis=(1, 2))[:, None] * before).sum(axis=1)
    _set_constants(op, weights, bias)


def _constants(op: Op) -> tuple[Array, Array]:
    """Return copies of an op's weights and bias."""
    assert op.bias is not None
    return op.weights.values.copy(), op.bias.values.copy()


def _set_constants(op: Op, weights: Array, bias: Array) -> None:
    assert op.bias is not None
    op.weights.values, op.bias.values = weights, bias

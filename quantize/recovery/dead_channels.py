"""Channels that are always zero, put to use: they carry another channel a second time.

The first layers of a mobile network often have channels that are zero for every image, and others
whose rounding to 8 bits costs more than that of all later layers. A copy of a sensitive channel
with a bias of half a step more rounds at other places, and the mean of both is as exact as nine
bits. The copy goes through the depthwise layer as the channel does, and the pointwise layer after
it takes half of each. Nothing gets larger or slower. (Zhao et al. 2019, "Improving Neural Network
Quantization without Retraining using Outlier Channel Splitting", split channels for their range,
and add them.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import step_of
from edgecnn.tflite.parts import part_between
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.scores import scores_tensors
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

NEARLY_ZERO = 1e-6
MOST_CHANNELS = 64
"""Most channels of a chain that is changed: the time to judge the channels grows with their number.
"""

MOST_ANSWERS = 1 << 26
"""Most numbers of the scores, over all images and channels that are rounded: those of maps would
fill the memory."""

Bounds = tuple[Array, Array]
"""The least and the greatest value that each channel can have."""


@dataclass(frozen=True)
class Chain:
    """Convolutions that follow each other with the same channels between them.

    Args:
        first: A convolution.
        middle: The depthwise convolutions after it, if there are any.
        last: A convolution of all channels.
    """

    first: Op
    middle: tuple[Op, ...]
    last: Op

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The results between the ops, which only the next op reads."""
        return tuple(op.result for op in (self.first, *self.middle))

    @property
    def steps(self) -> list[float]:
        """The step of 8 bits over the range of each of ``tensors``."""
        return [step_of(tensor.range) for tensor in self.tensors if tensor.range is not None]


def use_dead_channels(graph: Graph, samples: Sequence[Array]) -> int:
    """Copy the channels that suffer most into channels that are always zero.

    Args:
        graph: A calibrated float32 graph, changed in place.
        samples: For each input its samples as the graph takes them, shape (samples, *shape of the
            input).

    Returns:
        How many copies were made.
    """
    bounds, copies = _bounds_by_input(graph), 0
    for chain in _chains(graph):
        dead = _dead_channels(chain, bounds)
        if not len(dead) or chain.tensors[0].shape[-1] > MOST_CHANNELS:
            continue
        live = np.setdiff1d(np.arange(chain.tensors[0].shape[-1]), dead)
        noise = _noise(graph, chain, live, samples)
        if noise is not None:
            copies += _copy(chain, _shared_out(noise, dead))
    return copies


def _chains(graph: Graph) -> list[Chain]:
    """Return the chains that begin with a convolution and ReLU."""
    chains = []
    for op in graph.ops:
        if op.kind != "CONV_2D" or not _rectifies(op):
            continue
        middle: list[Op] = []
        reader = graph.only_reader(op.result)
        while reader is not None and reader.traits.is_depthwise:
            if not _rectifies(reader) or reader.source.shape[-1] != reader.result.shape[-1]:
                reader = None
                break
            middle.append(reader)
            reader = graph.only_reader(reader.result)
        if reader is not None and reader.kind == "CONV_2D" and _mixes_all_channels(reader):
            chains.append(Chain(op, tuple(middle), reader))
    return chains


def _rectifies(op: Op) -> bool:
    return op.is_linear and op.bias is not None and op.activation.is_rectifier


def _mixes_all_channels(op: Op) -> bool:
    """Whether each output channel of a convolution with a bias is made of all input channels."""
    is_whole = op.source.shape[-1] == op.weights.shape[-1]
    return op.is_linear and op.bias is not None and is_whole


def _bounds_by_input(graph: Graph) -> dict[Tensor, Bounds]:
    """Return the bounds of each channel of the tensors whose bounds follow from the input's.

    Only these hold for every image; other tensors may leave the ranges that calibration saw.
    """
    bounds: dict[Tensor, Bounds] = {}
    for tensor in graph.inputs:
        if tensor.range is not None:
            low, high = (np.full(tensor.shape[-1], end) for end in tensor.range)
            bounds[tensor] = low, high
    for op in graph.ops:
        if not op.traits.has_window or not _rectifies(op) or op.source not in bounds:
            continue
        if op.kind != "CONV_2D" or _mixes_all_channels(op):
            bounds[op.result] = _bounds_of(op, *bounds[op.source])
    return bounds


def _bounds_of(op: Op, low: Array, high: Array) -> Bounds:
    assert op.bias is not None
    weights = op.weights.values.astype(np.float64)
    axes = tuple(axis for axis in range(4) if axis != op.traits.channel_axis)
    # Padding is zero, so the bounds of what the weights multiply must have zero between them.
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


def _noise(graph: Graph, chain: Chain, live: Array, samples: Sequence[Array]) -> Array | None:
    """Return the mean square change of the scores by rounding each channel of a chain alone.

    The channels that are not among ``live`` make none.
    """
    scores = list(dict.fromkeys(scores_tensors(graph)))
    tried = (len(live) + 1) * len(samples[0])
    if tried * sum(tensor.elements for tensor in scores) > MOST_ANSWERS:
        return None
    total = np.zeros(chain.tensors[0].shape[-1])
    for tensor, step in zip(chain.tensors, chain.steps, strict=True):
        before, after = (
            part_between(graph, graph.inputs, [tensor]),
            part_between(graph, [tensor], scores),
        )
        if before is None or after is None:
            return None
        (values,) = run_over_images(before, samples)
        # In the last group of images no channel is rounded.
        for answers in run_over_images(after, [_OneChannelRounded(values, live, step)]):
            total[live] += _changes(answers.reshape(len(live) + 1, -1))
    return total


def _changes(answers: Array) -> Array:
    """Return the mean square change of each group of answers from the last, over their variance.

    Args:
        answers: Answers, shape (groups, values of all images); in the last group no channel is
            rounded.
    """
    changes = ((answers[:-1] - answers[-1]) ** 2).mean(axis=1)
    return np.asarray(changes / (float(answers[-1].var()) or 1.0))


class _OneChannelRounded(Sequence[Array]):
    """Values of a tensor for all images: with one channel rounded, with the next, ..., with none.

    Args:
        values: The values, shape (images, *shape of the tensor).
        channels: Numbers of the channels that are rounded.
        step: The step that they are rounded to.
    """

    def __init__(self, values: Array, channels: Array, step: float) -> None:
        self._values, self._channels, self._step = values, channels, step

    def __len__(self) -> int:
        return int((len(self._channels) + 1) * len(self._values))

    def __getitem__(self, number: Any) -> Any:
        place, image = divmod(number, len(self._values))
        values = self._values[image].copy()
        if place < len(self._channels):
            channel = self._channels[place]
            rounded = np.rint(values[..., channel] / self._step) * self._step
            values[..., channel] = rounded
        return values


def _shared_out(noise: Array, dead: Array) -> dict[int, list[int]]:
    """Give each dead channel to the channel that gains most; return channel -> its dead channels.

    The noise of a channel falls with the square of the number of its copies.
    """
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
        for number, op in enumerate(chain.middle):
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

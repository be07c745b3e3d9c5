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

from edgecnn.tflite.operators import (
    Array,
    OpenGraph,
    run_model,
    scores_tensor,
    step_of,
)

RELUS = {1: np.inf, 3: 6.0}
"""Fused activations whose least value is zero, and their greatest."""

TINY = 1e-6
MOST_CHANNELS = 64
"""A chain of more is left alone: the time to judge each of them grows with their number."""


@dataclass(frozen=True)
class Chain:
    """A convolution, the depthwise ones after it if there are any, and a pointwise one."""

    first: Any
    between: tuple[Any, ...]
    last: Any

    @property
    def tensors(self) -> tuple[int, ...]:
        """Results that only the next op reads, all of the same channels."""
        return tuple(int(op.outputs[0]) for op in (self.first, *self.between))


def use_spare_channels(
    content: bytes,
    ranges: Mapping[int, tuple[float, float]],
    images: Array,
    threads: int,
) -> tuple[bytes, int]:
    """Copy the channels that suffer most into channels that are always zero.

    Args:
        content: A float32 file.
        ranges: Tensor -> (least, greatest) value over the calibration images.
        images: What goes into the file, shape (images, *shape of its input).
        threads: For the runtime.

    Returns:
        The new file, and how many copies it has.
    """
    graph = OpenGraph(content)
    bounds = _input_bounds(graph, ranges)
    copies = 0
    for chain in _chains(graph):
        spares = _spares(graph, chain, bounds)
        if not len(spares) or len(graph.values(int(chain.first.inputs[2]))) > MOST_CHANNELS:
            continue
        steps = [step_of(ranges[tensor]) for tensor in chain.tensors]
        noise = _noise(graph, chain, steps, images, threads)
        if noise is not None:
            noise[spares] = 0.0
            copies += _copy(graph, chain, _shared_out(noise, spares), steps)
    return (graph.content(), copies) if copies else (content, 0)


def _chains(graph: OpenGraph) -> list[Chain]:
    """Return the chains that begin with a convolution and ReLU."""
    found = []
    for op in graph.operators:
        if graph.kind(op) != "CONV_2D" or not _is_relu(graph, op):
            continue
        between: list[Any] = []
        reader = graph.only_reader(int(op.outputs[0]))
        while reader is not None and graph.kind(reader) == "DEPTHWISE_CONV_2D":
            if not _is_relu(graph, reader) or _multiplies(graph, reader):
                reader = None
                break
            between.append(reader)
            reader = graph.only_reader(int(reader.outputs[0]))
        if reader is not None and _mixes_channels(graph, reader):
            found.append(Chain(op, tuple(between), reader))
    return found


def _is_relu(graph: OpenGraph, op: Any) -> bool:
    return graph.is_weighted(op) and graph.has_bias(op) and graph.activation(op) in RELUS


def _multiplies(graph: OpenGraph, op: Any) -> bool:
    """Whether a depthwise op makes several channels of one."""
    return graph.shape(int(op.inputs[0]))[-1] != graph.shape(int(op.outputs[0]))[-1]


def _mixes_channels(graph: OpenGraph, op: Any) -> bool:
    """Whether an op is a convolution of all channels with each other."""
    if graph.kind(op) != "CONV_2D" or not graph.is_weighted(op) or not graph.has_bias(op):
        return False
    return graph.shape(int(op.inputs[0]))[-1] == graph.shape(int(op.inputs[1]))[-1]


def _input_bounds(
    graph: OpenGraph, ranges: Mapping[int, tuple[float, float]]
) -> dict[int, tuple[Array, Array]]:
    """Return the least and greatest value that each channel of a tensor can have at all.

    Only where they follow from the input: other tensors may leave what calibration saw.
    """
    low, high = ranges[graph.input]
    channels = graph.shape(graph.input)[-1]
    bounds: dict[int, tuple[Array, Array]] = {
        graph.input: (np.full(channels, low), np.full(channels, high))
    }
    for op in graph.operators:
        source = int(op.inputs[0])
        if not graph.is_weighted(op) or not graph.has_bias(op) or source not in bounds:
            continue
        if graph.kind(op) == "CONV_2D" and not _mixes_channels(graph, op):
            continue
        if graph.kind(op) in ("CONV_2D", "DEPTHWISE_CONV_2D") and graph.activation(op) in RELUS:
            bounds[int(op.outputs[0])] = _bounds_of(graph, op, *bounds[source])
    return bounds


def _bounds_of(graph: OpenGraph, op: Any, low: Array, high: Array) -> tuple[Array, Array]:
    weights = graph.values(int(op.inputs[1])).astype(np.float64)
    bias = graph.values(int(op.inputs[2]))
    axes = (0, 1, 2) if graph.kind(op) == "DEPTHWISE_CONV_2D" else (1, 2, 3)
    # Padding is zero, which lies between the bounds of what it stands beside only if they do.
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    greatest = np.maximum(weights * high, weights * low).sum(axis=axes) + bias
    least = np.minimum(weights * high, weights * low).sum(axis=axes) + bias
    top = RELUS[graph.activation(op)]
    return np.clip(least, 0.0, top), np.clip(greatest, 0.0, top)


def _spares(graph: OpenGraph, chain: Chain, bounds: Mapping[int, tuple[Array, Array]]) -> Array:
    """Return the channels that are zero all along a chain."""
    if any(tensor not in bounds for tensor in chain.tensors):
        return np.array([], int)
    greatest = np.max([bounds[tensor][1] for tensor in chain.tensors], axis=0)
    return np.flatnonzero(greatest < TINY)


def _noise(
    graph: OpenGraph, chain: Chain, steps: list[float], images: Array, threads: int
) -> Array | None:
    """Return what rounding each channel of a chain alone does to the scores (mean square)."""
    scores = scores_tensor(graph)
    total: Array | float = 0.0
    for tensor, step in zip(chain.tensors, steps, strict=True):
        head, tail = graph.part(graph.input, tensor), graph.part(tensor, scores)
        if head is None or tail is None:
            return None
        (values,) = run_model(head, [images], threads)
        tried = _OneChannelRounded(values, step)
        (answers,) = run_model(tail, [tried], threads)
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


def _shared_out(noise: Array, spares: Array) -> dict[int, list[int]]:
    """Give each spare channel to the one that gains most: noise falls with the square of copies."""
    copies: dict[int, list[int]] = {}
    for spare in spares:
        count = np.array([1 + len(copies.get(c, ())) for c in range(len(noise))])
        gain = noise * (1 / count**2 - 1 / (count + 1) ** 2)
        copies.setdefault(int(gain.argmax()), []).append(int(spare))
    return copies


def _copy(
    graph: OpenGraph, chain: Chain, copies: Mapping[int, list[int]], steps: list[float]
) -> int:
    """Write the copies into the chain's weights."""
    made = 0
    for source, spares in copies.items():
        channels = [source, *spares]
        shifts = np.arange(len(channels)) / len(channels)
        _copy_outputs(graph, chain.first, channels, shifts * steps[0])
        for number, op in enumerate(chain.between):
            _copy_depthwise(graph, op, channels, shifts * steps[number], shifts * steps[number + 1])
        _share_inputs(graph, chain.last, channels, shifts * steps[-1])
        made += len(spares)
    return made


def _copy_outputs(graph: OpenGraph, op: Any, channels: list[int], shifts: Array) -> None:
    weights, bias = (graph.values(int(t)).copy() for t in op.inputs[1:])
    weights[channels] = weights[channels[0]]
    bias[channels] = bias[channels[0]] + shifts
    graph.set_values(int(op.inputs[1]), weights)
    graph.set_values(int(op.inputs[2]), bias)


def _copy_depthwise(
    graph: OpenGraph, op: Any, channels: list[int], before: Array, after: Array
) -> None:
    weights, bias = (graph.values(int(t)).copy() for t in op.inputs[1:])
    kernel = weights[..., channels[0]]
    weights[..., channels] = kernel[..., None]
    bias[channels] = bias[channels[0]] - before * kernel.sum() + after
    graph.set_values(int(op.inputs[1]), weights)
    graph.set_values(int(op.inputs[2]), bias)


def _share_inputs(graph: OpenGraph, op: Any, channels: list[int], before: Array) -> None:
    weights, bias = (graph.values(int(t)).copy() for t in op.inputs[1:])
    shared = weights[..., channels[0]] / len(channels)
    weights[..., channels] = shared[..., None]
    bias -= (shared.sum(axis=(1, 2))[:, None] * before).sum(axis=1)
    graph.set_values(int(op.inputs[1]), weights)
    graph.set_values(int(op.inputs[2]), bias)

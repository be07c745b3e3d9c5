"""The range of every activation over the calibration images.

The float file is run with each op's result made an output of the graph, so the
runtime's fast kernels do the work and every value is seen as its op wrote it. TensorFlow's own
calibrator is slower and reads the inputs of in-place additions after they were overwritten, which
widens the ranges of residual branches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import InputSpec
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.leading_ops import graph_leading_maps
from edgecnn.tflite.numbers import STRINGS
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_exposed
from edgecnn.tflite.tensors_and_ops import Array, Range, Tensor

Values = npt.NDArray[np.float32]

SAMPLES_KEPT = 1 << 16
"""Number of a tensor's values that are kept as samples, over all images."""

MIN_SPAN = 1e-4
"""Least width of a range; narrower ones (of dead layers) are widened, else the runtime's 32-bit
fixed-point form of a ReLU6 bound, 6 / scale, overflows."""


@dataclass(frozen=True)
class ObservedActivations:
    """What the activations of a float graph were over the calibration images.

    Each field is by the index of a tensor; ``lows``, ``highs`` and ``sample_channels`` have only
    the tensors whose channels are looked at one by one.

    Args:
        ranges: (Least, greatest) value of a tensor; the input's range follows from the pixels.
        samples: Some of a tensor's values, drawn evenly.
        lows: Least value of each channel, shape (images, channels).
        highs: Greatest value of each channel, shape (images, channels).
        sample_channels: The channel of each of the samples.
        spans: A tensor's (least, greatest) value for each image, shape (images, 2); without the
            tensors whose range follows from the pixels.
        sample_counts: How many of the samples, which are in the images' order, are of each image.
    """

    ranges: dict[int, Range]
    samples: dict[int, Values]
    lows: dict[int, Values]
    highs: dict[int, Values]
    sample_channels: dict[int, npt.NDArray[np.int64]]
    spans: dict[int, Values]
    sample_counts: dict[int, npt.NDArray[np.int64]]

    @property
    def extents(self) -> dict[int, Values]:
        """A tensor's greatest magnitude for each image, shape (images,)."""
        return {index: np.maximum(-each[:, 0], each[:, 1]) for index, each in self.spans.items()}

    def without_images(self, numbers: Collection[int]) -> ObservedActivations:
        """Return what the activations were over all images but some."""
        left = ~np.isin(np.arange(len(next(iter(self.spans.values())))), list(numbers))
        spans = {index: each[left] for index, each in self.spans.items()}
        kept = {index: np.repeat(left, counts) for index, counts in self.sample_counts.items()}
        return ObservedActivations(
            ranges={**self.ranges, **_ranges_of(spans)},
            samples={index: each[kept[index]] for index, each in self.samples.items()},
            lows={index: each[left] for index, each in self.lows.items()},
            highs={index: each[left] for index, each in self.highs.items()},
            sample_channels={
                index: each[kept[index]] for index, each in self.sample_channels.items()
            },
            spans=spans,
            sample_counts={index: each[left] for index, each in self.sample_counts.items()},
        )

    def peaks(self, tensor: int) -> Values:
        """Return a tensor's greatest magnitudes, shape (images, channels)."""
        peaks: Values = np.maximum(self.highs[tensor], -self.lows[tensor])
        return peaks

    def magnitudes(self, tensor: int) -> Values:
        """Return the greatest magnitude of each channel of a tensor over all images."""
        magnitudes: Values = self.peaks(tensor).max(axis=0)
        return magnitudes

    def scaled(self, factors: Mapping[int, npt.NDArray[Any]]) -> ObservedActivations:
        """Return what the activations are when channels are multiplied.

        Args:
            factors: Tensor index -> factor of each channel, for tensors that ``lows`` has.
        """
        ranges, samples = dict(self.ranges), dict(self.samples)
        lows, highs = dict(self.lows), dict(self.highs)
        for tensor, each in factors.items():
            factor = each.astype(np.float32)
            lows[tensor], highs[tensor] = lows[tensor] * factor, highs[tensor] * factor
            samples[tensor] = samples[tensor] * factor[self.sample_channels[tensor]]
            ranges[tensor] = _spanning(float(lows[tensor].min()), float(highs[tensor].max()))
        return dataclasses.replace(
            self, ranges=ranges, samples=samples, lows=lows, highs=highs, spans={}
        )


def observe_activations(
    graph: Graph,
    samples: Sequence[Array],
    normalization: InputSpec | None,
    on_progress: Callable[[int, int], None],
    channels_of: Collection[Tensor] = (),
) -> ObservedActivations:
    """Run a float graph over samples, and return the ranges and samples of its tensors' values.

    Args:
        graph: A float32 graph.
        samples: What goes into each input, shape (samples, *shape of the input without the batch);
            pixels, uint8, where ``normalization`` is given. A graph with a larger batch gets as
            many samples at once.
        normalization: How pixels become the model's input; None for samples that go in as they
            are.
        on_progress: Called with (samples done, samples in all).
        channels_of: Tensors of which each channel's extremes are kept.

    Raises:
        InputError: The model's activations are not finite for a sample.
    """
    content, results = write_exposed(graph)
    file = LoadedFile(content)
    is_float = [output.dtype == np.float32 for output in file.outputs]
    batches = list(_batches(graph, len(samples[0])))
    collector = _RangeCollector(len(batches), {tensor.index for tensor in channels_of})
    for number, places in enumerate(batches):
        file.run(
            [
                as_input(tensor, array[places], normalization)
                for tensor, array in zip(graph.inputs, samples, strict=True)
            ]
        )
        for place, tensor in enumerate(results):
            if is_float[place]:
                collector.add(tensor.index, file.output(place), number)
        on_progress(number + 1, len(batches))
    if normalization is not None:
        return collector.result(_pixel_ranges(graph, normalization.value_range), {})
    return collector.result({}, _input_spans(graph, samples, batches))


def as_input(tensor: Tensor, samples: Array, normalization: InputSpec | None) -> Array:
    """Return samples as an input of a graph takes them, with its shape.

    Args:
        tensor: The input.
        samples: As many samples as the graph's batch holds.
        normalization: How pixels become the input; None for samples that go in as they are.
    """
    values = samples if normalization is None else normalization.normalize(samples)
    if tensor.dtype == STRINGS:
        return values.reshape(tensor.shape)
    return values.astype(tensor.dtype, copy=False).reshape(tensor.shape)


def _batches(graph: Graph, count: int) -> Iterator[list[int]]:
    """Yield the numbers of the samples of each run; the last ones fill up what is left."""
    batch = graph.input.shape[0] if graph.input.shape else 1
    for first in range(0, count, batch):
        yield [min(first + place, count - 1) for place in range(batch)]


def _input_spans(
    graph: Graph, samples: Sequence[Array], batches: Sequence[list[int]]
) -> dict[int, Values]:
    """Return the (least, greatest) value of each float input in each run, shape (runs, 2)."""
    return {
        tensor.index: np.array(
            [(array[places].min(), array[places].max()) for places in batches], np.float32
        )
        for tensor, array in zip(graph.inputs, samples, strict=True)
        if tensor.is_float
    }


def _pixel_ranges(graph: Graph, pixels: Range) -> dict[int, Range]:
    """Return the range of the input and of what ops on single pixels alone make of it.

    With the range of the samples, the levels of such a tensor would lie between those of its input.
    """
    leading = graph_leading_maps(graph)
    ranges = {graph.input.index: pixels}
    for tensor, known in ({} if leading is None else leading.maps).items():
        channels = known.from_image
        ends = np.outer(pixels, channels.factors) + channels.offsets
        ranges[tensor.index] = float(ends.min()), float(ends.max())
    return ranges


class _RangeCollector:
    """Gathers the fields of :class:`ObservedActivations`, image by image."""

    def __init__(self, images: int, channels_of: Collection[int]) -> None:
        self._part = max(1, SAMPLES_KEPT // images)
        self._channels_of = channels_of
        self._spans: dict[int, list[Range]] = {}
        self._samples: dict[int, list[Values]] = {}
        self._lows: dict[int, list[Values]] = {}
        self._highs: dict[int, list[Values]] = {}
        self._sample_channels: dict[int, list[npt.NDArray[np.int64]]] = {}
        self._sample_counts: dict[int, list[int]] = {}

    def add(self, index: int, values: Values, number: int) -> None:
        ends = values
        if index in self._channels_of:
            ends = self._ends_of_channels(index, values)
        low, high = float(ends.min()), float(ends.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(
                f"the model's activations are not finite for calibration sample {number + 1}: "
                "check its weights and the preprocessing (--preprocess)"
            )
        self._spans.setdefault(index, []).append((low, high))
        flat = values.reshape(-1)
        stride = max(1, flat.size // self._part)
        # With the same start each time, the same channels would be drawn from each image.
        first = number % stride
        drawn = flat[first::stride].copy()
        self._samples.setdefault(index, []).append(drawn)
        self._sample_counts.setdefault(index, []).append(len(drawn))
        if index in self._channels_of:
            places = np.arange(first, flat.size, stride)
            self._sample_channels.setdefault(index, []).append(places % values.shape[-1])

    def _ends_of_channels(self, index: int, values: Values) -> Values:
        """Gather the extremes of each channel, of which those of all values follow."""
        rows, channels = values.shape[-2:]
        # Whole rows of a map lie together: numpy compares them many times faster than channels.
        by_row = values.reshape(-1, rows * channels)
        by_place = np.stack([by_row.min(axis=0), by_row.max(axis=0)]).reshape(2, rows, channels)
        ends: Values = np.stack([by_place[0].min(axis=0), by_place[1].max(axis=0)])
        self._lows.setdefault(index, []).append(ends[0])
        self._highs.setdefault(index, []).append(ends[1])
        return ends

    def result(
        self, pixels: Mapping[int, Range], inputs: Mapping[int, Values]
    ) -> ObservedActivations:
        """Return what was gathered.

        Args:
            pixels: Ranges that follow from the pixels.
            inputs: Spans of inputs that follow from the samples.
        """
        spans = {
            index: np.asarray(each, np.float32)
            for index, each in self._spans.items()
            if index not in pixels
        } | dict(inputs)
        known = {index: _spanning(*extremes) for index, extremes in pixels.items()}
        return ObservedActivations(
            ranges={**_ranges_of(spans), **known},
            samples=_joined(self._samples),
            lows={index: np.stack(parts) for index, parts in self._lows.items()},
            highs={index: np.stack(parts) for index, parts in self._highs.items()},
            sample_channels=_joined(self._sample_channels),
            spans=spans,
            sample_counts={index: np.array(each) for index, each in self._sample_counts.items()},
        )


def _joined(parts: Mapping[int, Sequence[npt.NDArray[Any]]]) -> dict[int, npt.NDArray[Any]]:
    return {index: np.concatenate(each) for index, each in parts.items()}


def _ranges_of(spans: Mapping[int, Values]) -> dict[int, Range]:
    """Return the range of each tensor, of what it is for each image."""
    return {
        index: _spanning(float(each[:, 0].min()), float(each[:, 1].max()))
        for index, each in spans.items()
    }


def _spanning(low: float, high: float) -> Range:
    return (low, high) if high - low >= MIN_SPAN else (low, low + MIN_SPAN)

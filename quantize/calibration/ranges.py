"""The range of every activation over the calibration images.

The float file is run with each op's result made an output of the graph, so the
runtime's fast kernels do the work and every value is seen as its op wrote it. TensorFlow's own
calibrator is slower and reads the inputs of in-place additions after they were overwritten, which
widens the ranges of residual branches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import InputSpec
from edgecnn.tflite.graph import Graph, Range, Tensor
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_exposed

Values = npt.NDArray[np.float32]

SAMPLES_KEPT = 1 << 16
"""Values of a tensor that are kept, over all images."""

MIN_SPAN = 1e-4
"""Narrower ranges (of dead layers) are widened to this, else the runtime's 32-bit fixed-point
form of a ReLU6 bound, 6 / scale, overflows."""


@dataclass(frozen=True)
class Observed:
    """What the activations of a float graph were over the calibration images.

    All by the index of a tensor; ``lows``, ``highs`` and ``sampled`` only for the tensors of whose
    channels something must be known.

    Args:
        ranges: (Least, greatest) value; the input's follows from the pixels.
        samples: Some of the values, drawn evenly.
        lows: Least value of each channel, shape (images, channels).
        highs: Greatest value of each channel, shape (images, channels).
        sampled: The channel of each of the samples.
        extents: Greatest magnitude for each image, shape (images,).
    """

    ranges: dict[int, Range]
    samples: dict[int, Values]
    lows: dict[int, Values]
    highs: dict[int, Values]
    sampled: dict[int, npt.NDArray[np.int64]]
    extents: dict[int, Values]

    def peaks(self, tensor: int) -> Values:
        """Return a tensor's greatest magnitudes, shape (images, channels)."""
        peaks: Values = np.maximum(self.highs[tensor], -self.lows[tensor])
        return peaks

    def magnitudes(self, tensor: int) -> Values:
        """Return the greatest magnitude of each channel of a tensor over all images."""
        magnitudes: Values = self.peaks(tensor).max(axis=0)
        return magnitudes

    def scaled(self, factors: Mapping[int, npt.NDArray[Any]]) -> Observed:
        """Return what the activations are when channels are multiplied.

        Args:
            factors: Tensor index -> factor of each channel, for tensors whose channels are known.
        """
        ranges, samples = dict(self.ranges), dict(self.samples)
        lows, highs = dict(self.lows), dict(self.highs)
        for tensor, each in factors.items():
            factor = each.astype(np.float32)
            lows[tensor], highs[tensor] = lows[tensor] * factor, highs[tensor] * factor
            samples[tensor] = samples[tensor] * factor[self.sampled[tensor]]
            ranges[tensor] = _spanning(float(lows[tensor].min()), float(highs[tensor].max()))
        return dataclasses.replace(
            self, ranges=ranges, samples=samples, lows=lows, highs=highs, extents={}
        )


def observe(
    graph: Graph,
    images: npt.NDArray[np.uint8],
    normalization: InputSpec | None,
    on_progress: Callable[[int, int], None],
    channels_of: Collection[Tensor] = (),
) -> Observed:
    """Run a float graph over images and keep what its tensors' values are like.

    Args:
        graph: A float32 graph.
        images: uint8, shape (count, height, width, channels), RGB or grey.
        normalization: How pixels become the model's input; None if the graph does it.
        on_progress: Told (images done, images in all).
        channels_of: Tensors of which each channel's extremes are kept.

    Raises:
        InputError: The model's activations are not finite for an image.
    """
    content, results = write_exposed(graph)
    file = LoadedFile(content)
    is_float = [output.dtype == np.float32 for output in file.outputs]
    seen = _Seen(len(images), {tensor.index for tensor in channels_of})
    for number, image in enumerate(images):
        pixels = (
            image.astype(np.float32) if normalization is None else normalization.normalize(image)
        )
        file.run([pixels[None]])
        for place, tensor in enumerate(results):
            if is_float[place]:
                seen.add(tensor.index, file.output(place), number)
        on_progress(number + 1, len(images))
    bounds = (0.0, 255.0) if normalization is None else normalization.value_range
    return seen.result(graph.input.index, bounds)


class _Seen:
    """Gathers what :class:`Observed` has, image by image."""

    def __init__(self, images: int, channels_of: Collection[int]) -> None:
        self._part = max(1, SAMPLES_KEPT // images)
        self._channels_of = channels_of
        self._ranges: dict[int, Range] = {}
        self._samples: dict[int, list[Values]] = {}
        self._lows: dict[int, list[Values]] = {}
        self._highs: dict[int, list[Values]] = {}
        self._sampled: dict[int, list[npt.NDArray[np.int64]]] = {}
        self._extents: dict[int, list[float]] = {}

    def add(self, index: int, values: Values, number: int) -> None:
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(
                f"the model's activations are not finite for calibration image {number + 1}: "
                "check its weights and the preprocessing (--preprocess)"
            )
        known = self._ranges.get(index, (low, high))
        self._ranges[index] = (min(low, known[0]), max(high, known[1]))
        self._extents.setdefault(index, []).append(max(-low, high))
        flat = values.reshape(-1)
        stride = max(1, flat.size // self._part)
        # Another start each time, else the same channels would be drawn from each image.
        first = number % stride
        self._samples.setdefault(index, []).append(flat[first::stride].copy())
        if index in self._channels_of:
            self._add_channels(index, values, np.arange(first, flat.size, stride))

    def _add_channels(self, index: int, values: Values, places: npt.NDArray[np.int64]) -> None:
        channels = values.shape[-1]
        by_channel = values.reshape(-1, channels)
        self._lows.setdefault(index, []).append(by_channel.min(axis=0))
        self._highs.setdefault(index, []).append(by_channel.max(axis=0))
        self._sampled.setdefault(index, []).append(places % channels)

    def result(self, input_index: int, bounds: Range) -> Observed:
        ranges = {**self._ranges, input_index: bounds}
        return Observed(
            ranges={index: _spanning(*extremes) for index, extremes in ranges.items()},
            samples={index: np.concatenate(parts) for index, parts in self._samples.items()},
            lows={index: np.stack(parts) for index, parts in self._lows.items()},
            highs={index: np.stack(parts) for index, parts in self._highs.items()},
            sampled={index: np.concatenate(parts) for index, parts in self._sampled.items()},
            extents={index: np.asarray(each, np.float32) for index, each in self._extents.items()},
        )


def _spanning(low: float, high: float) -> Range:
    return (low, high) if high - low >= MIN_SPAN else (low, low + MIN_SPAN)

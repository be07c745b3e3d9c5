"""From samples of a model's inputs to what a graph of the model takes, by its types of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.data.inputspec import InputSpec
from edgecnn.quantize.integers.levels import to_levels
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.tensors_and_ops import Array, Tensor


def as_taken(samples: Array, normalization: InputSpec | None, tensor: Tensor) -> Array:
    """Return samples as an input takes them, shape (samples, *shape of the input with the batch).

    Args:
        samples: uint8 pixels of a model that takes images, else what the float graph takes.
        normalization: How pixels become the float graph's input; None for samples that go in as
            they are.
        tensor: The input: of a model that takes images uint8 takes pixels as they are; floats take
            what the float graph takes, and quantised integers the levels nearest to that.
    """
    values = samples
    if normalization is not None and tensor.dtype != "uint8":
        values = normalization.normalize(samples)
    if tensor.quantization is not None and tensor.dtype != "uint8":
        values = to_levels(values, tensor.quantization, tensor.dtype)
    return np.asarray(values, tensor.dtype).reshape(len(samples), *tensor.shape)


def all_as_taken(
    graph: Graph, samples: Sequence[Array], normalization: InputSpec | None
) -> list[Array]:
    """Return the samples of each input of a graph as it takes them.

    Args:
        graph: A graph of the model.
        samples: For each input its samples.
        normalization: As :func:`as_taken`.
    """
    pairs = zip(samples, graph.inputs, strict=True)
    return [as_taken(each, normalization, tensor) for each, tensor in pairs]


class TakenOneByOne(Sequence[Array]):
    """Samples of an input as a graph takes them, each made when it is asked for.

    Args:
        samples: The samples.
        normalization: As :func:`as_taken`.
        tensor: The input.
    """

    def __init__(self, samples: Array, normalization: InputSpec | None, tensor: Tensor) -> None:
        self._samples, self._normalization, self._tensor = samples, normalization, tensor

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, number: Any) -> Any:
        sample = self._samples[number][None]
        return as_taken(sample, self._normalization, self._tensor)[0]

"""The normalisation of pixels as one pointwise convolution at the front of a model's graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgecnn.data.inputspec import InputSpec
from edgecnn.tflite.graph import Graph


def pointwise_normalization(
    spec: InputSpec,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return what makes a model's input of centred pixels: subtract, divide, exchange channels.

    Args:
        spec: What the model expects; the convolution takes what ``spec.centered()`` says.

    Returns:
        Kernel, float32, shape (input channels, output channels), and bias, shape (channels,).

    Example:
        >>> kernel, bias = pointwise_normalization(preset("torch", 224, 224))
        >>> normalized = spec.centered().normalize(pixels) @ kernel + bias
    """
    channels = spec.channels
    kernel = np.zeros((channels, channels), np.float32)
    for target in range(channels):
        source = channels - 1 - target if spec.color_order == "BGR" else target
        kernel[source, target] = 1.0 / spec.std[target]
    rest = np.asarray(spec.mean, np.float32) - np.float32(spec.centered().mean[0])
    return kernel, (-rest / np.asarray(spec.std, np.float32)).astype(np.float32)


def normalize_first(graph: Graph, spec: InputSpec) -> None:
    """Put the normalisation of centred pixels before a graph.

    Args:
        graph: A float32 graph, which takes images as ``spec`` makes them; changed in place, so that
            it takes what ``spec.centered()`` makes.
        spec: What the graph expects of its images.
    """
    kernel, bias = pointwise_normalization(spec)
    image = graph.input
    normalized = graph.add_like(image, "normalized")
    graph.rewire(image, normalized)
    graph.put_first([graph.new_pointwise(image, normalized, kernel.T, bias)])

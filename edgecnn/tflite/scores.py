"""A model's scores: what goes into its softmax, or its answer itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.parts import part_between
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.tensors_and_ops import Array, Tensor


def scores_tensor(graph: Graph) -> Tensor:
    """Return the tensor of the scores.

    The ops behind the scores do not change the order of the classes: conversions, softmax, sigmoid.
    """
    tensor = graph.output
    while (maker := graph.maker(tensor)) is not None:
        if not (maker.traits.converts or maker.kind in PROBABILITY_OPS):
            break
        tensor = maker.source
    return tensor


def scores(graph: Graph, images: Sequence[Array] | Array) -> npt.NDArray[np.float32]:
    """Return a model's scores as real numbers, shape (images, classes).

    Args:
        graph: The model.
        images: Images as the model takes them, shape (images, *shape of the input).
    """
    tensor = scores_tensor(graph)
    part = part_between(graph, graph.input, tensor)
    assert part is not None
    (values,) = run_over_images(part, [images])
    return tensor.dequantized(values).reshape(len(images), -1)

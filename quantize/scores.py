"""A model's scores: what goes into its softmax, or its answer itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.graph import Array, Graph, Tensor
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.parts import between
from edgecnn.tflite.runtime import run_over_images


def scores_tensor(graph: Graph) -> Tensor:
    """Return the tensor of the scores.

    Behind it are only ops that change neither the order of classes nor what is to be compared:
    conversions, softmax and sigmoid.
    """
    tensor = graph.output
    while (maker := graph.maker(tensor)) is not None:
        if not (maker.known.converts or maker.kind in PROBABILITY_OPS):
            break
        tensor = maker.source
    return tensor


def scores(graph: Graph, images: Sequence[Array] | Array) -> npt.NDArray[np.float32]:
    """Return a model's scores as real numbers, shape (images, classes).

    Args:
        graph: The model.
        images: What goes in, shape (images, *shape of the input).
    """
    tensor = scores_tensor(graph)
    part = between(graph, graph.input, tensor)
    assert part is not None
    (values,) = run_over_images(part, [images])
    return tensor.real(values).reshape(len(images), -1)

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
    return scores_tensor(graph).dequantized(score_levels(graph, images))


def score_levels(graph: Graph, images: Sequence[Array] | Array) -> Array:
    """Return a model's scores as its ops compute them, integers or floats, shape (images, classes).

    Args:
        graph: The model.
        images: Images as the model takes them, shape (images, *shape of the input).
    """
    part = part_between(graph, graph.input, scores_tensor(graph))
    assert part is not None
    (values,) = run_over_images(part, [images])
    return values.reshape(len(images), -1)


def tied_answers(graph: Graph, levels: Array) -> int | None:
    """Count the answers in which several classes share the best score.

    Args:
        graph: The model.
        levels: The scores of some images, as :func:`score_levels` gives them.

    Returns:
        How many answers have ties; None for scores and answers in float, and for one number.
    """
    tensor, answer = scores_tensor(graph), _last_integers(graph)
    if answer is None or levels.shape[1] < 2:
        return None
    if answer is not tensor:
        part = part_between(graph, tensor, answer)
        assert part is not None
        (values,) = run_over_images(part, [levels.reshape(len(levels), *tensor.shape)])
        levels = values.reshape(len(levels), -1)
    return int(((levels == levels.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())


def _last_integers(graph: Graph) -> Tensor | None:
    """Return the integers that a model's answer is, or is made of without another op but casts."""
    tensor = graph.output
    while tensor.is_float and (maker := graph.maker(tensor)) is not None and maker.traits.converts:
        tensor = maker.source
    return None if tensor.is_float else tensor

"""A model's scores: what goes into its softmax, or its answer itself, for each of its outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.output_kinds import DETECTION_OP, OutputKind
from edgecnn.tflite.parts import part_between
from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

Scores = list[npt.NDArray[np.float32]]
"""Scores of each output, shape (samples, *shape of the scores without the batch)."""

DECIDING_KINDS = (
    OutputKind.CLASSES,
    OutputKind.LABELS,
    OutputKind.PROBABILITY,
    OutputKind.MAP,
    OutputKind.SEQUENCE,
)
"""Kinds of outputs whose decisions are those of the numbers before softmax, sigmoid or ARG_MAX."""


def scores_tensors(graph: Graph, kinds: Sequence[OutputKind] = ()) -> list[Tensor]:
    """Return the tensor of the scores of each output.

    The ops behind the scores do not change the order of the classes: conversions, softmax, sigmoid.

    Args:
        graph: The model.
        kinds: The kind of each output; without them all are taken for scores of classes.
    """
    kinds = kinds or (OutputKind.CLASSES,) * len(graph.outputs)
    return [
        _scores_tensor(graph, tensor, place, kind)
        for place, (tensor, kind) in enumerate(zip(graph.outputs, kinds, strict=True))
    ]


def _scores_tensor(graph: Graph, tensor: Tensor, place: int, kind: OutputKind) -> Tensor:
    while (maker := graph.maker(tensor)) is not None:
        if maker.kind == DETECTION_OP:
            # What is found changes places with the smallest error: its boxes and scores do not.
            return maker.inputs[min(place, 1)] or tensor
        if not (maker.traits.converts or (kind in DECIDING_KINDS and _keeps_order(maker))):
            break
        tensor = maker.source
    return tensor


def _keeps_order(op: Op) -> bool:
    """Whether an op's result follows from which of its numbers is the greatest, or how great."""
    if op.kind == "ARG_MAX":
        axis = op.inputs[1]
        last = len(op.source.shape) - 1
        return axis is not None and axis.is_constant and int(axis.values.flat[0]) in (-1, last)
    return op.kind in PROBABILITY_OPS


def scores(
    graph: Graph, samples: Sequence[Sequence[Array] | Array], kinds: Sequence[OutputKind] = ()
) -> Scores:
    """Return a model's scores as real numbers.

    Args:
        graph: The model, which takes one sample.
        samples: For each input its samples as the model takes them, shape (samples, *shape of the
            input with the batch).
        kinds: As :func:`scores_tensors`.

    Example:
        >>> scores(graph, [images])[0].shape
        (24, 1000)
    """
    return real_scores(graph, score_levels(graph, samples, kinds), kinds)


def score_levels(
    graph: Graph, samples: Sequence[Sequence[Array] | Array], kinds: Sequence[OutputKind] = ()
) -> list[Array]:
    """Return a model's scores as its ops compute them, integers or floats.

    Args:
        graph: The model, which takes one sample.
        samples: As :func:`scores`.
        kinds: As :func:`scores_tensors`.

    Returns:
        For each output its scores, shape (samples, *shape of the scores with the batch).
    """
    tensors = scores_tensors(graph, kinds)
    distinct = list(dict.fromkeys(tensors))
    part = part_between(graph, graph.inputs, distinct)
    assert part is not None
    found = dict(zip(distinct, run_over_images(part, samples), strict=True))
    return [found[tensor] for tensor in tensors]


def real_scores(graph: Graph, levels: Sequence[Array], kinds: Sequence[OutputKind] = ()) -> Scores:
    """Return the real numbers that scores stand for, without the batch.

    Args:
        graph: The model.
        levels: Its scores, as :func:`score_levels` gives them.
        kinds: As :func:`scores_tensors`.
    """
    pairs = zip(scores_tensors(graph, kinds), levels, strict=True)
    values = [tensor.dequantized(each) for tensor, each in pairs]
    return [each.reshape(len(each), *each.shape[2:]) for each in values]


def tied_answers(
    graph: Graph, levels: Sequence[Array], kinds: Sequence[OutputKind] = ()
) -> int | None:
    """Count the answers in which several classes share the best score.

    Args:
        graph: The model.
        levels: The scores of some samples, as :func:`score_levels` gives them.
        kinds: As :func:`scores_tensors`.

    Returns:
        How many answers have ties; None for scores and answers in float, for one number, and for
        models whose answer is not one row of scores of classes.
    """
    if len(levels) != 1 or levels[0].ndim != 3 or tuple(kinds) not in ((), (OutputKind.CLASSES,)):
        return None
    (tensor,), (values,), answer = scores_tensors(graph, kinds), levels, _last_integers(graph)
    if answer is None or values.shape[-1] < 2:
        return None
    if answer is not tensor:
        part = part_between(graph, [tensor], [answer])
        assert part is not None
        (values,) = run_over_images(part, [values])
    best = values == values.max(axis=-1, keepdims=True)
    return int((best.reshape(len(values), -1).sum(axis=1) > 1).sum())


def _last_integers(graph: Graph) -> Tensor | None:
    """Return the integers that a model's answer is, or is made of without another op but casts."""
    tensor = graph.output
    while tensor.is_float and (maker := graph.maker(tensor)) is not None and maker.traits.converts:
        tensor = maker.source
    return None if tensor.is_float else tensor

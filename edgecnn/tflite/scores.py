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
    tensors = scores_tensors(graph, kinds)
    distinct = list(dict.fromkeys(tensors))
    part = part_between(graph, graph.inputs, distinct)
    assert part is not None
    found = dict(zip(distinct, run_over_images(part, samples), strict=True))
    values = [tensor.dequantized(found[tensor]) for tensor in tensors]
    return [each.reshape(len(each), *each.shape[2:]) for each in values]

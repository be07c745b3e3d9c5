"""Zeros around a map that a convolution adds by itself: PAD and VALID become SAME.

Importers of ONNX and PyTorch write such a margin as an op of its own, which takes time, and keeps
recovery from looking at two convolutions as neighbours.
"""

from __future__ import annotations

import numpy as np

from edgecnn.quantize.rewriting.dilations import take_in_rectifier
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.tensors_and_ops import SAME, Op, same_padding

PADDED_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fold_margins(graph: Graph) -> None:
    """Leave out each PAD whose zeros its only reader, a convolution, has with "same" padding.

    Args:
        graph: A float graph, changed in place.
    """
    for pad in [op for op in graph.ops if op.kind == "PAD"]:
        reader = graph.only_reader(pad.result)
        if reader is not None and _adds_the_same(reader, pad):
            reader.options.padding = SAME
            graph.connect(reader, pad.source, reader.result)
            graph.replace([pad], [])


def fuse_rectifiers(graph: Graph) -> None:
    """Put a rectifier that only a convolution's result goes to into the convolution.

    Args:
        graph: A float graph, changed in place.
    """
    for op in [op for op in graph.ops if op.kind in PADDED_KINDS]:
        take_in_rectifier(graph, op)


def _adds_the_same(op: Op, pad: Op) -> bool:
    margins = pad.inputs[1]
    if op.kind not in PADDED_KINDS or op.source is not pad.result or op.has_same_padding:
        return False
    if margins is None or not margins.is_constant or not op.weights.is_constant:
        return False
    sides, steps = pad.source.shape[1:3], op.strides
    dilations = op.options.dilationHFactor, op.options.dilationWFactor
    windows = [
        (kernel - 1) * dilation + 1
        for kernel, dilation in zip(op.weights.shape[1:3], dilations, strict=True)
    ]
    wanted = list(map(same_padding, sides, windows, steps))
    made = tuple(-(-side // step) for side, step in zip(sides, steps, strict=True))
    found = margins.values.reshape(-1, 2)
    fits = len(found) == 4 and not found[[0, 3]].any() and np.array_equal(found[1:3], wanted)
    return fits and made == op.result.shape[1:3]

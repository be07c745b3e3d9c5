"""What the layers of a float graph make before their activations, at the rows that are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.recovery.window_rows import InputRows
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_part
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

Values = npt.NDArray[np.float32]

RECTIFYING_KINDS = {
    Activation.RELU: "RELU",
    Activation.RELU6: "RELU6",
    Activation.RELU_N1_TO_1: "RELU_N1_TO_1",
}
"""Activation that holds values within bounds -> the kind of op that does the same."""


def has_known_bounds(activation: Activation) -> bool:
    """Whether an activation passes values on as they are, up to its bounds."""
    return activation is Activation.NONE or activation in RECTIFYING_KINDS


def layer_sums(
    graph: Graph, rows: Mapping[Op, InputRows], samples: Sequence[Array]
) -> dict[Op, Values]:
    """Return layers' results before their activations, shape (rows, outputs) each.

    The whole graph runs once for each sample, and only the rows are kept.

    Args:
        graph: A float graph.
        rows: Layer of the graph -> the rows that are wanted of it.
        samples: For each input its samples as the graph takes them, shape (samples, *shape of the
            input).
    """
    split, sums = _with_sums(graph, rows)
    file = LoadedFile(write_part(split, split.ops, split.inputs, list(sums.values())))
    found: dict[Op, list[Values]] = {op: [] for op in sums}
    for number in range(len(samples[0])):
        file.run([each[number] for each in samples])
        for place, op in enumerate(sums):
            found[op].append(rows[op].outputs_of_image(file.output(place), number))
    return {op: np.concatenate(parts) for op, parts in found.items()}


def _with_sums(graph: Graph, layers: Mapping[Op, InputRows]) -> tuple[Graph, dict[Op, Tensor]]:
    """Return a graph whose layers have their activations as ops, and each layer's sums in it."""
    split, sums = graph.copy(), {}
    for op, own in zip(graph.ops, list(split.ops), strict=True):
        if op in layers:
            sums[op] = own.result
            if own.activation is not Activation.NONE:
                sums[op] = split.add_like(own.result, "sums")
                bounded = Op(RECTIFYING_KINDS[own.activation], [sums[op]], [own.result])
                own.outputs, own.activation = [sums[op]], Activation.NONE
                split.replace([own], [own, bounded])
    return split, sums

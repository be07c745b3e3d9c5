"""The margins of maximum pooling: zeros do for maps without negative values.

Importers of ONNX pad such maps with the least float, next to which integers tell nothing apart.
"""

from __future__ import annotations

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import Activation
from edgecnn.tflite.tensors_and_ops import Op

RECTIFIED = (Activation.RELU, Activation.RELU6)


def pad_pools_with_zeros(graph: Graph) -> None:
    """Put PAD in the place of each PADV2 that comes between a rectifier and a maximum pooling.

    A window has at least one value of the map, which no zero exceeds.

    Args:
        graph: A float graph, changed in place.
    """
    for op in [op for op in graph.ops if op.kind == "PADV2"]:
        reader = graph.only_reader(op.result)
        if reader is None or reader.kind != "MAX_POOL_2D" or not _is_rectified(graph, op):
            continue
        margins, value = op.inputs[1], op.inputs[2]
        values = None if value is None else value.float_values
        if margins is not None and values is not None and float(values.max()) <= 0:
            graph.replace([op], [graph.new_op("PAD", [op.source, margins], op.result)])


def _is_rectified(graph: Graph, op: Op) -> bool:
    maker = graph.maker(op.source)
    return maker is not None and (
        maker.activation in RECTIFIED or maker.kind in ("RELU", "RELU6", "RELU_0_TO_1")
    )

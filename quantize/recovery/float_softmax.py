"""Softmax moved behind the integers, into float32.

Softmax of 8-bit integers has 256 levels from 0 to 1: of a thousand classes most share one of the
lowest levels, and the best classes are often equal. In float the same op costs microseconds.
"""

from __future__ import annotations

from edgecnn.tflite.graph import Graph


def move_softmax_to_float(graph: Graph) -> None:
    """Let an integer graph end in DEQUANTIZE, SOFTMAX where it ends in SOFTMAX, DEQUANTIZE.

    Args:
        graph: An integer graph, changed in place; a graph that ends in other ops stays as it is.
    """
    if len(graph.ops) < 2:
        return
    softmax, dequantize = graph.ops[-2:]
    kinds = (softmax.kind, dequantize.kind)
    if kinds != ("SOFTMAX", "DEQUANTIZE") or dequantize.result is not graph.output:
        return
    scores, result = softmax.source, graph.output
    middle = graph.add_like(result, "scores", shape=scores.shape)
    graph.connect(dequantize, scores, middle)
    graph.connect(softmax, middle, result)
    graph.replace([softmax, dequantize], [dequantize, softmax])

"""Softmax after the integers, not among them.

Softmax of 8-bit integers has 256 steps between 0 and 1: of a thousand classes most share one of
the lowest, and the best ones are often equal. In float the same op costs microseconds.
"""

from __future__ import annotations

from edgecnn.tflite.graph import Graph


def soften_in_float(graph: Graph) -> None:
    """Let an integer graph end in DEQUANTIZE, SOFTMAX where it ends in SOFTMAX, DEQUANTIZE.

    Args:
        graph: An integer graph, changed in place; one that does not end so stays as it is.
    """
    if len(graph.ops) < 2:
        return
    softmax, dequantize = graph.ops[-2:]
    kinds = (softmax.kind, dequantize.kind)
    if kinds != ("SOFTMAX", "DEQUANTIZE") or dequantize.result is not graph.output:
        return
    scores, result = softmax.source, graph.output
    middle = graph.like(result, "scores", shape=scores.shape)
    graph.connect(dequantize, scores, middle)
    graph.connect(softmax, middle, result)
    graph.replace([softmax, dequantize], [dequantize, softmax])

"""Softmax after the integers, not among them.

Softmax of 8-bit integers has 256 steps between 0 and 1: of a thousand classes most share one of
the lowest, and the best ones are often equal. In float the same op costs microseconds.
"""

from __future__ import annotations

from edgecnn.tflite.operators import OpenGraph


def with_float_softmax(content: bytes) -> bytes:
    """Return a copy of an integer file that ends in DEQUANTIZE, SOFTMAX where it ended in
    SOFTMAX, DEQUANTIZE; the file itself if it does not end so.

    Args:
        content: An integer file's bytes.
    """  # noqa: D205
    graph = OpenGraph(content)
    if len(graph.operators) < 2:
        return content
    softmax, dequantize = graph.operators[-2:]
    kinds = (graph.kind(softmax), graph.kind(dequantize))
    if kinds != ("SOFTMAX", "DEQUANTIZE") or int(dequantize.outputs[0]) != graph.output:
        return content
    scores, result = int(softmax.inputs[0]), graph.output
    middle = graph.like(result, "scores", shape=graph.shape(scores))
    graph.connect(dequantize, scores, middle)
    graph.connect(softmax, middle, result)
    graph.replace([softmax, dequantize], [dequantize, softmax])
    return graph.content()

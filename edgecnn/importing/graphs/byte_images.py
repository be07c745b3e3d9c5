"""A graph that takes an image as whole numbers, made one that takes the same numbers as floats."""

from __future__ import annotations

from edgecnn.importing.model_inputs import WHOLE_NUMBERS
from edgecnn.tflite.graph import Graph


def take_floats(graph: Graph) -> None:
    """Let a graph's only input be float32, as graphs are that are quantised.

    Args:
        graph: A graph of one input, changed in place.
    """
    pixels = graph.input
    if pixels.dtype not in WHOLE_NUMBERS:
        return
    floats = graph.add_like(pixels, "float32")
    floats.name, floats.dtype = pixels.name, "float32"
    graph.inputs[0] = floats
    for op in list(graph.readers(pixels)):
        if op.kind == "CAST" and op.result.is_float and op.result not in graph.outputs:
            graph.rewire(op.result, floats)
            graph.replace([op], [])
    if graph.readers(pixels) or pixels in graph.outputs:
        pixels.name = f"{pixels.name}/{pixels.dtype}"
        graph.put_first([graph.new_cast(floats, pixels)])

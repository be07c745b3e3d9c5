"""The shapes of a graph that leaves them open, made known by the runtime (in a child)."""

from __future__ import annotations

from collections.abc import Mapping

from edgecnn.importing.graphs.constant_ops import fold_constant_ops
from edgecnn.tflite.calls import NO_NUMBERS
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import allocated_shapes, shapes_of_answer
from edgecnn.tflite.serialization import write_graph_and_tensors
from edgecnn.tflite.tensors_and_ops import Tensor

Shape = tuple[int, ...]


def settle_shapes(graph: Graph, inputs: Mapping[Tensor, Shape]) -> None:
    """Give a graph the shapes that follow from those of its inputs, and fold what depends on these.

    The runtime allocates the tensors up to the first whose shape it cannot know before it runs.
    Most such shapes are computed from other shapes, so what is known is folded, and the runtime
    asked again.

    Args:
        graph: The graph, changed in place.
        inputs: Each input -> its shape with the batch.

    The shapes of outputs that follow from values alone are those of the answer to zeros, and so
    are those of tensors of which not even the rank is known before.

    Raises:
        RuntimeError: The runtime does not take the graph with these shapes.
        ValueError: The runtime finds the graph corrupt.
    """
    for tensor, shape in inputs.items():
        _set_shape(tensor, shape)
    while fold_constant_ops(graph, known := _settled(graph)):
        pass
    if not known.issuperset(graph.outputs):
        _run_once(graph)


def _settled(graph: Graph) -> set[Tensor]:
    """Set the shapes that the runtime knows before it runs a graph, and return their tensors."""
    content, tensors = write_graph_and_tensors(graph)
    shapes = allocated_shapes(content)
    known = {tensors[place]: shape for place, shape in shapes.items()}
    for tensor, shape in known.items():
        _set_shape(tensor, shape)
    return set(known)


def _run_once(graph: Graph) -> None:
    """Set the shapes that outputs, and tensors of unknown rank, have in the answer to zeros."""
    content, tensors = write_graph_and_tensors(graph)
    shapes = shapes_of_answer(content)
    for number, tensor in enumerate(tensors):
        # Behind a table the runtime knows no shape before it runs.
        is_wanted = tensor in graph.outputs or (tensor.dtype not in NO_NUMBERS and not tensor.shape)
        if is_wanted and number in shapes and not tensor.is_constant:
            _set_shape(tensor, shapes[number])


def _set_shape(tensor: Tensor, shape: Shape) -> None:
    tensor.shape, tensor.extra = shape, {**tensor.extra, "shapeSignature": None}

"""The float graph of a model whose file holds it, or from which a program made such a file."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.input_format import FloatGraph, ModelTensor
from edgecnn.importing.normalization import normalize_first
from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.leading_ops import leading_channel_map
from edgecnn.tflite.tensors_and_ops import Tensor


class StoredGraph(FloatGraph):
    """A graph that is there already.

    Args:
        graph: A float32 graph, which stays as it is.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __call__(self, normalization: InputSpec | None, /) -> Graph:
        """Copy the graph, and put normalisation before it."""
        graph = self._graph.copy()
        if normalization is not None:
            normalize_first(graph, normalization)
        return graph

    def channel_map(self) -> ChannelMap | None:
        """Look at the graph; what its maker's converter folded cannot be seen."""
        return leading_channel_map(self._graph)


def described(graph: Graph, tensors: Sequence[Tensor], side: str) -> tuple[ModelTensor, ...]:
    """Return inputs or outputs by their names in the signature; by the tensors' without one.

    Args:
        graph: The graph.
        tensors: Its inputs or its outputs.
        side: Which of them: ``"inputs"`` or ``"outputs"``.
    """
    names = {place: name for call in graph.calls[:1] for name, place in getattr(call, side).items()}
    return tuple(
        ModelTensor(names.get(place, tensor.name), tensor.shape, tensor.dtype)
        for place, tensor in enumerate(tensors)
    )

"""Walking through a graph op by op or in steps of several, for all samples at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import run_ops
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor


class GraphWalk:
    """Runs a graph from place to place; values are kept while an op still has to read them.

    Args:
        graph: The graph.
        samples: For each input its samples as the graph takes them, shape (samples, *shape of the
            input).
        kept: Tensors whose values are kept to the end.

    Example:
        >>> walk = GraphWalk(graph, [images])
        >>> walk.run_before(len(graph.ops))
        >>> walk.values[graph.output].shape
        (32, 1, 1000)
    """

    def __init__(
        self, graph: Graph, samples: Sequence[Array], kept: Collection[Tensor] = ()
    ) -> None:
        self.graph = graph
        self.values: dict[Tensor, Array] = dict(zip(graph.inputs, samples, strict=True))
        self._kept = {*graph.outputs, *kept}
        self._place = 0
        self._readers = Counter(tensor for op in graph.ops for tensor in op.activation_inputs)

    def run(self, op: Op) -> list[Array]:
        """Run the next op; it can be run again until :meth:`run_before` goes past it."""
        return run_ops(self.graph, [op], op.outputs, self.values)

    def run_before(self, place: int) -> None:
        """Run the ops before a place in the graph's order that have not been run, as one file.

        Of the values between these ops, those that no later op reads are not kept.
        """
        ops = self.graph.ops[self._place : place]
        if not ops:
            return
        self._readers.subtract(tensor for op in ops for tensor in op.activation_inputs)
        read = {tensor for op in ops for tensor in op.activation_inputs}
        made = dict.fromkeys(tensor for op in ops for tensor in op.outputs)
        kept = [tensor for tensor in made if tensor not in read or self._is_needed(tensor)]
        self.values.update(zip(kept, run_ops(self.graph, ops, kept, self.values), strict=True))
        for tensor in read - made.keys():
            if not self._is_needed(tensor):
                del self.values[tensor]
        self._place = place

    def _is_needed(self, tensor: Tensor) -> bool:
        return self._readers[tensor] > 0 or tensor in self._kept

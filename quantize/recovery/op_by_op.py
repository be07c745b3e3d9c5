"""Walking through a graph op by op, for all samples at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import run_op
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor


class GraphWalk:
    """Runs a graph op by op; a tensor's values are kept while an op still has to read them.

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
        """Run the next op; it can be run again until :meth:`finish` takes its results."""
        return run_op(self.graph, op, self.values)

    def run_before(self, place: int) -> None:
        """Run the ops before a place in the graph's order that have not been run."""
        while self._place < place:
            op = self.graph.ops[self._place]
            self.finish(op, self.run(op))

    def finish(self, op: Op, results: list[Array]) -> None:
        """Take the results of the next op, and forget values that no later op reads."""
        self.values.update(zip(op.outputs, results, strict=True))
        for tensor in op.activation_inputs:
            self._readers[tensor] -= 1
            if not self._readers[tensor] and tensor not in self._kept:
                del self.values[tensor]
        self._place += 1

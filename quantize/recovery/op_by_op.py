"""Walking through a graph op by op, for all images at once."""

from __future__ import annotations

from collections import Counter

from edgecnn.tflite.graph import Array, Graph, Op, Tensor
from edgecnn.tflite.runtime import run_op


class Walk:
    """A graph on its way through its ops; a value is kept while an op still has to read it.

    Args:
        graph: The graph.
        images: What goes in, shape (images, *shape of the input).
        in_halves: Keep float values as float16, which take half the memory.

    Example:
        >>> walk = Walk(graph, images)
        >>> walk.run_before(len(graph.ops))
        >>> walk.values[graph.output].shape
        (32, 1, 1000)
    """

    def __init__(self, graph: Graph, images: Array, *, in_halves: bool = False) -> None:
        self.graph = graph
        self._in_halves = in_halves
        self.values: dict[Tensor, Array] = {graph.input: images}
        self._place = 0
        self._readers = Counter(tensor for op in graph.ops for tensor in op.moving_inputs)

    def run(self, op: Op) -> list[Array]:
        """Run the op that is next, as often as wanted before its results are taken."""
        return run_op(self.graph, op, self.values, in_halves=self._in_halves)

    def run_before(self, place: int) -> None:
        """Run the ops before a place in the graph's order that have not been run."""
        while self._place < place:
            op = self.graph.ops[self._place]
            self.finish(op, self.run(op))

    def is_before(self, place: int) -> bool:
        """Whether the op at a place has not been run."""
        return self._place <= place

    def finish(self, op: Op, results: list[Array]) -> None:
        """Take the results of the op that is next, and forget what no later op reads."""
        self.values.update(zip(op.outputs, results, strict=True))
        for tensor in op.moving_inputs:
            self._readers[tensor] -= 1
            if not self._readers[tensor] and tensor is not self.graph.output:
                del self.values[tensor]
        self._place += 1

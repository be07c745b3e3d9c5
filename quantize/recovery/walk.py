"""Walking through a file op by op, for all images at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from edgecnn.tflite.operators import Array, OpenGraph, run_single


class Walk:
    """A file on its way through its ops; a value is kept while an op still has to read it.

    Args:
        graph: The file.
        images: What goes in, shape (images, *shape of the input).
        threads: For the runtime.
        in_halves: Keep float values as float16, which take half the memory.

    Example:
        >>> walk = Walk(OpenGraph(content), images, threads=2)
        >>> walk.run_before(len(walk.graph.operators))
        >>> walk.values[walk.graph.output].shape
        (32, 1, 1000)
    """

    def __init__(
        self, graph: OpenGraph, images: Array, threads: int, *, in_halves: bool = False
    ) -> None:
        self.graph = graph
        self._threads = threads
        self._in_halves = in_halves
        self.values: dict[int, Array] = {graph.input: images}
        self._place = 0
        self._readers = Counter(
            tensor for op in graph.operators for tensor in graph.moving_inputs(op)
        )

    def run(self, op: Any) -> list[Array]:
        """Run the op that is next, as often as wanted before its results are taken."""
        return run_single(self.graph, op, self.values, self._threads, in_halves=self._in_halves)

    def run_before(self, place: int) -> None:
        """Run the ops before a place in the file's order that have not been run."""
        while self._place < place:
            op = self.graph.operators[self._place]
            self.finish(op, self.run(op))

    def is_before(self, place: int) -> bool:
        """Whether the op at a place has not been run."""
        return self._place <= place

    def finish(self, op: Any, results: list[Array]) -> None:
        """Take the results of the op that is next, and forget what no later op reads."""
        self.values.update(zip((int(t) for t in op.outputs), results, strict=True))
        for tensor in self.graph.moving_inputs(op):
            self._readers[tensor] -= 1
            if not self._readers[tensor] and tensor != self.graph.output:
                del self.values[tensor]
        self._place += 1

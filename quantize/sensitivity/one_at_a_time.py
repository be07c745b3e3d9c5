"""One op of a float graph rounded at a time, and the scores that this makes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from edgecnn.importing.layer_names import TracedLayer, layer_of
from edgecnn.quantize.integer_values import rounded_activation
from edgecnn.quantize.recovery.op_by_op import Walk
from edgecnn.quantize.scores import scores_tensor
from edgecnn.tflite.graph import Array, Graph, Op, Range, Tensor
from edgecnn.tflite.parts import after, some_ops
from edgecnn.tflite.runtime import LoadedFile, run_over_images

PARTS = ("activation", "weights", "both")


class OneAtATime:
    """Walks through a float graph; what comes before an op is run once for all.

    What comes after it is run once for each change.

    Args:
        graph: A float32 graph.
        images: What goes in, shape (images, *shape of its input).

    Example:
        >>> walk = OneAtATime(graph, images)
        >>> for place, op in walk.up_to_scores():
        ...     found = walk.changed(place, op, (0.0, 6.0), None) if rounds(op) else {}
    """

    def __init__(self, graph: Graph, images: Array) -> None:
        self.graph = graph
        self.scores = scores_tensor(graph)
        self._walk = Walk(graph, images)

    def up_to_scores(self) -> Iterator[tuple[int, Op]]:
        """Yield each op that may be changed and its place; those that were not are run."""
        for place, op in enumerate(self.graph.ops):
            yield place, op
            self._walk.run_before(place + 1)
            if self.scores in op.outputs:
                return

    def changed(
        self,
        place: int,
        op: Op,
        extremes: Range,
        weights: Array | None,
        *,
        parts: Collection[str] = PARTS,
        centered: bool = False,
    ) -> dict[str, Array]:
        """Walk past an op, and return the scores with its weights, its result, or both rounded.

        Args:
            place: Place of the op in the graph's order, the next one.
            op: The op.
            extremes: The range of its result's levels.
            weights: Its rounded weights; None if it has none.
            parts: Which of the three to return.
            centered: Whether a bias would take up what rounded weights move a channel's mean by.
        """
        changed = None if weights is None else self._with_weights(op, weights)
        self._walk.run_before(place + 1)
        exact = self._walk.values[op.result]
        if changed is not None and centered:
            axes = tuple(range(changed.ndim - 1))
            changed = changed - (changed - exact).mean(axis=axes)
        rest = RestOfNetwork(self.graph, place + 1, self.scores)
        tried = {"activation": (exact, True), "weights": (changed, False), "both": (changed, True)}
        found = {}
        for part in parts:
            values, is_rounded = tried[part]
            if values is not None:
                values = rounded_activation(values, extremes) if is_rounded else values
                found[part] = rest.scores({**self._walk.values, op.result: values})
        return found

    def _with_weights(self, op: Op, weights: Array) -> Array:
        """Return an op's result with other weights."""
        inputs = [self._walk.values[tensor] for tensor in op.moving_inputs]
        kept = op.weights.data
        op.weights.values = weights
        try:
            return run_over_images(some_ops(self.graph, [op]), inputs)[0]
        finally:
            op.weights.data = kept


def rounds(op: Op) -> bool:
    """Whether an op's integers would not be those that it reads."""
    return op.result.is_float and bool(op.moving_inputs) and not op.known.moves_values


def layer_name(op: Op, layers: Mapping[str, TracedLayer]) -> str:
    """Return the Keras name of an op's layer.

    Args:
        op: The op.
        layers: As ``layer_names.keep_layer_names`` gave them.
    """
    # An answer has no layer's name, but its weights have.
    tensors = [op.result, *([op.weights] if op.is_weighted else [])]
    return layer_of(";".join(tensor.name for tensor in tensors), layers)


class RestOfNetwork:
    """Runs the ops from a place on, for values that may not be those that the ops before made.

    Args:
        graph: The network.
        place: Place of the first op in the graph's order.
        scores: Tensor of the scores.

    Example:
        >>> RestOfNetwork(graph, 5, scores_tensor(graph)).scores(values).shape
        (32, 1000)
    """

    def __init__(self, graph: Graph, place: int, scores: Tensor) -> None:
        self._sources, content = after(graph, place, scores)
        self._file = None if self._sources == [scores] else LoadedFile(content)

    def scores(self, values: Mapping[Tensor, Array]) -> Array:
        """Return the scores, shape (images, classes).

        Args:
            values: Tensor -> values of shape (images, *shape of the tensor).
        """
        given = [values[source] for source in self._sources]
        count = len(given[0])
        if self._file is None:
            return given[0].reshape(count, -1)
        answers = []
        for number in range(count):
            self._file.run([part[number] for part in given])
            answers.append(self._file.output(0).reshape(-1).copy())
        return np.stack(answers)

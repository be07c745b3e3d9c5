"""One op of a float graph rounded at a time, and the scores that this makes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from edgecnn.importing.layer_names import TracedLayer, layer_of
from edgecnn.quantize.recovery.op_by_op import GraphWalk
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import rounded_activation
from edgecnn.tflite.parts import part_after
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.scores import scores_tensor
from edgecnn.tflite.tensors_and_ops import Array, Op, Range, Tensor

PARTS = ("activation", "weights", "both")


class OneOpAtATime:
    """Walks through a float graph and rounds one op at a time.

    The ops before an op are run once for all, the ops after it once for each change.

    Args:
        graph: A float32 graph.
        images: Images as the graph takes them, shape (images, *shape of the graph's input).

    Example:
        >>> walk = OneOpAtATime(graph, images)
        >>> for place, op in walk.up_to_scores():
        ...     if rounds_result(op):
        ...         scores = walk.rounded_scores(place, op, (0.0, 6.0), None)["activation"]
    """

    def __init__(self, graph: Graph, images: Array) -> None:
        self.graph = graph
        self.scores = scores_tensor(graph)
        self._walk = GraphWalk(graph, images)

    def up_to_scores(self) -> Iterator[tuple[int, Op]]:
        """Yield each op up to the scores with its place, and run it unless the caller did."""
        for place, op in enumerate(self.graph.ops):
            yield place, op
            self._walk.run_before(place + 1)
            if self.scores in op.outputs:
                return

    def rounded_scores(
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
            place: Place in the graph's order of the op that comes next.
            op: The op at that place.
            extremes: The range that the levels of the op's result cover.
            weights: The op's rounded weights; None for an op without weights.
            parts: Which scores to return: some of ``PARTS``.
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
        scores = {}
        for part in parts:
            values, is_rounded = tried[part]
            if values is not None:
                values = rounded_activation(values, extremes) if is_rounded else values
                scores[part] = rest.scores({**self._walk.values, op.result: values})
        return scores

    def _with_weights(self, op: Op, weights: Array) -> Array:
        """Return what an op's result is with other weights."""
        own_weights = op.weights.data
        op.weights.values = weights
        try:
            return self._walk.run(op)[0]
        finally:
            op.weights.data = own_weights


def rounds_result(op: Op) -> bool:
    """Whether an op makes new values, which an integer file has to round to their own levels."""
    return op.result.is_float and bool(op.activation_inputs) and not op.traits.moves_values


def layer_name(op: Op, layers: Mapping[str, TracedLayer]) -> str:
    """Return the Keras name of an op's layer.

    Args:
        op: The op.
        layers: The traced layers by name, from ``layer_names.traced_layers``.
    """
    # The tensor of the model's answer is not named after its layer, but the weights are.
    tensors = [op.result, *([op.weights] if op.is_weighted else [])]
    return layer_of(";".join(tensor.name for tensor in tensors), layers)


class RestOfNetwork:
    """Runs the ops from a place on with any values of the tensors that they read.

    Args:
        graph: The network.
        place: Place of the first op in the graph's order.
        scores: Tensor of the scores.

    Example:
        >>> RestOfNetwork(graph, 5, scores_tensor(graph)).scores(values).shape
        (32, 1000)
    """

    def __init__(self, graph: Graph, place: int, scores: Tensor) -> None:
        self._sources, content = part_after(graph, place, scores)
        self._file = None if self._sources == [scores] else LoadedFile(content)

    def scores(self, values: Mapping[Tensor, Array]) -> Array:
        """Return the scores, shape (images, classes).

        Args:
            values: Tensor -> values of shape (images, *shape of the tensor).
        """
        inputs = [values[source] for source in self._sources]
        count = len(inputs[0])
        if self._file is None:
            return inputs[0].reshape(count, -1)
        answers = []
        for number in range(count):
            self._file.run([images[number] for images in inputs])
            answers.append(self._file.output(0).reshape(-1).copy())
        return np.stack(answers)

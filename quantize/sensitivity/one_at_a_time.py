"""One op of a float graph rounded at a time, and the scores that this makes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from edgecnn.importing.layer_names import TracedLayer, layer_of
from edgecnn.quantize.recovery.op_by_op import GraphWalk
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import rounded_activation
from edgecnn.tflite.parts import part_after
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.scores import Scores
from edgecnn.tflite.tensors_and_ops import Array, Op, Range, Tensor

PARTS = ("activation", "weights", "both")


class OneOpAtATime:
    """Walks through a float graph and rounds one op at a time.

    The ops before an op are run once for all, the ops after it once for each change.

    Args:
        graph: A float32 graph.
        samples: For each input its samples as the graph takes them, shape (samples, *shape of the
            input).
        scores: The tensor of each output's scores.

    Example:
        >>> walk = OneOpAtATime(graph, [images], scores_tensors(graph))
        >>> for place, op in walk.up_to_scores():
        ...     if rounds_result(op):
        ...         scores = walk.rounded_scores(place, op, (0.0, 6.0), None)["activation"]
    """

    def __init__(self, graph: Graph, samples: Sequence[Array], scores: Sequence[Tensor]) -> None:
        self.graph, self.scores = graph, scores
        self._walk = GraphWalk(graph, samples, kept=scores)

    def up_to_scores(self) -> Iterator[tuple[int, Op]]:
        """Yield each op that scores depend on with its place, and run it unless the caller did."""
        needed = ops_before(self.graph, self.scores)
        places = [place for place, op in enumerate(self.graph.ops) if op in needed]
        for place in places:
            self._walk.run_before(place)
            yield place, self.graph.ops[place]
            self._walk.run_before(place + 1)

    def rounded_scores(
        self,
        place: int,
        op: Op,
        extremes: Range,
        weights: Array | None,
        *,
        parts: Collection[str] = PARTS,
        centered: bool = False,
    ) -> dict[str, Scores]:
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


def ops_before(graph: Graph, results: Sequence[Tensor]) -> set[Op]:
    """Return the ops that some results depend on."""
    needed, ops = set(results), set[Op]()
    for op in reversed(graph.ops):
        if needed & set(op.outputs):
            ops.add(op)
            needed |= set(op.activation_inputs)
    return ops


class RestOfNetwork:
    """Runs the ops from a place on with any values of the tensors that they read.

    Args:
        graph: The network.
        place: Place of the first op in the graph's order.
        scores: The tensor of each output's scores.

    Example:
        >>> RestOfNetwork(graph, 5, scores_tensors(graph)).scores(values)[0].shape
        (32, 1000)
    """

    def __init__(self, graph: Graph, place: int, scores: Sequence[Tensor]) -> None:
        made = {tensor for op in graph.ops[place:] for tensor in op.outputs}
        self._scores = scores
        self._results = [tensor for tensor in dict.fromkeys(scores) if tensor in made]
        if self._results:
            self._sources, content = part_after(graph, place, self._results)
            self._file = LoadedFile(content)

    def scores(self, values: Mapping[Tensor, Array]) -> Scores:
        """Return the scores of each output, shape (samples, *shape without the batch).

        Args:
            values: Tensor -> values of shape (samples, *shape of the tensor), also for scores that
                ops before the place made.
        """
        found = dict(values)
        if self._results:
            inputs = [values[source] for source in self._sources]
            found |= dict(zip(self._results, self._run(inputs), strict=True))
        return [found[each].reshape(len(found[each]), *each.shape[1:]) for each in self._scores]

    def _run(self, inputs: Sequence[Array]) -> list[Array]:
        answers: list[list[Array]] = [[] for _ in self._results]
        for number in range(len(inputs[0])):
            self._file.run([values[number] for values in inputs])
            for place, answer in enumerate(answers):
                answer.append(self._file.output(place).copy())
        return [np.stack(answer) for answer in answers]

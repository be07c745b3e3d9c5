"""The rest of a network, from a place in it to the scores."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.tflite.operators import Array, OpenGraph
from edgecnn.tflite.writing import pack


class CuttableGraph(OpenGraph):
    """A graph of which an op with other weights, or all after a place, can be cut out."""

    def single_with(self, op: Any, weights: Array) -> bytes:
        """Return a model of one op as ``single`` does, with other weights; the graph keeps its own.

        Args:
            op: A weighted op.
            weights: Of the shape of its own.
        """
        entry = self.tensors[int(op.inputs[1])]
        kept = entry.buffer
        self.set_values(int(op.inputs[1]), weights)
        try:
            return self.single(op)
        finally:
            entry.buffer = kept
            self._model.buffers.pop()

    def after(self, place: int, result: int) -> tuple[list[int], bytes]:
        """Cut out what leads to a result, of the ops from a place on.

        Args:
            place: In the file's order.
            result: Tensor that becomes the output.

        Returns:
            The tensors from before that it reads, and the part as a file whose inputs they are.
        """
        wanted, kept, sources = {result}, [], []
        for op in reversed(self.operators[place:]):
            if wanted & {int(tensor) for tensor in op.outputs}:
                kept.append(op)
                wanted |= set(self.moving_inputs(op))
        made = {int(tensor) for op in kept for tensor in op.outputs}
        sources = sorted(wanted - made)
        return sources, self._packed(kept[::-1], sources, result)

    def _packed(self, operators: list[Any], sources: list[int], result: int) -> bytes:
        model, graph = copy.copy(self._model), copy.copy(self._graph)
        graph.operators = operators
        graph.inputs, graph.outputs = np.array(sources, np.int32), np.array([result], np.int32)
        model.subgraphs, model.signatureDefs, model.metadata = [graph], None, None
        used = {self.tensors[int(t)].buffer for op in operators for t in op.inputs if t >= 0}
        empty = self.schema.BufferT()
        model.buffers = [
            buffer if number in used else empty for number, buffer in enumerate(model.buffers)
        ]
        size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
        return pack(model, size)


class Tail:
    """Runs the ops from a place on, for values that may not be those that the ops before made.

    Args:
        graph: The network.
        place: In the file's order.
        scores: Tensor of the scores.
        threads: For the runtime.

    Example:
        >>> Tail(graph, 5, scores, threads=2).run(values).shape
        (32, 1000)
    """

    def __init__(self, graph: CuttableGraph, place: int, scores: int, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._sources, content = graph.after(place, scores)
        self._is_empty = self._sources == [scores]
        if self._is_empty:
            return
        self._interpreter: Any = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        self._inputs = [detail["index"] for detail in inputs]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def run(self, values: Mapping[int, Array]) -> Array:
        """Return the scores, shape (images, classes).

        Args:
            values: Tensor -> values of shape (images, *shape of the tensor).
        """
        given = [values[source] for source in self._sources]
        count = len(given[0])
        if self._is_empty:
            return given[0].reshape(count, -1)
        return np.stack([self._run_one([part[n] for part in given]) for n in range(count)])

    def _run_one(self, values: list[Array]) -> Array:
        for index, value in zip(self._inputs, values, strict=True):
            self._interpreter.tensor(index)()[...] = value
        self._interpreter.invoke()
        return np.array(self._interpreter.tensor(self._output)()).reshape(-1)

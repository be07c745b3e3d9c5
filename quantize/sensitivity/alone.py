"""One op of a float file rounded at a time, and the scores that this makes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from edgecnn.importing.layer_names import TracedLayer, layer_of
from edgecnn.quantize.ranges import Range, threads
from edgecnn.quantize.recovery.walk import Walk
from edgecnn.quantize.sensitivity.rounding import rounded_activation
from edgecnn.quantize.sensitivity.tail import CuttableGraph, Tail
from edgecnn.tflite.operators import Array, run_model, scores_tensor

PASSES_ON = (
    "BATCH_TO_SPACE_ND",
    "CAST",
    "DEPTH_TO_SPACE",
    "EXPAND_DIMS",
    "GATHER",
    "MAX_POOL_2D",
    "MIRROR_PAD",
    "PACK",
    "PAD",
    "PADV2",
    "RESHAPE",
    "SHAPE",
    "SLICE",
    "SPACE_TO_BATCH_ND",
    "SPACE_TO_DEPTH",
    "SPLIT",
    "SPLIT_V",
    "SQUEEZE",
    "STRIDED_SLICE",
    "TRANSPOSE",
    "UNPACK",
)
"""Ops whose result has the integers that they read: they cost nothing by themselves."""

PARTS = ("activation", "weights", "both")


class OneAtATime:
    """Walks through a float file; what comes before an op is run once for all.

    What comes after it is run once for each change.

    Args:
        content: A float32 file.
        images: What goes in, shape (images, *shape of its input).

    Example:
        >>> walk = OneAtATime(content, images)
        >>> for place, op in walk.up_to_scores():
        ...     found = walk.changed(place, op, (0.0, 6.0), None) if walk.rounds(op) else {}
    """

    def __init__(self, content: bytes, images: Array) -> None:
        self.graph = CuttableGraph(content)
        self.scores = scores_tensor(self.graph)
        self._walk = Walk(self.graph, images, threads())

    def up_to_scores(self) -> Iterator[tuple[int, Any]]:
        """Yield each op that may be changed and its place; those that were not are run."""
        for place, op in enumerate(self.graph.operators):
            yield place, op
            self._walk.run_before(place + 1)
            if self.scores in map(int, op.outputs):
                return

    def rounds(self, op: Any) -> bool:
        """Whether an op's integers would not be those that it reads."""
        graph = self.graph
        is_float = graph.dtype(int(op.outputs[0])) == np.float32
        return is_float and bool(graph.moving_inputs(op)) and graph.kind(op) not in PASSES_ON

    def layer(self, op: Any, layers: Mapping[str, TracedLayer]) -> str:
        """Return the Keras name of an op's layer.

        Args:
            op: The op.
            layers: As ``naming.keep_layer_names`` gave them.
        """
        tensors = [int(op.outputs[0])]
        if self.graph.is_weighted(op):
            # An answer has no layer's name, but its weights have.
            tensors.append(int(op.inputs[1]))
        return layer_of(";".join(map(self.graph.name, tensors)), layers)

    def changed(
        self,
        place: int,
        op: Any,
        bounds: Range,
        weights: Array | None,
        *,
        parts: Collection[str] = PARTS,
        centered: bool = False,
    ) -> dict[str, Array]:
        """Walk past an op, and return the scores with its weights, its result, or both rounded.

        Args:
            place: Of the op in the file's order, the next one.
            op: The op.
            bounds: Of its result's 256 levels.
            weights: Its rounded ones; None if it has none.
            parts: Which of the three to return.
            centered: Whether a bias would take up what rounded weights move a channel's mean by.
        """
        changed = None if weights is None else self._with_weights(op, weights)
        self._walk.run_before(place + 1)
        result = int(op.outputs[0])
        exact = self._walk.values[result]
        if changed is not None and centered:
            axes = tuple(range(changed.ndim - 1))
            changed = changed - (changed - exact).mean(axis=axes)
        tail = Tail(self.graph, place + 1, self.scores, threads())
        tried = {"activation": (exact, True), "weights": (changed, False), "both": (changed, True)}
        found = {}
        for part in parts:
            values, is_rounded = tried[part]
            if values is not None:
                values = rounded_activation(values, bounds) if is_rounded else values
                found[part] = tail.run({**self._walk.values, result: values})
        return found

    def _with_weights(self, op: Any, weights: Array) -> Array:
        """Return an op's result with other weights."""
        inputs = [self._walk.values[tensor] for tensor in self.graph.moving_inputs(op)]
        return run_model(self.graph.single_with(op, weights), inputs, threads())[0]

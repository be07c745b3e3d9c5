"""Each op of a float file quantised alone, and what that does to the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.quantize.naming import layer_of
from edgecnn.quantize.ranges import Observed, Range, Values, threads
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.equalization import equalized_tensors
from edgecnn.quantize.recovery.fidelity import fidelity, snr_db
from edgecnn.quantize.recovery.operators import Array, run_model, scores_tensor
from edgecnn.quantize.recovery.walk import Walk
from edgecnn.quantize.sensitivity.result import LayerSensitivity
from edgecnn.quantize.sensitivity.rounding import (
    FIXED_RANGES,
    rounded_activation,
    rounded_weights,
)
from edgecnn.quantize.sensitivity.tail import CuttableGraph, Tail

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

MOST = 0.999


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Args:
        content: A float32 file.
        observed: Its activations over the calibration images.
        images: What goes in, shape (images, *shape of its input).
        layers: As ``naming.keep_layer_names`` gave them.
    """

    content: bytes
    observed: Observed
    images: Array
    layers: Mapping[str, bool]


class LayerByLayer:
    """Walks through a float file and quantises each op alone on the way.

    What comes before an op is run once for all; what comes after it, once for each change.

    Args:
        subject: What is measured.
        wanted: The float file's scores, shape (images, classes).
        on_progress: Told (ops done, ops in all).
    """

    def __init__(
        self, subject: Subject, wanted: Array, on_progress: Callable[[int, int], None]
    ) -> None:
        self._graph = CuttableGraph(subject.content)
        self._walk = Walk(self._graph, subject.images, threads())
        self._subject, self._wanted, self._on_progress = subject, wanted, on_progress
        self._scores = scores_tensor(self._graph)
        self._equalized = set(equalized_tensors(self._graph))
        observed = subject.observed
        self._clipped = clipped_ranges(subject.content, observed.ranges, observed.samples)

    def rows(self) -> Iterator[LayerSensitivity]:
        """Yield a row for each op that rounds, in the order of the network; shares are 0 yet."""
        operators = self._graph.operators
        for place, op in enumerate(operators):
            if self._rounds(op):
                yield self._row(place, op)
            else:
                self._walk.run_before(place + 1)
            self._on_progress(place + 1, len(operators))
            if self._scores in map(int, op.outputs):
                return

    def _rounds(self, op: Any) -> bool:
        graph = self._graph
        is_float = graph.dtype(int(op.outputs[0])) == np.float32
        return is_float and bool(graph.moving_inputs(op)) and graph.kind(op) not in PASSES_ON

    def _row(self, place: int, op: Any) -> LayerSensitivity:
        graph, kind, result = self._graph, self._graph.kind(op), int(op.outputs[0])
        extremes = self._subject.observed.ranges[result]
        weights = graph.values(int(op.inputs[1])) if graph.is_weighted(op) else None
        scores = self._scores_of_changes(place, op, FIXED_RANGES.get(kind, extremes))
        both = fidelity(scores.get("both", scores["activation"]), self._wanted)
        return LayerSensitivity(
            layer=layer_of(self._names(op), self._subject.layers),
            kind=kind,
            place=place,
            weights_db=snr_db(scores["weights"], self._wanted) if "weights" in scores else None,
            activation_db=snr_db(scores["activation"], self._wanted),
            both_db=both.snr_db,
            agreement=both.agreement,
            share=0.0,
            low=extremes[0],
            high=extremes[1],
            most_within=_most_within(self._subject.observed.samples[result], extremes),
            weights_lost=None if weights is None else _lost(weights, kind),
            is_equalized=result in self._equalized,
            is_clipped=self._clipped[result] != extremes,
        )

    def _names(self, op: Any) -> str:
        """Return the name of an op's result and of its weights: an answer has no layer's name."""
        tensors = [int(op.outputs[0])]
        if self._graph.is_weighted(op):
            tensors.append(int(op.inputs[1]))
        return ";".join(map(self._graph.name, tensors))

    def _scores_of_changes(self, place: int, op: Any, bounds: Range) -> dict[str, Array]:
        """Walk past an op, and return the scores with its weights, its result, or both rounded."""
        result = int(op.outputs[0])
        changed = self._with_rounded_weights(op) if self._graph.is_weighted(op) else None
        self._walk.run_before(place + 1)
        exact = self._walk.values[result]
        tail = Tail(self._graph, place + 1, self._scores, threads())

        def scores(values: Array) -> Array:
            return tail.run({**self._walk.values, result: values})

        found = {"activation": scores(rounded_activation(exact, bounds))}
        if changed is not None:
            found["weights"] = scores(changed)
            found["both"] = scores(rounded_activation(changed, bounds))
        return found

    def _with_rounded_weights(self, op: Any) -> Array:
        """Return an op's result with its weights in 8 bits."""
        graph = self._graph
        weights = rounded_weights(graph.values(int(op.inputs[1])), graph.kind(op))
        inputs = [self._walk.values[tensor] for tensor in graph.moving_inputs(op)]
        return run_model(graph.single_with(op, weights), inputs, threads())[0]


def _lost(weights: Array, kind: str) -> float:
    """Return the part of weights that are not 0, but are when rounded."""
    return float(((weights != 0) & (rounded_weights(weights, kind) == 0)).mean())


def _most_within(samples: Values, extremes: Range) -> float:
    """Return the part of a range, from 0 on, in which most of the values are."""
    greatest = max(abs(extremes[0]), abs(extremes[1]))
    most = float(np.quantile(np.abs(samples), MOST))
    return min(most / greatest, 1.0) if greatest else 1.0

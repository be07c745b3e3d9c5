"""Each op of a float file quantised alone, and what that does to the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.calibration.ranges import Observed, Values
from edgecnn.quantize.integer_values import FIXED_RANGES, rounded_weights
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.fidelity import fidelity, sqnr_db
from edgecnn.quantize.rewriting.kernel_ranges import kernel_ranges
from edgecnn.quantize.sensitivity.one_at_a_time import OneAtATime, layer_name, rounds
from edgecnn.quantize.sensitivity.result import LayerSensitivity
from edgecnn.tflite.graph import Array, Graph, Op, Range

MOST_OF_VALUES = 0.999


@dataclass(frozen=True)
class MeasuredModel:
    """What is measured.

    Args:
        graph: A float32 graph.
        observed: Its activations over the calibration images.
        images: What goes in, shape (images, *shape of its input).
        layers: As ``layer_names.keep_layer_names`` gave them.
    """

    graph: Graph
    observed: Observed
    images: Array
    layers: Mapping[str, TracedLayer]


class LayerByLayer:
    """Walks through a float graph and quantises each op alone on the way.

    Args:
        model: What is measured.
        wanted: The float graph's scores, shape (images, classes).
        on_progress: Told (ops done, ops in all).
    """

    def __init__(
        self, model: MeasuredModel, wanted: Array, on_progress: Callable[[int, int], None]
    ) -> None:
        graph, observed = model.graph, model.observed
        self._one = OneAtATime(graph, model.images)
        self._model, self._wanted, self._on_progress = model, wanted, on_progress
        self._equalized = watched_tensors(graph)
        self._ranges = observed.ranges | kernel_ranges(graph, observed.ranges)
        self._clipped = clipped_ranges(graph, observed)

    def rows(self) -> Iterator[LayerSensitivity]:
        """Yield a row for each op that rounds, in the order of the network; shares are 0 yet."""
        total = len(self._model.graph.ops)
        for place, op in self._one.up_to_scores():
            if rounds(op):
                yield self._row(place, op)
            self._on_progress(place + 1, total)

    def _row(self, place: int, op: Op) -> LayerSensitivity:
        observed, index = self._model.observed, op.result.index
        extremes = self._ranges[index]
        weights = op.weights.values if op.is_weighted else None
        rounded = None if weights is None else rounded_weights(weights, op.kind)
        scores = self._one.changed(place, op, FIXED_RANGES.get(op.kind, extremes), rounded)
        both = fidelity(scores.get("both", scores["activation"]), self._wanted)
        return LayerSensitivity(
            layer=layer_name(op, self._model.layers),
            kind=op.kind,
            place=place,
            weights_db=sqnr_db(scores["weights"], self._wanted) if "weights" in scores else None,
            activation_db=sqnr_db(scores["activation"], self._wanted),
            both_db=both.sqnr_db,
            agreement=both.agreement,
            share=0.0,
            low=extremes[0],
            high=extremes[1],
            most_within=_most_within(observed.samples[index], extremes),
            weights_lost=None if weights is None else _lost(weights, op.kind),
            is_equalized=op.result in self._equalized,
            is_clipped=self._clipped.get(index, observed.ranges[index]) != observed.ranges[index],
        )


def _lost(weights: Array, kind: str) -> float:
    """Return the part of weights that are not 0, but are when rounded."""
    return float(((weights != 0) & (rounded_weights(weights, kind) == 0)).mean())


def _most_within(samples: Values, extremes: Range) -> float:
    """Return the part of a range, from 0 on, in which most of the values are."""
    greatest = max(abs(extremes[0]), abs(extremes[1]))
    most = float(np.quantile(np.abs(np.clip(samples, *extremes)), MOST_OF_VALUES))
    return min(most / greatest, 1.0) if greatest else 1.0
